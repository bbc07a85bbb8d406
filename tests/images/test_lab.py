from pathlib import Path

import numpy as np
import pytest
import torch
from skimage.color import rgb2lab
from torch import Tensor

from diptych.images.lab import lab_to_rgb, lab_to_rgb_in_gamut, rgb_to_lab
from diptych.images.rgb import read_image

# Published values of sRGB's corners under D65.
KNOWN = {
    "black": ((0, 0, 0), (0, 0, 0)),
    "white": ((1, 1, 1), (100, 0, 0)),
    "red": ((1, 0, 0), (53.2408, 80.0925, 67.2032)),
    "green": ((0, 1, 0), (87.7347, -86.1827, 83.1793)),
    "blue": ((0, 0, 1), (32.2970, 79.1875, -107.8602)),
}


def picture(colours) -> Tensor:
    """`(1, 3, 1, P)` of colours."""
    return torch.tensor(colours, dtype=torch.float32).T[None, :, None]


def noise(dtype: torch.dtype = torch.float32) -> Tensor:
    return torch.rand(2, 3, 31, 45, generator=torch.Generator().manual_seed(0), dtype=dtype)


@pytest.mark.parametrize("name", KNOWN)
def test_known_colours(name):
    rgb, lab = (picture([values]) for values in KNOWN[name])
    torch.testing.assert_close(rgb_to_lab(rgb), lab, atol=1e-3, rtol=0)
    torch.testing.assert_close(lab_to_rgb(rgb_to_lab(rgb)), rgb, atol=1e-5, rtol=0)


def test_grays_have_no_colour():
    gray = torch.linspace(0, 1, 256).expand(1, 3, 1, 256)
    lab = rgb_to_lab(gray)
    assert lab[:, 1:].abs().max() < 1e-4
    assert (lab[:, 0].diff() > 0).all()


def test_equals_scikit_image_on_a_photo(shared_data: Path):
    photo = np.asarray(read_image(shared_data / "bsds500" / "val" / first(shared_data)))
    ours = rgb_to_lab(torch.tensor(photo).permute(2, 0, 1) / 255).permute(1, 2, 0)
    # Its matrix has one digit less.
    np.testing.assert_allclose(ours.numpy(), rgb2lab(photo), atol=5e-3)


def first(shared_data: Path) -> str:
    return min(path.name for path in (shared_data / "bsds500" / "val").iterdir())


def test_there_and_back():
    torch.testing.assert_close(lab_to_rgb(rgb_to_lab(noise())), noise(), atol=1e-5, rtol=0)
    exact = noise(torch.float64)
    torch.testing.assert_close(lab_to_rgb(rgb_to_lab(exact)), exact, atol=1e-9, rtol=0)


def test_every_8_bit_gray_and_many_colours_come_back_exactly():
    levels = torch.arange(256).expand(3, 1, 256)
    colours = torch.cat([levels, (noise()[0] * 255).round().long().reshape(3, 1, -1)], -1)
    back = lab_to_rgb(rgb_to_lab(colours / 255))
    assert torch.equal((back * 255).round().long(), colours)


def test_gradients_are_finite_everywhere():
    rgb = picture([colour for colour, _ in KNOWN.values()]).requires_grad_()
    lab_to_rgb(rgb_to_lab(rgb)).sum().backward()
    assert rgb.grad is not None
    assert rgb.grad.isfinite().all()


def test_colours_within_srgb_are_left_alone():
    lab = rgb_to_lab(noise())
    torch.testing.assert_close(lab_to_rgb_in_gamut(lab), noise(), atol=1e-5, rtol=0)


def test_colours_outside_srgb_keep_lightness_and_hue():
    random = torch.Generator().manual_seed(1)
    lab = torch.rand(2, 3, 20, 30, generator=random) * torch.tensor([98, 240, 240])[:, None, None]
    lab += torch.tensor([1, -120, -120])[:, None, None]
    untouched = lab.clone()
    rgb = lab_to_rgb_in_gamut(lab)
    assert torch.equal(lab, untouched)
    assert rgb.shape == lab.shape
    assert 0 <= rgb.min() <= rgb.max() <= 1
    assert (lab_to_rgb(lab) != rgb).any()
    shown = rgb_to_lab(rgb)
    torch.testing.assert_close(shown[:, 0], lab[:, 0], atol=5e-3, rtol=0)
    wanted, got = (torch.complex(x[:, 1], x[:, 2]) for x in (lab, shown))
    turned = (got * wanted.conj() / wanted.abs()).imag  # distance off the ray of the hue
    assert turned.abs().max() < 5e-2
    assert (got.abs() <= wanted.abs() + 1e-2).all()
    # As much chroma as fits: reduced colours lie at the edge of the cube.
    reduced = got.abs() < wanted.abs() - 0.1
    edge = torch.minimum(rgb, 1 - rgb).amin(1)
    assert reduced.any()
    assert edge[reduced].max() < 1e-3


def test_black_and_white_have_no_room_for_chroma():
    lab = picture([(0, 50, -50), (100, 50, -50)])
    expected = picture([(0, 0, 0), (1, 1, 1)])
    torch.testing.assert_close(lab_to_rgb_in_gamut(lab), expected, atol=1e-4, rtol=0)
