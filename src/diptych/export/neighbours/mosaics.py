"""Large pictures laid out of small pairs, to try what takes pictures of one size alone."""

from collections.abc import Iterator, Sequence
from itertools import cycle, islice, product

import numpy as np

from diptych.data.fitting import Size
from diptych.export.onnx_export import Pair


def mosaic(pairs: Sequence[Pair], size: Size, scale: int) -> Pair:
    """A source of `size` (height, width) out of those of pairs, and its target, `scale` as large.

    Row by row, in turns, and of each its top left, as much as all have.
    """
    cell = _cell(pairs, size)
    down, across = (-(-side // each) for side, each in zip(size, cell, strict=True))
    source, target = (
        np.empty((times * size[0], times * size[1], side.shape[2]), side.dtype)
        for times, side in zip((1, scale), pairs[0], strict=True)
    )
    places = product(range(down), range(across))
    for (row, column), pair in zip(places, cycle(pairs), strict=False):
        for times, whole, part in zip((1, scale), (source, target), pair, strict=True):
            high, wide = (times * side for side in cell)
            place = whole[row * high : (row + 1) * high, column * wide : (column + 1) * wide]
            place[:] = part[: place.shape[0], : place.shape[1]]
    return source, target


def mosaics(pairs: Sequence[Pair], size: Size, scale: int) -> Iterator[Pair]:
    """As many mosaics as show every pair once."""
    cell = _cell(pairs, size)
    many = -(-size[0] // cell[0]) * -(-size[1] // cell[1])
    for start in range(0, len(pairs), many):
        yield mosaic(list(islice(cycle(pairs), start, start + many)), size, scale)


def _cell(pairs: Sequence[Pair], size: Size) -> Size:
    """Height and width of what is taken of a pair."""
    high, wide = (min(source.shape[axis] for source, _ in pairs) for axis in (0, 1))
    return min(high, size[0]), min(wide, size[1])
