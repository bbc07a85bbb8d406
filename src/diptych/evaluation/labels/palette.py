"""The discrete labels behind label pictures whose flat colours carry the noise of JPEG."""

import math
from collections.abc import Sequence

import numpy as np

from diptych.errors import DiptychError

FLAT = 8  # levels of 0..255: JPEG moves a flat colour by a few; what varies more is an edge
_BIN = 4  # levels of one bin of the colour histogram
_SIDE = 256 // _BIN
_CUBE = (-3, -2, -1)  # the axes of the histogram
# Widths of cubes of bins, the odd numbers that tell the known label sets from photos.
_DENSE = 3  # a label is where a cube of this width holds the most
_APART = 5  # among the places of a cube of this width
_NOISE = 7  # and nearly all of its pixels lie within this one
# A label covers at least this share of the flat area: less is ringing, or too little to learn from.
_LEAST_SHARE = 2e-4
# Of label pictures this share is flat, and this share of that lies near a label. Measured: flat .37
# and more, near .98 and more, Google's maps being the lowest; of photos at most .89 lies near.
_LEAST_FLAT = 0.1
_LEAST_NEAR = 0.95
_MOST = 256  # labels: classes are stored in 8 bits
_PIXELS = 2**20  # looked at together: what bounds the memory


def recover_palette(pictures: np.ndarray) -> np.ndarray:
    """The colours of the labels in `pictures`, the most frequent first.

    Only flat areas count, pixels whose 3x3 neighbourhood hardly varies: elsewhere labels blend into
    each other. A label is a colour more frequent there than any other nearby, its noise averaged
    out. The same pictures always give the same palette. Give them at their native size: in a
    reduced picture small labels have no flat area left. One photo by itself may pass for labels, a
    set of them does not.

    `pictures`: uint8 `(N, H, W, 3)`; some dozens of them tell rare labels from noise. Returns uint8
    `(K, 3)`, K at most 256; raises DiptychError where there is no such palette, as in photos.
    """
    histogram = np.zeros((4, _SIDE, _SIDE, _SIDE))
    for chunk in _chunks(pictures):
        histogram += _histogram(chunk).reshape(histogram.shape)
    flat = histogram[0].sum()
    if flat <= _LEAST_FLAT * math.prod(pictures.shape[:3]):
        raise DiptychError(
            "no palette: these pictures have hardly any flat area, as photos do; "
            "labels are areas of one colour each"
        )
    dense = _over_neighbours(np.add, histogram, _DENSE, _CUBE)
    # Ties go to the first bin: two peaks side by side would be one label twice.
    first = dense[0] - np.arange(_SIDE**3).reshape(dense[0].shape) / 2**20
    highest = _over_neighbours(np.maximum, first, _APART, _CUBE)
    peaks = (first == highest) & (dense[0] >= _LEAST_SHARE * flat)
    near = _over_neighbours(np.logical_or, peaks, _NOISE, _CUBE)
    peak_count, share = int(peaks.sum()), histogram[0][near].sum() / flat
    if share < _LEAST_NEAR or not 2 <= peak_count <= _MOST:
        raise DiptychError(
            f"no palette: {peak_count} frequent colours make up {share:.0%} of the flat area, "
            f"and labels are 2 to {_MOST} colours that make up {_LEAST_NEAR:.0%} or more"
        )
    counts, *sums = dense[:, peaks]
    order = np.argsort(-counts, kind="stable")
    palette: np.ndarray = np.rint(np.stack(sums, 1) / counts[:, None]).astype(np.uint8)
    return palette[order]


def flat_places(pictures: np.ndarray) -> np.ndarray:
    """Whether the 3x3 around each pixel hardly varies: `(..., H, W)` of uint8 `(..., H, W, C)`."""
    highest = _over_neighbours(np.maximum, pictures, 3, (-3, -2))
    spread = highest - _over_neighbours(np.minimum, pictures, 3, (-3, -2))  # never below 0
    return np.asarray(np.maximum.reduce(np.moveaxis(spread, -1, 0)) <= FLAT)


def to_classes(pictures: np.ndarray, palette: np.ndarray) -> np.ndarray:
    """The number of the palette's nearest colour (Euclidean; the first of equally near ones).

    Of `pictures` uint8 `(N, H, W, 3)`, by a `palette` uint8 `(K, 3)`, K from 1 to 256: uint8
    `(N, H, W)`, each below K.
    """
    pixels = pictures.reshape(-1, 3)
    classes = np.zeros(len(pixels), np.uint8)
    for start in range(0, len(pixels), _PIXELS):
        r, g, b = pixels[start : start + _PIXELS].T.astype(np.float32)
        nearest = np.full(r.shape, np.inf, np.float32)
        for number, (cr, cg, cb) in enumerate(palette.astype(np.float32)):
            # Whole numbers below 2^24, so exact.
            distance = (r - cr) ** 2 + (g - cg) ** 2 + (b - cb) ** 2
            classes[start : start + _PIXELS][distance < nearest] = number
            np.minimum(nearest, distance, out=nearest)
    return classes.reshape(pictures.shape[:3])


def _chunks(pictures: np.ndarray) -> list[np.ndarray]:
    step = max(1, _PIXELS // max(1, math.prod(pictures.shape[1:3])))
    return [pictures[start : start + step] for start in range(0, len(pictures), step)]


def _histogram(pictures: np.ndarray) -> np.ndarray:
    """`(4, bins)`: how many flat pixels each bin holds, and the sums of their channels."""
    pixels = pictures[flat_places(pictures)].astype(np.int64)
    bins = (pixels // _BIN) @ (_SIDE**2, _SIDE, 1)
    weights = (None, *pixels.T)
    return np.stack([np.bincount(bins, each, minlength=_SIDE**3) for each in weights])


def _over_neighbours(
    combine: np.ufunc, values: np.ndarray, width: int, axes: Sequence[int]
) -> np.ndarray:
    """What `combine` makes of the places within half a `width` along all `axes`, one by one."""
    for axis in axes:
        along = np.moveaxis(values, axis, 0)
        combined = values.copy()
        out = np.moveaxis(combined, axis, 0)
        for shift in range(1, width // 2 + 1):
            combine(out[:-shift], along[shift:], out=out[:-shift])
            combine(out[shift:], along[:-shift], out=out[shift:])
        values = combined
    return values
