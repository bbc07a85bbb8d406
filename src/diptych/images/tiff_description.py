"""What a TIFF that tifffile opened says of itself, and how its numbers are decoded."""

import re
from collections.abc import Callable
from itertools import islice
from typing import Any

import numpy as np
from PIL import Image

from diptych.errors import DiptychError
from diptych.images.description import ORIENTATION, OpenFile, describe, upright
from diptych.images.tiff_limits import check_stored, check_tile
from diptych.images.tiff_shown import tiff_shown

GDAL_NODATA, XMP = 42113, 700  # tags
_PALETTE = 3  # how TIFF says that samples are places in a table of colours
_ALPHA = {1, 2}  # among what the samples beside colours mean: premultiplied, and plain
_REDUCED_OR_MASK = 0b101  # of a page's kind: no picture of its own
_SAYS_ORIENTATION = re.compile(rb'tiff:Orientation(?:="|>)([1-8])')  # in XMP


def of_tiff(tiff: Any, show: Callable[[], Image.Image]) -> OpenFile:
    """Of the first picture in a file, whose pages of one band each are its channels.

    `show` has Pillow show it.
    """
    series = tiff.series[0]
    page, parts = series.keyframe, list(series.pages)
    if len(parts) > 1 and page.axes != "YX":  # each of them is a picture
        series, parts = page, [page]
    pages = len(parts)

    def decode() -> np.ndarray:
        check_stored(parts, tiff.filehandle)
        values: np.ndarray = series.asarray()
        planes = values.ndim == 3 and series.axes.endswith("YX")
        return np.moveaxis(values, 0, -1) if planes else values

    orientation = tiff_orientation(page.tags)
    description = describe(
        tiff_shape(series),
        series.dtype,
        orientation,
        palette=colour_table(page),
        nodata=_nodata(page.tags.valueof(GDAL_NODATA), series.dtype),
        alpha=not _ALPHA.isdisjoint(page.extrasamples),
        pages=pages,
        further=len(list(islice(filter(_is_picture, tiff.pages), pages + 1))) > pages,
    )
    check_tile(page)

    def pixels() -> np.ndarray:
        values = decode()
        return upright(values if values.ndim == 3 else values[..., None], orientation)

    return OpenFile(description, decode, lambda: tiff_shown(page, pixels, show))


def _is_picture(page: Any) -> bool:
    return not page.subfiletype & _REDUCED_OR_MASK


def tiff_shape(series: Any) -> tuple[int, int, int]:
    """Height, width and channels; one that has more dimensions is no picture."""
    axes, shape = series.axes, series.shape
    if axes == "YX":
        return shape[0], shape[1], 1
    if axes == "YXS":
        return shape[0], shape[1], shape[2]
    if len(axes) == 3 and axes.endswith("YX"):  # planes one after the other, or a page for each
        return shape[1], shape[2], shape[0]
    raise DiptychError(f"a TIFF with axes {axes} {shape} is not one picture")


def colour_table(page: Any) -> tuple[str, ...]:
    """The colours that a page of a TIFF has for its numbers, where these stand for colours."""
    if page.photometric != _PALETTE or page.dtype != np.uint8 or page.colormap is None:
        return ()
    levels = page.colormap.T  # of 16 bits; some programs write 8
    levels = (levels >> 8 if levels.max() > 255 else levels).astype(np.uint8)
    return tuple(f"#{bytes(colour).hex()}" for colour in levels)


def tiff_orientation(tags: Any) -> int:
    """EXIF's number for how rows and columns lie: its own tag's, or what its XMP says."""
    if ORIENTATION in tags:
        number = tags.valueof(ORIENTATION)
        return number if isinstance(number, int) else 1
    said = tags.valueof(XMP)
    match = _SAYS_ORIENTATION.search(said) if isinstance(said, bytes) else None
    return int(match[1]) if match else 1


def _nodata(text: Any, dtype: np.dtype) -> float | None:
    try:
        return held_nodata(float(text), dtype)
    except (TypeError, ValueError):  # there is no such tag, or no number in it
        return None


def held_nodata(value: float, dtype: np.dtype) -> float | None:
    """The value that means no data, where numbers of that type can be it; else None.

    NaN means so by itself, and what is beyond float32 is read as NaN.
    """
    if dtype.kind == "f":
        with np.errstate(over="ignore"):
            return value if np.isfinite(np.float32(value)) else None
    limits = np.iinfo(dtype)
    held = value.is_integer() and float(limits.min) <= value <= float(limits.max)
    return value if held else None
