"""TIFF files written window by window."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from diptych.images.tiff_description import GDAL_NODATA
from diptych.images.windows import Picture
from diptych.whole_file import whole_file

TILE = 256  # side of the tiles, in pixels
TILE_BYTES = 4_000_000  # above which they are smaller: a tile of many bands is large
Tag = tuple[int, int, int, Any, bool]  # as tifffile takes them


def write_tiff(
    path: Path,
    picture: Picture,
    palette: Sequence[str] = (),
    nodata: float | None = None,
    tags: Sequence[Tag] = (),
) -> None:
    """Write a picture by windows: a tiled, compressed TIFF, BigTIFF where it must be.

    Numbers as they are, three or four channels of 8 bits as colours, indices with their `palette`
    ("#rrggbb" each). It says which value means `nodata`, and is given further `tags`.
    """
    import tifffile

    height, width, channels = picture.shape
    pixel = channels * picture.dtype.itemsize
    side = TILE
    while side > 16 and (side * side * pixel > TILE_BYTES or side >= 2 * max(height, width)):
        side //= 2

    def tiles() -> Iterator[np.ndarray]:
        for top in range(0, height, side):
            for left in range(0, width, side):
                window = (top, min(top + side, height)), (left, min(left + side, width))
                part = picture.read(window)
                tile = np.zeros((side, side, channels), picture.dtype)
                tile[: part.shape[0], : part.shape[1]] = part
                yield tile if channels > 1 else tile[..., 0]

    colours = "rgb" if channels in (3, 4) and picture.dtype == np.uint8 else "minisblack"
    empty = [] if nodata is None else [(GDAL_NODATA, 2, 0, _number(nodata, picture.dtype), True)]
    with (
        whole_file(path) as aside,
        tifffile.TiffWriter(aside, bigtiff=height * width * pixel > 2**31) as writer,
    ):
        writer.write(
            tiles(),
            shape=picture.shape if channels > 1 else (height, width),
            dtype=picture.dtype,
            photometric="palette" if palette else colours,
            planarconfig="contig" if channels > 1 else None,
            colormap=_colormap(palette) if palette else None,
            tile=(side, side),
            compression="adobe_deflate",
            predictor=not palette and picture.dtype.itemsize < 8,  # which knows none so wide
            maxworkers=1,
            extratags=[*tags, *empty],
            metadata=None,
        )


def _number(nodata: float, dtype: np.dtype[Any]) -> str:
    """As text, an integer among integers: a float of the highest 64-bit ones would be one more."""
    if dtype.kind == "f":
        return f"{nodata:.17g}"
    limits = np.iinfo(dtype)
    return str(min(max(int(nodata), limits.min), limits.max))


def _colormap(palette: Sequence[str]) -> np.ndarray:
    """`(3, 256)` of 16 bits, black beyond the palette."""
    colours = np.zeros((256, 3), np.uint16)
    colours[: len(palette)] = [list(bytes.fromhex(colour[1:])) for colour in palette]
    return np.ascontiguousarray(colours.T * 257)
