import numpy as np
import pytest
import torch

from diptych.images.padding import pad_to_multiple, unpadded
from diptych.networks import build_generator
from diptych.pix2pix import Normalization, UNetGenerator


def random_pictures(*shape: int) -> torch.Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(0)) * 2 - 1


@pytest.mark.parametrize("multiple", [1, 9, 32])
@pytest.mark.parametrize("height", [1, 4, 5, 16, 17, 33])
@pytest.mark.parametrize("width", [1, 5, 16, 64])
def test_padding_reflects_and_where_that_is_too_short_repeats_the_edge(height, width, multiple):
    pictures = random_pictures(2, 3, height, width)
    expected = pictures.numpy()
    for axis, side in ((2, height), (3, width)):
        missing = -side % multiple
        pads = [(0, 0)] * 4
        pads[axis] = (0, missing)
        expected = np.pad(expected, pads, mode="reflect" if missing < side else "edge")
    padded = pad_to_multiple(pictures, multiple)
    assert padded.shape == (2, 3, *(-(-side // multiple) * multiple for side in (height, width)))
    assert np.array_equal(padded.numpy(), expected)


@pytest.mark.parametrize("multiple", [1, 9, 32])
@pytest.mark.parametrize("side", [1, 4, 5, 16, 17, 33])
def test_which_place_padding_shows(side, multiple):
    padded = pad_to_multiple(torch.arange(side).float().view(1, 1, 1, side), multiple)
    places = unpadded(np.arange(side + -side % multiple), side, multiple)
    assert places.tolist() == padded[0, 0, 0].tolist()


def test_a_multiple_already_comes_back_as_it_is():
    pictures = random_pictures(1, 3, 32, 64)
    assert pad_to_multiple(pictures, 32) is pictures


def generator() -> UNetGenerator:
    torch.manual_seed(0)
    unet = UNetGenerator(base_channels=4, levels=5).eval()
    torch.nn.init.normal_(unet.out.weight, 0, 0.5)  # answers that differ from pixel to pixel
    return unet


@torch.inference_mode()
def test_padding_stays_out_of_the_statistics():
    """What lies beyond a generator's reach (160 pixels here) could tell by the statistics alone."""
    unet = generator()
    canvas = random_pictures(1, 3, 32, 256)
    altered = canvas.clone()
    altered[..., 160:] = 1
    by_size = [unet(pictures, (32, 32))[..., :32] for pictures in (canvas, altered)]
    assert torch.equal(*by_size)
    of_all = [unet(pictures)[..., :32] for pictures in (canvas, altered)]
    assert (of_all[0] - of_all[1]).abs().max() > 0.01, "else this would show nothing"
    near = canvas.clone()
    near[..., :32] = 1
    assert (unet(near, (32, 32))[..., :32] - by_size[0]).abs().max() > 0.01


@torch.inference_mode()
def test_statistics_of_a_part_are_those_of_that_part_alone():
    """The code for padded pictures against that for whole ones."""
    norm = Normalization(5)
    torch.nn.init.normal_(norm.weight)
    torch.nn.init.normal_(norm.bias)
    pictures = random_pictures(2, 5, 12, 20) * 3 + 1
    inside = norm.eval()(pictures, (7, 9))[..., :7, :9]
    torch.testing.assert_close(inside, norm(pictures[..., :7, :9]), atol=1e-5, rtol=0)
    whole = norm(pictures, (12, 20))
    torch.testing.assert_close(whole, norm(pictures), atol=1e-5, rtol=0)


@torch.inference_mode()
def test_statistics_of_a_large_picture_keep_their_digits():
    """Of which torch's batch_norm, in this layout, loses all but three."""
    pictures = (random_pictures(1, 8, 1024, 1024) * 3 + 5).to(memory_format=torch.channels_last)
    norm = Normalization(8).eval()
    exact = norm.double()(pictures.double(), (1024, 1024))
    found = norm.float()(pictures, (1024, 1024))
    assert (found - exact).abs().max() < 1e-5


@pytest.mark.parametrize("size", [(1, 1), (31, 33), (64, 65)])
@pytest.mark.parametrize(
    ("name", "options", "layers"),
    [("unet", {"levels": 5}, 7), ("resnet", {"blocks": 2}, 9), ("compact", {}, 6)],
)
@torch.inference_mode()
def test_padding_is_left_out_of_every_layer(name, options, layers, size):
    """Each normalised layer, cut to the size that counts, has mean 0 and variance 1."""
    torch.manual_seed(0)
    network = build_generator(name, base_channels=4, **options).eval()
    seen = []
    for module in network.modules():
        if isinstance(module, Normalization):
            torch.nn.init.ones_(module.weight)
            module.register_forward_hook(lambda _, args, out: seen.append((args, out)))
    padded = pad_to_multiple(random_pictures(1, 3, *size), network.size_multiple)
    network(padded, size)
    assert len(seen) == layers
    for (before, valid), after in seen:
        scale = padded.shape[2] // before.shape[2]
        assert valid == tuple(-(-side // scale) for side in size)
        inside = after[..., : valid[0], : valid[1]]
        assert inside.mean((2, 3)).abs().max() < 1e-4
        variance = before[..., : valid[0], : valid[1]].var((2, 3), correction=0)
        expected = variance / (variance + 1e-5)
        torch.testing.assert_close(inside.var((2, 3), correction=0), expected, atol=1e-3, rtol=0)
