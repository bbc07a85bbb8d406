"""Sides that hold labels: which colours or numbers, how often each, and what is none of them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from diptych.doctor.look import FEW, colour_bins
from diptych.errors import DiptychError
from diptych.evaluation.labels.palette import FLAT, flat_places, recover_palette, to_classes
from diptych.images.domain import Domain

NEAR = 24  # Euclidean distance, of 255, up to which a flat colour is the label's
_PIXELS = 65536  # looked at in a picture


@dataclass(frozen=True)
class Labels:
    """The labels of a side: colours `(K, 3)` uint8, or, without, the numbers 0 to `classes` - 1.

    `declared`: training takes them as labels; else their colours only look like some.
    """

    palette: np.ndarray | None = None
    classes: int = 0
    declared: bool = True


@dataclass(frozen=True, slots=True)
class Count:
    """Pixels of one picture by their label: numbers, or places in the palette.

    `strange`: the share of the picture that is flat and of no label's colour, and the most common
    such colour.
    """

    pixels: dict[int, int]
    strange: float = 0.0
    colour: str = ""


def count_labels(values: np.ndarray, colours: np.ndarray, labels: Labels | None) -> Count | None:
    """Count the labels of a picture `(H, W, C)`, its `colours` `(H, W, 3)`; None: it has none."""
    if labels is not None and labels.palette is not None:
        return _count_colours(colours, labels.palette)
    if values.shape[2] != 1 or values.dtype != np.uint8:
        return None
    numbers, counts = np.unique(values, return_counts=True)
    if labels is None and len(numbers) > FEW:
        return None
    return Count(dict(zip(numbers.tolist(), counts.tolist(), strict=True)))


def count_indices(array: np.ndarray, domain: Domain) -> Count:
    """Count the classes of an array of the domain; pixels without one are none of them."""
    counts = np.bincount(array.reshape(-1), minlength=256)
    if domain.void is not None:
        counts[int(domain.void)] = 0
    return Count({number: int(counts[number]) for number in np.flatnonzero(counts).tolist()})


def find_labels(pictures: Sequence[np.ndarray]) -> Labels | None:
    """The palette of pictures `(H, W, 3)` uint8; None where they are no labels.

    Flat areas of photos (a white background, a saturated sky) can pass for a palette, but not for
    the same one in two halves of the pictures: of labels at least .94 of the area beside the most
    common label lies in colours that the other half has too (facades 1, cityscapes .99,
    maps_original .94), of photos and scans that got so far .73 and less (MRI; CT is gray, and
    labels of one channel are told by their numbers).
    """
    if len(pictures) < 4 or all((p == p[..., :1]).all() for p in pictures):
        return None
    height = min(picture.shape[0] for picture in pictures)
    width = min(picture.shape[1] for picture in pictures)
    if min(height, width) < 3:
        return None
    cut = np.stack([picture[:height, :width] for picture in pictures])
    # A photo among labels, as in a swapped pair, would hide their palette: the oddest tenth goes.
    oddest = np.argsort(_shared(cut), kind="stable")[: len(cut) // 10]
    cut = np.delete(cut, oddest, axis=0)
    halves = cut[::2], cut[1::2]
    try:
        palettes = [recover_palette(half) for half in halves]
        for mine, other, half in zip(palettes, palettes[::-1], halves, strict=True):
            areas = np.bincount(to_classes(half, mine).reshape(-1), minlength=len(mine))[1:]
            apart = np.abs(mine[1:, None].astype(int) - other[None]).max(axis=2).min(axis=1)
            if areas[apart <= FLAT].sum() < 0.9 * areas.sum():
                return None
        return Labels(recover_palette(cut), declared=False)
    except DiptychError:  # no palette
        return None


def _shared(pictures: np.ndarray) -> np.ndarray:
    """Of each picture, the share of its flat area in colours that three of them have at least."""
    counts = np.stack(
        [np.bincount(colour_bins(_flat_pixels(picture)), minlength=4096) for picture in pictures]
    )
    areas = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    return np.asarray((areas * ((areas > 0.005).sum(axis=0) >= 3)).sum(axis=1))


def _count_colours(picture: np.ndarray, palette: np.ndarray) -> Count:
    if min(picture.shape[:2]) < 3:
        return Count({})
    pixels = _flat_pixels(picture)
    step = max(1, len(pixels) // _PIXELS)
    codes = pixels[::step].astype(np.int64) @ np.array([65536, 256, 1])
    colours, counts = np.unique(codes, return_counts=True)
    parts = np.stack([colours >> 16, colours >> 8 & 255, colours & 255], axis=1)
    distances = ((parts[:, None] - palette[None].astype(np.int64)) ** 2).sum(axis=2)
    near = distances.min(axis=1) <= NEAR**2
    totals = np.bincount(distances.argmin(axis=1)[near], counts[near], minlength=len(palette))
    strange = counts[~near]
    counted = {label: round(total) for label, total in enumerate(totals) if total}
    if not strange.size:
        return Count(counted)
    share = float(strange.sum()) * step / (picture.shape[0] * picture.shape[1])
    return Count(counted, share, f"#{int(colours[~near][strange.argmax()]):06x}")


def _flat_pixels(picture: np.ndarray) -> np.ndarray:
    """The colours `(K, 3)` of the flat places, the border left out."""
    return np.asarray(picture[1:-1, 1:-1][flat_places(picture)[1:-1, 1:-1]])
