"""What a pixel becomes depends on what lies around it, and on nothing else."""

import pytest
import torch
from tests.networks.test_noise import last_weight
from torch import Tensor, nn

from diptych.networks import build_generator, has_noise
from diptych.networks.multiply_adds import multiply_adds, parameters
from diptych.networks.odd_sizes import misfit
from diptych.networks.pixel_norm import PixelNorm


def small(**options) -> nn.Module:
    torch.manual_seed(0)
    return build_generator("resunet", **{"base_channels": 4, "blocks": 1, **options})


def pictures(*shape: int) -> Tensor:
    """Soft random pictures in [-1, 1]: a plain gray would make all places alike."""
    noise = torch.rand(*shape, generator=torch.Generator().manual_seed(1)) * 2 - 1
    return nn.functional.avg_pool2d(noise, 5, 1, 2) * 2


@pytest.mark.parametrize("size", [(32, 32), (64, 96)])
def test_of_any_channels_and_multiples_of_32(size):
    network = small(in_channels=5, out_channels=2)
    made = network(torch.rand(2, 5, *size) * 2 - 1)
    assert made.shape == (2, 2, *size)
    assert made.abs().max() <= 1
    made.square().mean().backward()
    assert all(p.grad is not None and p.grad.any() for p in network.parameters())


@pytest.mark.slow  # counting imports much
def test_what_it_costs():
    network = build_generator("resunet")
    assert parameters(network) == 4_415_484
    assert multiply_adds(network, 3, (256, 256)) == pytest.approx(1.775e9, rel=1e-3)
    assert not has_noise(network)


def test_crops_are_multiples_of_32():
    network = small()
    assert network.size_multiple == 32
    assert misfit(network, (96, 64)) == ""
    assert misfit(network, (100, 64)) == "not a multiple of 32"
    assert misfit(small(noise_channels=1), (48, 64)) == "not a multiple of 32"


def test_a_pixel_keeps_its_direction_and_loses_its_length():
    norm = PixelNorm(6)
    x = pictures(2, 6, 8, 8)
    x[:, :, 0, 0] = 0
    normalized = norm(x)
    sizes = normalized.square().mean(1).sqrt()
    assert (sizes[:, 1:] - 1).abs().max() < 0.05
    assert sizes[:, 0, 0].max() == 0, "nothing stays nothing, and no NaN"
    torch.testing.assert_close(norm(100 * x)[:, :, 1:], normalized[:, :, 1:], atol=0.05, rtol=0)
    nn.init.constant_(norm.weight, 2.0)
    nn.init.constant_(norm.bias, 1.0)
    torch.testing.assert_close(norm(x), 2 * normalized + 1)


@pytest.mark.parametrize(
    ("blocks", "away"), [(1, 159), pytest.param(4, 351, marks=pytest.mark.slow)]
)
@torch.no_grad()
def test_how_far_away_a_pixel_is_seen(blocks, away):
    """A NaN goes wherever it is looked at; one at each of the 32 places that differ."""
    assert away == 95 + 64 * blocks
    network, middle = small(blocks=blocks, base_channels=1).double(), (away + 31) // 32 * 32
    source = torch.zeros(32, 3, 32, 2 * middle + 32, dtype=torch.float64)
    places = middle + torch.arange(32)
    source[range(32), :, 0, places] = torch.nan
    columns = network(source).isnan().any(2).any(1)
    assert columns.any(1).all()
    seen_by = zip(columns, places, strict=True)
    assert max((row.nonzero().flatten() - at).abs().max() for row, at in seen_by) == away


@pytest.mark.parametrize("name", ["resunet", "unet"])
@torch.no_grad()
def test_a_tile_becomes_the_same_alone_and_inside_a_larger_picture(name):
    torch.manual_seed(0)
    options = {"blocks": 1} if name == "resunet" else {"levels": 5, "dropout": 0.0}
    network = build_generator(name, base_channels=4, **options).eval()
    nn.init.normal_(last_weight(network), 0, 0.3)
    whole, margin, side = pictures(1, 3, 480, 544), 160, 64
    assert margin >= 95 + 64, "as far as it sees"
    made, apart = network(whole), []
    for top, left in [(0, 0), (32, 64), (96, 160)]:
        rows, columns = (slice(at, at + 2 * margin + side) for at in (top, left))
        inside = slice(margin, margin + side)
        alone = network(whole[..., rows, columns])[..., inside, inside]
        apart.append((made[..., rows, columns][..., inside, inside] - alone).abs().max())
    assert made.std() > 0.1, "else this would show nothing"
    if name == "resunet":
        assert max(apart) < 1e-5
    else:
        assert min(apart) > 1e-3, "statistics of the picture tell where a tile was cut"


@torch.no_grad()
def test_what_else_is_in_the_batch_changes_nothing():
    network = small()
    batch = torch.cat((pictures(2, 3, 64, 64), torch.ones(1, 3, 64, 64)))
    for mode in (True, False):
        network.train(mode)
        one_by_one = torch.cat([network(picture[None]) for picture in batch])
        torch.testing.assert_close(network(batch), one_by_one, atol=1e-5, rtol=0)
