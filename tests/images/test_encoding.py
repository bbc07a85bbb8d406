import numpy as np
import pytest
import torch
from torch import Tensor

from diptych.images.domain import CHANNELS, plain
from diptych.images.encoding import CHROMA, decode, encode, to_unit_range
from diptych.images.lab import rgb_to_lab

RGB, RGBA = plain("colours"), plain("holes", "rgba")
KINDS = {"rgb": 3, "gray": 1, "rgba": 4, "lightness": 3, "chroma": 3}  # channels of the pictures


def pictures(channels: int = 3, size: tuple[int, int] = (31, 45), seed: int = 0) -> Tensor:
    pixels = np.random.default_rng(seed).integers(0, 256, (2, *size, channels), np.uint8)
    return torch.from_numpy(pixels)


def masked(seed: int = 0) -> Tensor:
    """Pictures with half of the pixels transparent."""
    whole = pictures(seed=seed)
    alpha = torch.where(pictures(1, seed=9) > 127, 255, 0).to(torch.uint8)
    return torch.cat([whole, alpha], -1)


def every_colour(step: int = 15) -> Tensor:
    levels = torch.arange(0, 256, step, dtype=torch.uint8)
    return torch.cartesian_prod(levels, levels, levels)[None, None]


@pytest.mark.parametrize("colour", CHANNELS)
def test_shapes_and_range(colour):
    coded = encode(pictures(KINDS[colour]), plain("a", colour))
    assert coded.shape == (2, CHANNELS[colour], 31, 45)
    assert coded.dtype == torch.float32
    assert -1 <= coded.min() <= coded.max() <= 1


def test_lab_keeps_within_one_for_every_colour():
    chroma, lightness = (
        encode(every_colour(), plain("a", "chroma")),
        encode(every_colour(), plain("a", "lightness")),
    )
    assert 0.97 < chroma.abs().max() < 1, "nearly all of the range is used"
    assert lightness.min() == pytest.approx(-1, abs=1e-6)
    assert lightness.max() == pytest.approx(1, abs=1e-6)


def test_lightness_and_chroma_are_those_of_lab():
    lab = rgb_to_lab(pictures().movedim(-1, 1) / 255)
    torch.testing.assert_close(encode(pictures(), plain("a", "lightness")) * 50 + 50, lab[:, :1])
    torch.testing.assert_close(encode(pictures(), plain("a", "chroma")) * CHROMA, lab[:, 1:])


def test_pictures_come_back_from_their_chroma_and_a_gray_of_their_lightness():
    whole = every_colour()
    back = decode(encode(whole, plain("a", "chroma")), plain("a", "chroma"), whole)
    assert np.array_equal(back, whole.numpy())


def test_a_hole_is_plain_gray_and_the_mask_a_channel():
    given = masked()
    coded = encode(given, plain("a", "rgba"))
    known = given[..., 3] == 255
    assert torch.equal(coded[:, 3], torch.where(known, 1.0, -1.0))
    assert not coded[:, :3].movedim(1, -1)[~known].any()
    unit = to_unit_range(given[..., :3])
    assert torch.equal(coded[:, :3].movedim(1, -1)[known], unit.movedim(1, -1)[known])


def test_what_lies_under_a_hole_does_not_matter():
    given, other = masked(), masked()
    hole = given[..., 3] == 0
    other[..., :3][hole] = 255 - other[..., :3][hole]
    assert not torch.equal(given, other)
    assert torch.equal(encode(given, plain("a", "rgba")), encode(other, plain("a", "rgba")))


@pytest.mark.parametrize("alpha", [0, 1, 126, 127, 128, 129, 254, 255])
def test_half_transparent_is_known_or_missing_but_never_both(alpha):
    """The network is told that a pixel is known just where it is then kept."""
    given = torch.tensor([10, 20, 30, alpha], dtype=torch.uint8).view(1, 1, 1, 4)
    told = encode(given, plain("a", "rgba"))[0, 3].item()
    kept = decode(torch.ones(1, 3, 1, 1), RGB, given, RGBA).tolist() == [[[[10, 20, 30]]]]
    assert told == (1 if alpha >= 128 else -1)
    assert kept == (told == 1)


def test_known_pixels_are_kept_exactly_and_others_are_the_networks():
    given = masked()
    outputs = torch.rand(2, 3, 31, 45, generator=torch.Generator().manual_seed(0)) * 4 - 2
    filled = decode(outputs, RGB, given, RGBA)
    known = (given[..., 3] == 255).numpy()
    assert filled.shape == (2, 31, 45, 3)
    assert np.array_equal(filled[known], given.numpy()[..., :3][known])
    assert np.array_equal(filled[~known], decode(outputs, RGB, given[..., :3])[~known])


def test_any_chroma_leaves_the_lightness_within_rounding():
    """Also where the colour asked for lies far outside what a screen shows."""
    outputs = torch.rand(2, 2, 31, 45, generator=torch.Generator().manual_seed(0)) * 2 - 1
    grays = pictures(1).expand(-1, -1, -1, 3)
    made = torch.from_numpy(decode(outputs, plain("a", "chroma"), grays))
    was, now = (rgb_to_lab(side.movedim(-1, 1) / 255)[:, 0] for side in (grays, made))
    assert (made[..., 0] != made[..., 1]).float().mean() > 0.9
    # Half a level in each channel; near black L rises by about a half for each level.
    torch.testing.assert_close(was, now, atol=0.5, rtol=0)


def test_half_precision_outputs_are_taken():
    outputs = torch.zeros(2, 2, 31, 45, dtype=torch.bfloat16)
    grays = pictures(1).expand(-1, -1, -1, 3)
    assert np.array_equal(decode(outputs, plain("a", "chroma"), grays), grays.numpy())
