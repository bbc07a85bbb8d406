from concurrent.futures import ThreadPoolExecutor

import pytest
import torch

from diptych.images.padding import pad_to_multiple
from diptych.networks import build_generator
from diptych.networks.padded import (
    normalize_by_picture,
    only_own,
    own_part,
    translate_padded,
)
from diptych.pix2pix import Normalization, UNetGenerator


def random_pictures(*shape: int) -> torch.Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(0)) * 2 - 1


def normalization(channels: int) -> tuple[Normalization, Normalization]:
    """A layer of the paper's, and one as networks have it that translate; of the same weights."""
    paper, ours = Normalization(channels).eval(), Normalization(channels).eval()
    torch.nn.init.normal_(paper.weight)
    torch.nn.init.normal_(paper.bias)
    ours.load_state_dict(paper.state_dict())
    normalize_by_picture(torch.nn.Sequential(ours))
    return paper, ours


def generator() -> UNetGenerator:
    torch.manual_seed(0)
    unet = UNetGenerator(base_channels=4, levels=5).eval()
    torch.nn.init.normal_(unet.out.weight, 0, 0.5)  # answers that differ from pixel to pixel
    normalize_by_picture(unet)
    return unet


@torch.inference_mode()
def test_padding_stays_out_of_the_statistics():
    """What lies beyond a generator's reach (160 pixels here) could tell by the statistics alone."""
    unet = generator()
    canvas = random_pictures(1, 3, 32, 256)
    altered = canvas.clone()
    altered[..., 160:] = 1
    by_size = [translate_padded(unet, pictures, (32, 32)) for pictures in (canvas, altered)]
    assert torch.equal(*by_size)
    of_all = [unet(pictures)[..., :32] for pictures in (canvas, altered)]
    assert (of_all[0] - of_all[1]).abs().max() > 0.01, "else this would show nothing"
    near = canvas.clone()
    near[..., :32] = 1
    assert (translate_padded(unet, near, (32, 32)) - by_size[0]).abs().max() > 0.01


@torch.inference_mode()
def test_statistics_of_a_part_are_those_of_that_part_alone():
    """The code for padded pictures against that for whole ones."""
    paper, ours = normalization(5)
    pictures = random_pictures(2, 5, 12, 20) * 3 + 1
    inside = translate_padded(ours, pictures, (7, 9))
    torch.testing.assert_close(inside, paper(pictures[..., :7, :9]), atol=1e-5, rtol=0)
    for whole in (translate_padded(ours, pictures, (12, 20)), ours(pictures)):
        torch.testing.assert_close(whole, paper(pictures), atol=1e-5, rtol=0)


@torch.inference_mode()
def test_statistics_of_a_large_picture_keep_their_digits():
    """Of which torch's batch_norm, in this layout, loses all but three."""
    pictures = (random_pictures(1, 8, 1024, 1024) * 3 + 5).to(memory_format=torch.channels_last)
    _, norm = normalization(8)
    exact = translate_padded(norm.double(), pictures.double(), (1024, 1024))
    normalized = translate_padded(norm.float(), pictures, (1024, 1024))
    assert (normalized - exact).abs().max() < 1e-5


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
    normalize_by_picture(network)
    seen = []
    for module in network.modules():
        if isinstance(module, Normalization):
            torch.nn.init.ones_(module.weight)
            module.register_forward_hook(
                lambda _, args, after: seen.append((args[0], own_part(args[0]), own_part(after)))
            )
    padded = pad_to_multiple(random_pictures(1, 3, *size), network.size_multiple)
    translate_padded(network, padded, size)
    assert len(seen) == layers
    for before, own, inside in seen:
        scale = padded.shape[2] // before.shape[2]
        assert own.shape[-2:] == tuple(-(-side // scale) for side in size)
        assert inside.mean((2, 3)).abs().max() < 1e-4
        variance = own.var((2, 3), correction=0)
        expected = variance / (variance + 1e-5)
        torch.testing.assert_close(inside.var((2, 3), correction=0), expected, atol=1e-3, rtol=0)


def test_passes_in_other_threads_keep_their_own_sizes():
    """A server or a program may translate several pictures at a time with one network."""
    x = torch.zeros(1, 1, 8, 8)
    with only_own((3, 5), (8, 8)), ThreadPoolExecutor(1) as other:
        assert other.submit(lambda: own_part(x).shape).result() == (1, 1, 8, 8)
        assert own_part(x).shape == (1, 1, 3, 5)
    assert own_part(x) is x
