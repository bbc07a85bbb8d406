import copy
import io

import pytest
import torch
from torch import nn

from diptych.fast.adam import Adam

BETAS = (0.5, 0.999)


def network(layout: torch.memory_format) -> nn.Module:
    """Weights of all kinds: 4x4, 1x1, a single channel, transposed, scales and shifts."""
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, 6, 4, 2, 1, bias=False),
        nn.GroupNorm(2, 6),
        nn.ReLU(),
        nn.Conv2d(6, 5, 1),
        nn.ConvTranspose2d(5, 4, 4, 2, 1),
        nn.Conv2d(4, 1, 3, padding=1),
    ).to(memory_format=layout)


def learn(model: nn.Module, optimizer: torch.optim.Optimizer, steps: int, begin: int = 0) -> None:
    for step in range(begin, begin + steps):
        source = torch.randn(2, 3, 8, 8, generator=torch.Generator().manual_seed(step))
        optimizer.zero_grad()
        (model(source) - 1).abs().mean().backward()
        optimizer.step()


def same(ours: nn.Module, theirs: nn.Module) -> None:
    for mine, other in zip(ours.parameters(), theirs.parameters(), strict=True):
        # Both kernels are torch's own; they only walk through memory in another order.
        torch.testing.assert_close(mine, other, atol=1e-7, rtol=1e-5)
        assert mine.stride() == other.stride()


@pytest.mark.parametrize("layout", [torch.channels_last, torch.contiguous_format])
@pytest.mark.parametrize("fused", [True, False])
def test_equals_torchs(layout, fused):
    ours, theirs = network(layout), network(layout)
    before = copy.deepcopy(ours)
    learn(ours, Adam(ours.parameters(), 2e-3, BETAS, fused=True), 6)
    learn(theirs, torch.optim.Adam(theirs.parameters(), 2e-3, BETAS, fused=fused), 6)
    same(ours, theirs)
    for weight, was in zip(ours.parameters(), before.parameters(), strict=True):
        assert (weight - was).abs().max() > 5e-3, "every weight has moved"


def test_on_equal_gradients_it_equals_torchs_to_the_last_bit_or_two():
    weights = torch.randn(8, 6, 4, 4).to(memory_format=torch.channels_last)
    ours, theirs = (nn.Parameter(weights.clone()) for _ in range(2))
    mine = Adam([ours], 2e-3, BETAS, fused=True)
    other = torch.optim.Adam([theirs], 2e-3, BETAS, fused=True)
    for step in range(5):
        gradient = torch.randn(8, 6, 4, 4, generator=torch.Generator().manual_seed(step))
        for parameter, optimizer in ((ours, mine), (theirs, other)):
            parameter.grad = gradient.to(memory_format=torch.channels_last)
            optimizer.step()
    # Vectorised and single elements may round otherwise by the last bit.
    torch.testing.assert_close(ours, theirs, atol=3e-8, rtol=3e-7)


def test_gradients_laid_out_otherwise_are_taken():
    weights = torch.randn(4, 3, 3, 3).to(memory_format=torch.channels_last)
    gradient = torch.randn(4, 3, 3, 3)
    ours, theirs = (nn.Parameter(weights.clone()) for _ in range(2))
    for parameter, kind in ((ours, Adam), (theirs, torch.optim.Adam)):
        parameter.grad = gradient.clone()
        kind([parameter], 1e-2, BETAS, fused=True).step()
    torch.testing.assert_close(ours, theirs)


@pytest.mark.parametrize(
    "kinds", [(Adam, Adam), (Adam, torch.optim.Adam), (torch.optim.Adam, Adam)]
)
def test_a_checkpoint_goes_on_where_it_was_and_is_torchs_own(kinds):
    whole = network(torch.channels_last)
    learn(whole, Adam(whole.parameters(), 2e-3, BETAS, fused=True), 7)

    first, second = kinds
    begun = network(torch.channels_last)
    optimizer = first(begun.parameters(), 2e-3, BETAS, fused=True)
    learn(begun, optimizer, 4)
    file = io.BytesIO()
    torch.save({"network": begun.state_dict(), "optimizer": optimizer.state_dict()}, file)
    file.seek(0)
    stored = torch.load(file, weights_only=True)
    resumed = network(torch.channels_last)
    resumed.load_state_dict(stored["network"])
    again = second(resumed.parameters(), 1.0, fused=True)
    again.load_state_dict(stored["optimizer"])
    learn(resumed, again, 3, begin=4)
    if kinds == (Adam, Adam):
        assert all(map(torch.equal, resumed.parameters(), whole.parameters()))
    same(resumed, whole)
    for weight in resumed.parameters():
        average = again.state[weight]["exp_avg"]
        assert average.shape == weight.shape
        assert average.stride() == weight.stride()
