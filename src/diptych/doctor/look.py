"""What is measured of one picture: numbers few enough to keep for every picture of a large set."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from diptych.doctor.no_data import data_of, far_off_value
from diptych.images.description import Description
from diptych.images.rgb import read_image
from diptych.images.values import read_values

THUMB = 16  # side of the gray thumbnail by which pictures are compared, in pixels
FEW = 64  # one channel with at most so many different numbers may hold labels
SAMPLED = 256  # values of a picture that stand for all of them in a histogram
_SEEN = 128  # colours are counted in a picture thinned to about so many pixels on a side
_MIDDLE = 2048  # pixels a side, of which edges are measured
_MANY = 16384  # values are enough for their order
# Levels of 255 around a colour that count as the same: JPEG moves a flat colour by a few.
_SAME = 10
_BLEED = 4  # columns that JPEG may have coloured from the panel beside


@dataclass(frozen=True, slots=True)
class Look:
    """One picture in numbers."""

    low: float  # of its values as stored that are data
    high: float
    levels: int  # how many different values, of 8 bits
    empty: float  # share of its values that are no data
    far_off: float | None  # a value as those that stand for no data, though nobody said so
    blank: bool  # one value a channel
    colour: tuple[int, int, int]  # the most common one of what is shown
    common: float  # share of the pixels that have it, or nearly
    features: np.ndarray  # float32, by which the two domains are told apart
    thumb: bytes  # THUMB x THUMB gray levels
    hash: int  # 64 bits: where it gets brighter from left to right


def read_shown(
    path: Path, header: Description, nodata: float | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """The values `(H, W, C)` of a file as stored, and what it shows, `(H, W, 3)` uint8.

    Plain pictures show what training sees; of others the first channels are stretched between their
    0.5th and 99.5th percentile, `nodata` aside. What may be numbers of labels is spread over all
    levels. Raises DiptychError where the file is bad.
    """
    if not header.plain:
        values = read_values(path)
        return values, _stretched(values, nodata)
    picture = np.asarray(read_image(path))
    if header.palette:
        return read_values(path), picture
    if header.channels != 1:
        return picture, picture
    values = read_values(path)
    numbers = np.flatnonzero(np.bincount(values.reshape(-1)))
    # Few and low, but for one that may stand for the rest, often 255.
    if 1 < len(numbers) <= FEW and max(numbers[:-1][-1], numbers[1]) < FEW:
        # Steps of 107 come past each of 256 levels once, and take neighbours far apart.
        picture = (np.arange(256) * 107 % 256).astype(np.uint8)[values].repeat(3, 2)
    return values, picture


def look_at(
    values: np.ndarray, picture: np.ndarray, nodata: float | None = None
) -> tuple[Look, np.ndarray]:
    """Measure a picture, its values and what it shows as `read_shown` gives them.

    And SAMPLED of its values that are data, float64, evenly spread in their order of size.
    """
    numbers = data_of(values, nodata)
    empty = 1 - numbers.size / values.size
    low, high = (float(numbers.min()), float(numbers.max())) if numbers.size else (0.0, 0.0)
    far_off = far_off_value(numbers, low, high)
    if far_off is not None:
        numbers = numbers[numbers != far_off]
        low, high = float(numbers.min()), float(numbers.max())
    gray = Image.fromarray(picture).convert("L")
    colour, common = _common(
        picture[:, _BLEED:-_BLEED] if picture.shape[1] > 8 * _BLEED else picture
    )
    look = Look(
        low=low,
        high=high,
        levels=_levels(numbers) if values.dtype == np.uint8 else 0,
        empty=empty,
        far_off=far_off,
        blank=bool((values[0] == values[0, 0]).all() and (values == values[0, 0]).all()),
        colour=colour,
        common=common,
        features=_features(picture),
        thumb=small(gray, THUMB).tobytes(),
        hash=difference_hash(gray),
    )
    return look, _sampled(numbers)


def _levels(numbers: np.ndarray) -> int:
    there = np.zeros(256, bool)
    for start in range(0, numbers.size, 2**22):  # which counting takes eight times as wide
        there |= np.bincount(numbers[start : start + 2**22], minlength=256) > 0
    return int(there.sum())


def _sampled(numbers: np.ndarray) -> np.ndarray:
    some = _some(numbers)
    if not some.size:
        return np.zeros(0)
    places = (np.arange(SAMPLED) + 0.5) / SAMPLED * some.size
    return np.asarray(np.sort(some)[places.astype(int)].astype(np.float64))


def small(image: Image.Image, side: int) -> np.ndarray:
    """A picture reduced to `(side, side)` or `(side, side, 3)` uint8, every pixel counted."""
    return np.asarray(image.resize((side, side), Image.Resampling.BOX))


def difference_hash(gray: Image.Image) -> int:
    """64 bits that say where a picture of 9x8 pixels gets brighter towards the right.

    By more than 2 levels: flat areas would give bits of chance.
    """
    tiny = np.asarray(gray.resize((9, 8), Image.Resampling.BOX)).astype(np.int16)
    return int.from_bytes(np.packbits(np.diff(tiny, axis=1) > 2).tobytes())


def _some(values: np.ndarray) -> np.ndarray:
    """One of so many, in one dimension; an odd step, so as not to take one channel alone."""
    return np.asarray(values.reshape(-1)[:: values.size // _MANY | 1])


def _stretched(values: np.ndarray, nodata: float | None) -> np.ndarray:
    chosen = values[..., :3] if values.shape[2] >= 3 else values[..., :1]
    finite = data_of(_some(chosen), nodata)
    if not finite.size:
        return np.zeros((*chosen.shape[:2], 3), np.uint8)
    low, high = np.percentile(finite.astype(np.float32), (0.5, 99.5))
    levels = np.empty(chosen.shape, np.uint8)
    # A band of rows at a time: as floats, a large picture would take many times what it does.
    rows = max(1, _MANY // chosen.shape[1])
    for top in range(0, len(chosen), rows):
        band = np.nan_to_num(chosen[top : top + rows].astype(np.float32), nan=low)
        scaled = (band - low) * (255 / max(high - low, 1e-12))
        levels[top : top + rows] = scaled.clip(0, 255)
    return levels if chosen.shape[2] == 3 else levels.repeat(3, 2)


def _thinned(picture: np.ndarray) -> np.ndarray:
    """Every so many rows and columns: no new colours come of it, as they do of resizing."""
    step = max(1, round((picture.shape[0] * picture.shape[1]) ** 0.5 / _SEEN))
    return picture[::step, ::step]


def colour_bins(pixels: np.ndarray) -> np.ndarray:
    """The number of the cube of 16 levels that each of `(..., 3)` pixels lies in, below 4096."""
    red, green, blue = np.moveaxis(pixels.astype(np.int32) >> 4, -1, 0)
    return np.asarray(red * 256 + green * 16 + blue)


def _common(picture: np.ndarray) -> tuple[tuple[int, int, int], float]:
    pixels = _thinned(picture).reshape(-1, 3)
    bins = colour_bins(pixels)
    colour = pixels[bins == np.bincount(bins).argmax()].mean(axis=0).round()
    apart = np.abs(pixels.T.astype(np.int16) - colour[:, None].astype(np.int16))
    red, green, blue = (int(level) for level in colour)
    return (red, green, blue), float((apart.max(axis=0) <= _SAME).mean())


def _features(picture: np.ndarray) -> np.ndarray:
    """What tells drawings, labels, maps and photos apart, whatever they show."""
    seen = _thinned(picture)
    counts = np.bincount(colour_bins(seen).reshape(-1))
    shares = counts[counts > 0] / counts.sum()
    red, green, blue = np.moveaxis(seen.astype(np.float32), -1, 0)
    across, yellow = red - green, (red + green) / 2 - blue
    # At the picture's own scale, for thinning would make edges of textures; of its middle.
    top, left = (max(0, (length - _MIDDLE) // 2) for length in picture.shape[:2])
    middle = np.ascontiguousarray(picture[top : top + _MIDDLE, left : left + _MIDDLE])
    gray = np.asarray(Image.fromarray(middle).convert("L")).astype(np.float32)
    right, down = np.abs(np.diff(gray, axis=1))[:-1], np.abs(np.diff(gray, axis=0))[:, :-1]
    steps = right + down if right.size else np.zeros((1, 1), np.float32)
    flat = (np.maximum(right, down) <= 2).mean() if right.size else 1.0
    return np.array(
        [
            np.log1p(np.hypot(across.std(), yellow.std())),  # how colourful
            across.mean() / 255,
            yellow.mean() / 255,
            ((red > 240) & (green > 240) & (blue > 240)).mean(),  # white
            ((red < 15) & (green < 15) & (blue < 15)).mean(),  # black
            -(shares * np.log2(shares)).sum(),  # how many colours
            shares.max(),
            gray.mean() / 255,
            gray.std() / 255,
            flat,
            np.log1p(steps.mean()),
            np.log1p(np.median(_some(steps))),
        ],
        np.float32,
    )
