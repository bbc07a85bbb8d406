"""A picture in square tiles, as Deepness, the plugin of QGIS, goes through a raster with a network.

Tiles overlap, and of each the inner part is kept, up to half of the overlap; at the edges of the
whole all of it. The raster is made so large that whole tiles fit, with nothing above it and at its
right. Results that are larger than their tiles have no overlap: the plugin puts them side by side.
"""

from collections.abc import Callable, Iterator
from itertools import product

import numpy as np

from diptych.images.windows import Span


def covered(side: int, tile: int, overlap: int) -> int:
    """A side made so long that whole tiles fit."""
    stride = tile - overlap
    return tile + -(-max(0, side - tile) // stride) * stride


def spans(side: int, tile: int, overlap: int) -> Iterator[tuple[int, Span]]:
    """Where each tile of a covered side begins, and which part of the side is taken from it."""
    half = overlap // 2
    starts = range(0, side - tile + 1, tile - overlap)
    for start in starts:
        first = start + half * (start != starts[0])
        yield start, (first, start + tile - half * (start != starts[-1]))


def _within(fill: float, dtype: np.dtype) -> np.ndarray:
    """The number nearest to it that an array of the type can hold."""
    if dtype.kind in "iu":
        fill = float(np.clip(fill, np.iinfo(dtype).min, np.iinfo(dtype).max))
    return np.asarray(fill, dtype)


def assembled(
    picture: np.ndarray,
    tile: int,
    overlap: int,
    translate: Callable[[np.ndarray], np.ndarray],
    fill: float = 0,  # what stands where the raster has nothing
) -> np.ndarray:
    """What `translate` makes of a picture `(H, W, C)` in tiles `(tile, tile, C)`, put together."""
    height, width = picture.shape[:2]
    down, across = (covered(side, tile, overlap) for side in (height, width))
    raster = np.pad(
        picture,
        ((down - height, 0), (0, across - width), (0, 0)),
        constant_values=_within(fill, picture.dtype),
    )
    whole: np.ndarray | None = None
    scale = 1
    for (top, rows), (left, columns) in product(
        spans(down, tile, overlap), spans(across, tile, overlap)
    ):
        made = translate(raster[top : top + tile, left : left + tile])
        if whole is None:
            scale = made.shape[0] // tile
            whole = np.empty((scale * down, scale * across, made.shape[2]), made.dtype)
        kept = made[
            scale * (rows[0] - top) : scale * (rows[1] - top),
            scale * (columns[0] - left) : scale * (columns[1] - left),
        ]
        whole[scale * rows[0] : scale * rows[1], scale * columns[0] : scale * columns[1]] = kept
    assert whole is not None  # noqa: S101 - there is one tile at least
    return whole[scale * (down - height) :, : scale * width]
