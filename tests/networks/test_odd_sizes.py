"""U-Nets on crops of any size: as deep as those on powers of two, and trained as they translate."""

import pytest
import torch
from torch import nn

from diptych.errors import DiptychError
from diptych.images.padding import pad_to_multiple
from diptych.networks import build_generator, levels_for
from diptych.networks.odd_sizes import OddUNet, misfit, take_any_size
from diptych.networks.padded import normalize_by_picture, translate_padded
from diptych.pix2pix import UNetGenerator

DEPTHS = {
    32: 5, 33: 5, 63: 5, 64: 6, 96: 6, 127: 6, 128: 7, 160: 7, 192: 7, 224: 7, 255: 7,
    256: 8, 257: 8, 288: 8, 300: 8, 320: 8, 416: 8, 480: 8, 512: 8, 1024: 8,
}  # fmt: skip


def small(levels: int, **options) -> nn.Module:
    torch.manual_seed(0)
    options = {"base_channels": 2, "dropout": 0.0, **options}
    network = build_generator(levels=levels, **options)
    take_any_size(network)
    return network


def test_depth_follows_the_crop():
    assert {crop: levels_for(crop) for crop in DEPTHS} == DEPTHS
    with pytest.raises(DiptychError, match="crop_size 31 is below 32"):
        levels_for(31)


@pytest.mark.parametrize(
    ("crop", "bottleneck"),
    [(256, 1), (288, 2), (320, 2), (416, 2), (480, 2), (512, 2), (96, 2), (100, 2), (33, 2)],
)
def test_the_bottleneck_is_small_whatever_the_crop(crop, bottleneck):
    network, seen = small(levels_for(crop)), {}
    network.down[-1].register_forward_hook(lambda *a: seen.update(shape=a[2].shape))
    assert network(torch.zeros(1, 3, crop, crop)).shape == (1, 3, crop, crop)
    assert seen["shape"][-2:] == (bottleneck, bottleneck)


@pytest.mark.parametrize("crop", [256, 288, 320, 416, 480, 512])
def test_a_pixel_is_seen_across_the_whole_crop(crop):
    """By gradient through the linear parts: 766 pixels, of which the crop has fewer."""
    network = small(levels_for(crop), statistics="none", skips=False)
    for parameter in network.parameters():
        nn.init.constant_(parameter, 0.01)  # nothing cancels
    picture = torch.ones(1, 3, crop, crop, requires_grad=True)
    network(picture)[0, 0, crop // 2, crop // 2].backward()
    reached = picture.grad.abs().sum((0, 1)) > 0
    assert reached.any(0).all()
    assert reached.any(1).all()


@pytest.mark.parametrize("size", [(64, 64), (128, 64)])
def test_equal_to_the_papers_where_no_map_is_odd(size):
    network = small(6)
    source = torch.randn(2, 3, *size)
    expected = UNetGenerator.forward(network, source)
    assert type(network) is OddUNet
    assert torch.equal(network(source), expected)


@pytest.mark.parametrize("size", [(96, 96), (288, 288), (288, 416)])
def test_trained_as_it_translates(size):
    """Nearly: padding of the whole picture reflects more than a pixel of the inner maps."""
    levels = levels_for(min(size))
    network = small(levels, statistics="image")
    source = torch.rand(1, 3, *size) * 2 - 1
    with torch.no_grad():
        trained = network(source)
        normalize_by_picture(network)
        translated = translate_padded(network, pad_to_multiple(source, 2**levels), size)
    difference = (trained - translated).abs().mean() / trained.std()
    assert difference < 0.3


def test_sizes_that_a_generator_can_be_trained_at():
    unet, resnet = small(6), build_generator("resnet", base_channels=2, blocks=1)
    assert misfit(unet, (64, 100)) == ""
    assert misfit(unet, (64, 63)) == "below 64"
    assert misfit(build_generator(levels=6, base_channels=2, noise_channels=1), (64, 70)) == ""
    assert misfit(resnet, (42, 44)) == "not a multiple of 4"
    assert misfit(resnet, (40, 44)) == ""
