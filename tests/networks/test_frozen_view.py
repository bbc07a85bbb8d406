import pytest
import torch
from torch import Tensor

from diptych.networks.frozen_view import FrozenView, frozen_views
from diptych.weights import find_features


@pytest.fixture(scope="module")
def views() -> dict[int, FrozenView]:
    channels = (1, 2, 3, 7)
    return dict(zip(channels, frozen_views(find_features(), *channels), strict=True))


def pictures(channels: int) -> Tensor:
    random = torch.Generator().manual_seed(0)
    return torch.rand(2, channels, 64, 64, generator=random) * 2 - 1


def same(ours: list[Tensor], theirs: list[Tensor]) -> bool:
    return all(torch.allclose(x, y, atol=1e-3) for x, y in zip(ours, theirs, strict=True))


@torch.no_grad()
def test_colours_are_seen_as_they_are_and_gray_as_colours(views):
    colours, gray = pictures(3), pictures(1)
    assert same(views[3](colours), views[3].network(colours))
    assert same(views[1](gray), views[3](gray.expand(-1, 3, -1, -1)))


@pytest.mark.parametrize("channels", [2, 7])
@torch.no_grad()
def test_of_other_channels_each_is_seen(views, channels):
    given = pictures(channels)
    before = views[channels](given)
    assert [each.shape[1:] for each in before] == [
        (24, 16, 16), (40, 8, 8), (112, 4, 4), (320, 2, 2),
    ]  # fmt: skip
    for channel in range(channels):
        other = given.clone()
        other[:, channel] *= -1
        assert not same(views[channels](other), before)


def test_the_mixing_is_the_same_in_every_run(views):
    torch.manual_seed(99)
    again = FrozenView(views[7].network, 7)
    assert torch.equal(again.mixing, views[7].mixing)
    assert again.mixing.shape == (3, 7, 1, 1)
    # What is mixed is as large as what colours are.
    assert 0.3 < again.mixing.square().sum(1).mean() < 3


def test_nothing_of_it_is_kept_in_a_checkpoint(views):
    assert not any("mixing" in name for name in views[7].state_dict())
    assert views[1].network is views[7].network, "which is held once"


@pytest.mark.parametrize("channels", [1, 3, 7])
def test_fp32_whatever_the_networks_compute_in(views, channels):
    given = pictures(channels).bfloat16().requires_grad_()
    with torch.no_grad():
        expected = views[channels](given.float())
    with torch.autocast("cpu", torch.bfloat16):
        maps = views[channels](given)
    assert all(each.dtype == torch.float32 for each in maps)
    assert same(maps, expected)
    sum(each.mean() for each in maps).backward()
    assert given.grad.any()
