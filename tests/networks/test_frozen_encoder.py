"""A frozen network's maps of the source, beside a generator's own."""

import pytest
import torch
from torch import Tensor

from diptych.fast.quick_twin import quick_twin
from diptych.networks import build_generator
from diptych.networks.efficientnet_lite0 import EfficientNetLite0
from diptych.networks.multiply_adds import parameters
from diptych.weights import find_features


@pytest.fixture(scope="module")
def generator() -> torch.nn.Module:
    torch.manual_seed(0)
    network = build_generator("resunet", base_channels=8, blocks=1, frozen_maps=3)
    network.frozen.view.network.load_published(find_features())
    return network.eval()


def pictures(*shape: int) -> Tensor:
    noise = torch.rand(*shape, generator=torch.Generator().manual_seed(1)) * 2 - 1
    return torch.nn.functional.avg_pool2d(noise, 5, 1, 2) * 2


@torch.no_grad()
def test_inside_a_picture_its_maps_are_those_of_the_network_as_it_was_trained(generator):
    source = pictures(1, 3, 512, 512)
    own = EfficientNetLite0(find_features())(source)
    ours = generator.frozen.view(source)
    assert len(ours) == 3
    for stride, x, y in zip((4, 8, 16), ours, own, strict=False):
        inside = slice(192 // stride, 320 // stride)
        part = (..., inside, inside)
        torch.testing.assert_close(x[part], y[part], atol=1e-4, rtol=1e-4)
    assert not torch.allclose(ours[0][..., 0, :], own[0][..., 0, :], atol=1e-2), "but not its edge"


@torch.no_grad()
def test_a_tile_becomes_what_it_is_inside_a_larger_picture(generator):
    """With what its middle sees around it; all steps of the networks are multiples of 32."""
    large = pictures(1, 3, 32, 1600)
    whole = generator(large)
    tile = generator(large[..., 256:1344])
    torch.testing.assert_close(tile[..., 512:576], whole[..., 768:832], atol=1e-5, rtol=1e-5)


def test_it_learns_how_to_use_them_and_nothing_of_them(generator):
    made = generator(pictures(1, 3, 64, 64))
    made.square().mean().backward()
    learned = {name for name, p in generator.named_parameters() if p.grad is not None}
    assert any(name.startswith("frozen.join") for name in learned)
    assert not any(name.startswith("frozen.view") for name in learned)
    generator.zero_grad(set_to_none=True)


@pytest.mark.parametrize("channels", [1, 5])
def test_of_sources_that_are_no_colours(channels):
    network = build_generator("resunet", base_channels=4, in_channels=channels, frozen_maps=2)
    assert network(torch.zeros(1, channels, 32, 64)).shape == (1, 3, 32, 64)


@torch.no_grad()
def test_a_twin_in_bf16_keeps_it_in_fp32(generator):
    twin, source = quick_twin(generator, torch.bfloat16), pictures(1, 3, 64, 64)
    assert twin.frozen.view.network is generator.frozen.view.network
    assert twin.frozen.join[0].weight.dtype == torch.bfloat16
    apart = (twin(source.bfloat16()).float() - generator(source)).abs()
    assert apart.mean() < 0.01


@pytest.mark.slow  # counting imports much
def test_what_it_adds():
    plain, with_maps = (build_generator("resunet", frozen_maps=maps) for maps in (0, 3))
    added = parameters(with_maps) - parameters(plain)
    frozen = parameters(with_maps.frozen.view)
    assert (added, frozen) == (719_520, FROZEN)


FROZEN = 692_688
