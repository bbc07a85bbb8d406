"""What a picture file says of itself, and how its numbers are decoded: from a file just opened.

`opening` opens the file; asking what it holds and reading it both go by the one description.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import IO, Any

import numpy as np
from PIL.Image import Image
from PIL.ImageFile import ImageFile

from diptych.errors import DiptychError
from diptych.images.limits import check_pixels

MAX_CHANNELS = 512
GDAL_NODATA, ORIENTATION = 42113, 0x0112  # tags of TIFF; the second is of EXIF too
_PALETTE = 3  # how TIFF says that samples are places in a table of colours
# Pillow's modes that hold one 16-bit (or wider) number a pixel, and what they are as arrays.
_WIDE_MODES = {"I;16": "uint16", "I;16B": "uint16", "I;16L": "uint16", "I": "int32", "F": "float32"}
# Channels of a PNG by how Pillow calls its numbers, of which it would keep 8 of 16 bits.
_WIDE_PNG = {"RGB;16B": 3, "LA;16B": 2, "RGBA;16B": 4}


@dataclass(frozen=True)
class Description:
    """What a file declares of itself, nothing decoded."""

    width: int  # upright, as the height is
    height: int
    channels: int  # of the numbers it holds: a palette picture has one, its index
    dtype: str
    palette: tuple[str, ...] = ()  # of a palette picture, as "#rrggbb"
    nodata: float | None = None  # what a GeoTIFF says its empty pixels hold
    orientation: int = 1  # EXIF's number for how the decoded rows and columns lie

    @property
    def plain(self) -> bool:
        """Whether it is a picture as screens show them: 8 bits, gray or colours."""
        return self.dtype == "uint8" and self.channels <= 4


@dataclass(frozen=True)
class OpenFile:
    """A file that was opened: what it says of itself, and its numbers for who asks for them."""

    description: Description
    decode: Callable[[], np.ndarray]  # `(H, W)` or `(H, W, C)`, as they lie in the file


def describe(
    shape: tuple[int, int, int],
    dtype: np.dtype,
    orientation: int = 1,
    palette: tuple[str, ...] = (),
    nodata: float | None = None,
) -> Description:
    """The description of numbers `(H, W, C)` as they lie in a file.

    Raises DiptychError where they are none that a picture can hold, or over the limits.
    """
    height, width, channels = shape
    if min(shape) < 1:
        raise DiptychError(f"an empty picture, {width}x{height} with {channels} channels")
    check_pixels(width, height)
    if channels > MAX_CHANNELS:
        raise DiptychError(f"{channels} channels, more than {MAX_CHANNELS}: write it as (H, W, C)")
    # Many bands of wide numbers weigh as much as many pixels: four bytes for each are allowed.
    check_pixels(width, math.ceil(height * channels * dtype.itemsize / 4))
    if dtype.kind not in "uifb" or dtype.itemsize > 8:
        raise DiptychError(f"values of type {dtype} are not numbers that a picture can hold")
    if orientation not in range(1, 9):
        orientation = 1
    if orientation >= 5:
        height, width = width, height
    name = "uint8" if dtype.kind == "b" else dtype.name
    return Description(width, height, channels, name, palette, nodata, orientation)


def of_array(file: IO[bytes]) -> OpenFile:
    """Of an array as NumPy stores it, from the beginning of `file`."""
    version = np.lib.format.read_magic(file)
    read = (
        np.lib.format.read_array_header_1_0
        if version == (1, 0)
        else np.lib.format.read_array_header_2_0
    )
    shape, _, dtype = read(file)
    if len(shape) not in (2, 3):
        raise DiptychError(f"an array {shape}: expected (H, W) or (H, W, C)")
    height, width, channels = (*shape, 1)[:3]

    def decode() -> np.ndarray:
        file.seek(0)
        return np.asarray(np.lib.format.read_array(file, allow_pickle=False))

    return OpenFile(describe((height, width, channels), dtype), decode)


def of_tiff(tiff: Any) -> OpenFile:
    """Of the first picture in a file that tifffile opened."""
    series = tiff.series[0]
    tags = series.keyframe.tags

    def decode() -> np.ndarray:
        values: np.ndarray = series.asarray()
        planes = values.ndim == 3 and series.axes.endswith("YX")
        return np.moveaxis(values, 0, -1) if planes else values

    description = describe(
        tiff_shape(series),
        series.dtype,
        tags.valueof(ORIENTATION, 1),
        colour_table(series.keyframe),
        nodata=_number(tags.valueof(GDAL_NODATA)),
    )
    return OpenFile(description, decode)


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


def _number(text: Any) -> float | None:
    try:
        return float(text)
    except (TypeError, ValueError):  # there is no such tag, or no number in it
        return None


def of_picture(image: ImageFile, decode_png: Callable[[], np.ndarray]) -> OpenFile:
    """Of a picture that Pillow opened; `decode_png` gives all 16 bits of a PNG in colours."""
    stored: Any = image.tile[0][3] if image.tile else None  # as Pillow tells its decoder
    orientation = Image.getexif(image).get(ORIENTATION, 1)
    size = (image.height, image.width)
    if image.format == "PNG" and stored in _WIDE_PNG:
        channels = _WIDE_PNG[stored]
        description = describe((*size, channels), np.dtype("uint16"), orientation)
        # Where one colour stands for no colour, the decoder adds a channel that says where.
        return OpenFile(description, lambda: decode_png()[..., :channels])
    dtype = np.dtype(_WIDE_MODES.get(image.mode, "uint8"))
    if image.mode == "I" and image.format in {"PPM", "PNG"}:
        dtype = np.dtype("uint16")  # which Pillow holds in 32 bits
    palette: tuple[str, ...] = ()
    if image.mode == "P" and image.palette is not None:
        colours = bytes(image.palette.getdata()[1])[: 3 * 256]
        palette = tuple(f"#{colours[i : i + 3].hex()}" for i in range(0, len(colours) - 2, 3))

    def decode() -> np.ndarray:
        image.load()
        if image.format != "PPM" or dtype != np.uint16:
            return np.asarray(image).astype(dtype)
        # Pillow stretches a PGM to 65535; back to the numbers of the file.
        highest = stored[1] if isinstance(stored, tuple) else 65535
        values = np.asarray(image)
        return (values if highest == 65535 else np.rint(values * (highest / 65535))).astype(dtype)

    if image.format == "TIFF":  # which Pillow turns as it decodes, and whose size it says upright
        orientation = 1
    bands = len(image.getbands())
    return OpenFile(describe((*size, bands), dtype, orientation, palette), decode)
