import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from diptych.images.encoding import to_pictures, to_unit_range
from diptych.images.rgb import read_image
from diptych.networks import build_generator
from diptych.networks.residual import ResidualGenerator, enlarged
from diptych.pix2pix import judged


def noise(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed)) * 2 - 1


def tiny(**options) -> ResidualGenerator:
    torch.manual_seed(0)
    return ResidualGenerator(**{"base_channels": 4, "blocks": 2, **options})


def pillows(picture: np.ndarray, scale: int) -> np.ndarray:
    size = (scale * picture.shape[1], scale * picture.shape[0])
    return np.asarray(Image.fromarray(picture).resize(size, Image.Resampling.BICUBIC))


@torch.no_grad()
@pytest.mark.parametrize("scale", [1, 2, 4, 8])
def test_untrained_it_is_pillows_bicubic(scale, shared_data):
    photo = read_image(min((shared_data / "bsds500" / "val").iterdir())).crop((99, 50, 170, 113))
    made = np.random.default_rng(0).integers(60, 196, (17, 31, 3), np.uint8)  # nothing to clip
    for picture in (np.asarray(photo), made):
        outputs = tiny(scale=scale).eval()(to_unit_range(torch.tensor(picture[None])))
        difference = np.abs(to_pictures(outputs)[0].astype(int) - pillows(picture, scale))
        # Pillow rounds between its two passes, and clips there where sharp edges ring.
        assert (difference > 1).mean() < 5e-3
        assert difference.mean() < 0.3
        assert scale > 1 or not difference.any()


def test_enlarged_keeps_within_one():
    sharp = noise(1, 3, 9, 9).sign()
    assert enlarged(sharp, 4).abs().max() == 1
    assert enlarged(sharp, 1) is sharp


@pytest.mark.parametrize("scale", [1, 2, 4, 8])
@pytest.mark.parametrize(("height", "width"), [(1, 1), (3, 2), (17, 31)])
def test_any_size_in_and_so_many_times_as_large_out(scale, height, width):
    network = tiny(scale=scale, in_channels=4, out_channels=3)
    made = network(noise(2, 4, height, width))
    assert made.shape == (2, 3, scale * height, scale * width)


def test_every_weight_learns():
    """The first step moves the last layer, which begins at zero; the next all others."""
    network = tiny(scale=4)
    optimizer = torch.optim.Adam(network.parameters(), 1e-2)
    before = {name: weight.clone() for name, weight in network.named_parameters()}
    source, target = noise(2, 3, 8, 8), noise(2, 3, 32, 32, seed=1)
    losses = []
    for _ in range(12):
        loss = (network(source) - target).abs().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert all(not torch.equal(w, before[name]) for name, w in network.named_parameters())
    assert losses[-1] < losses[0] - 0.01


def test_its_layers():
    """EDSR's: 3x3 convolutions without normalisation."""
    network = ResidualGenerator(scale=4, blocks=3)
    kinds = {type(module) for module in network.modules() if not list(module.children())}
    assert kinds == {nn.Conv2d, nn.PixelShuffle, nn.ReLU}
    convolutions = [m for m in network.modules() if isinstance(m, nn.Conv2d)]
    assert len(convolutions) == 1 + 2 * 3 + 1 + 2 + 1
    assert {m.kernel_size for m in convolutions} == {(3, 3)}


@pytest.mark.parametrize("scale", [0, 3, 6, 16, -2])
def test_other_scales_are_refused(scale):
    with pytest.raises(ValueError, match=r"scale|math|expected a positive input"):
        ResidualGenerator(scale=scale)


def test_more_channels_than_come_in_are_refused():
    with pytest.raises(ValueError, match="cannot add to 1 channels to make 2"):
        ResidualGenerator(1, 2)


def test_the_discriminator_sees_source_and_picture_at_one_size():
    source, picture = noise(2, 3, 8, 8), noise(2, 3, 32, 32)
    pair = judged(source, picture, "cgan")
    assert pair.shape == (2, 6, 32, 32)
    assert torch.equal(pair[:, 3:], picture)
    assert (pair[:, :3].mean((2, 3)) - source.mean((2, 3))).abs().max() < 0.05
    assert torch.equal(judged(picture, picture, "cgan")[:, :3], picture)
    assert judged(source, picture, "gan") is picture


def test_it_is_built_by_name():
    network = build_generator("residual", base_channels=4, blocks=1, scale=2)
    assert network.size_multiple == 1
    assert network(noise(1, 3, 5, 7)).shape == (1, 3, 10, 14)
