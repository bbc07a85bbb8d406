"""Convolutions as matrix products: torch's own numbers, forward and backward."""

import copy

import pytest
import torch
from torch import Tensor, nn

from diptych.fast.matrix_convolution import (
    WEIGHTS_PER_PLACE,
    MatrixConv2d,
    MatrixConvTranspose2d,
    multiply_small_maps,
)
from diptych.networks import build_discriminator, build_generator

KINDS = {nn.Conv2d: MatrixConv2d, nn.ConvTranspose2d: MatrixConvTranspose2d}


def learned(layer: nn.Module, given: Tensor) -> list[Tensor]:
    """What a layer makes, and all gradients of a function that treats every number otherwise."""
    given = given.clone().requires_grad_()
    made = layer(given)
    weights = torch.linspace(-1, 1, made.numel(), dtype=made.dtype).view(made.shape)
    return [made, *torch.autograd.grad((made * weights).sum(), [given, *layer.parameters()])]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("layout", [torch.channels_last, torch.contiguous_format])
@pytest.mark.parametrize("size", [(1, 1), (2, 2), (5, 7), (3, 2), (6, 9)])
@pytest.mark.parametrize("count", [1, 3])
def test_equals_torchs_layers(kind, bias, layout, size, count, monkeypatch):
    if kind is nn.Conv2d and min(size) == 1:
        size = (2, 3)  # torch makes nothing of a single pixel
    torch.manual_seed(0)
    layer = kind(3, 5, 4, 2, 1, bias=bias).double().to(memory_format=layout)
    ours = copy.deepcopy(layer)
    multiply_small_maps(ours)
    assert type(ours) is KINDS[kind]
    given = torch.randn(count, 3, *size, dtype=torch.float64)
    expected = learned(layer, given)
    assert all(map(torch.equal, learned(ours, given), expected)), "too few weights: torch's way"
    monkeypatch.setattr("diptych.fast.matrix_convolution.WEIGHTS_PER_PLACE", 0)
    monkeypatch.setattr(nn.Conv2d, "forward", None)
    monkeypatch.setattr(nn.ConvTranspose2d, "forward", None)
    for mine, theirs in zip(learned(ours, given), expected, strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-12, atol=1e-12)


def test_small_maps_of_many_weights_are_multiplied_and_others_are_not(monkeypatch):
    layer = nn.Conv2d(64, 64, 4, 2, 1)
    multiply_small_maps(layer)
    places = layer.weight.numel() // WEIGHTS_PER_PLACE
    torchs = []
    original = nn.Conv2d.forward
    monkeypatch.setattr(
        nn.Conv2d, "forward", lambda self, x: (torchs.append(x.shape), original(self, x))[1]
    )
    layer(torch.zeros(places, 64, 2, 2))  # one place each
    assert not torchs
    layer(torch.zeros(places + 1, 64, 2, 2))
    assert len(torchs) == 1


@pytest.mark.parametrize("bf16", [False, True])
def test_networks_make_the_same_with_the_weights_they_have(bf16):
    torch.manual_seed(0)
    for network, channels in (
        (build_generator(base_channels=16, levels=6), 3),
        (build_discriminator(base_channels=16, receptive_field=16), 6),
    ):
        source = torch.rand(2, channels, 64, 64) * 2 - 1
        network.eval()
        names, weights = list(network.state_dict()), list(network.parameters())
        with torch.no_grad(), torch.autocast("cpu", torch.bfloat16, enabled=bf16):
            before = network(source)
            multiply_small_maps(network)
            after = network(source)
        assert after.dtype == before.dtype
        torch.testing.assert_close(after, before, atol=0.05 if bf16 else 1e-4, rtol=0)
        assert list(network.state_dict()) == names
        assert all(a is b for a, b in zip(network.parameters(), weights, strict=True))


def test_other_convolutions_are_left_as_they_are():
    others = nn.Sequential(
        nn.Conv2d(3, 4, 3, 2, 1),
        nn.Conv2d(3, 4, 4, 1, 1),
        nn.Conv2d(4, 4, 4, 2, 1, groups=2),
        nn.ConvTranspose2d(3, 4, 4, 2, 0),
    )
    multiply_small_maps(others)
    assert {type(layer) for layer in others} == {nn.Conv2d, nn.ConvTranspose2d}
