"""What a picture file says of itself, and what of it is read: from a file just opened.

`opening` opens the file; asking what it holds and reading it both go by the one description.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import IO

import numpy as np
from PIL import Image

from diptych.errors import DiptychError
from diptych.images.limits import check_pixels

MAX_CHANNELS = 512
LONGEST_HEADER = 10_000  # bytes, of an array: what NumPy itself reads
ORIENTATION = 0x0112  # the tag of TIFF and of EXIF


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
    alpha: bool = False  # it says of pixels how transparent they are
    pages: int = 1  # whose numbers are read one after the other, as channels
    further: bool = False  # pages or frames lie behind what is read
    bare: bool = False  # numbers that say nothing of colours

    @property
    def plain(self) -> bool:
        """Whether it is a picture as screens show them: 8 bits, gray or colours."""
        return self.dtype == "uint8" and self.channels <= 4 and not self.bare


@dataclass(frozen=True)
class OpenFile:
    """A file that was opened: what it says of itself, and its numbers for who asks for them."""

    description: Description
    decode: Callable[[], np.ndarray]  # `(H, W)` or `(H, W, C)`, as they lie in the file
    show: Callable[[], Image.Image] | None = None  # upright; nothing for files of numbers


def describe(
    shape: tuple[int, int, int], dtype: np.dtype, orientation: int = 1, **more: object
) -> Description:
    """The description of numbers `(H, W, C)` as they lie in a file, with `more` of its fields.

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
    return Description(width, height, channels, name, orientation=orientation, **more)  # type: ignore[arg-type]


def of_array(file: IO[bytes], size: int) -> OpenFile:
    """Of an array as NumPy stores it, in a `file` of so many bytes."""
    file.seek(0)
    start = file.read(12)
    length = int.from_bytes(start[8:10] if start[6:7] == b"\1" else start[8:12], "little")
    if length > LONGEST_HEADER:
        raise DiptychError(f"a header of {length:,} bytes is none of an array")
    file.seek(0)
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

    description = describe((height, width, channels), dtype, bare=True)
    there, needed = size - file.tell(), math.prod(shape) * dtype.itemsize
    if there < needed:
        raise DiptychError(f"cannot be read: cut off: {there:,} bytes of {needed:,}")

    def decode() -> np.ndarray:
        file.seek(0)
        return np.asarray(np.lib.format.read_array(file, allow_pickle=False))

    return OpenFile(description, decode)


def upright(values: np.ndarray, orientation: int) -> np.ndarray:
    """Numbers `(H, W, C)` as they lie in a file, turned and mirrored as EXIF's number says."""
    if orientation >= 5:
        values = values.transpose(1, 0, 2)
    if orientation in (3, 4, 7, 8):
        values = values[::-1]
    if orientation in (2, 3, 6, 7):
        values = values[:, ::-1]
    return values
