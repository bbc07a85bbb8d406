"""TIFF files read window by window: a window of one is found without decoding the rest."""

import contextlib
import math
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np

from diptych.errors import DiptychError, reason_of
from diptych.images.arrays import numbers_of, refuse_other_numbers
from diptych.images.class_indices import table_of_windows
from diptych.images.domain import Domain
from diptych.images.opening import tiff_file
from diptych.images.rgb import as_array, as_image, in_colours
from diptych.images.tiff_description import colour_table, tiff_orientation, tiff_shape
from diptych.images.tiff_limits import check_segment, check_tile
from diptych.images.windows import Window

CACHED = 64_000_000  # bytes of decoded strips or tiles kept, since neighbouring windows share them
# TIFF's numbers: of what the samples mean, and how they lie.
_BLACK_IS_ZERO, _RGB, _YCBCR = 1, 2, 6
_JPEG = 7  # of how it is compressed
_CONTIGUOUS, _SEPARATE = 1, 2
_PLAIN_ALPHA = 2


class TiffPicture:
    """The first picture of a TIFF file, as arrays of a domain.

    Windows come as `read_array` would give them. `open_tiff` makes it.
    """

    def __init__(self, file: Any, path: Path, domain: Domain) -> None:
        self.file, self.path, self.domain = file, path, domain
        self.opened = contextlib.ExitStack()  # what closes it
        page: Any = file.pages[0]
        self.page = page
        self.table = table_of_windows(domain, colour_table(page)) if domain.palette else ()
        self.shape = (int(page.imagelength), int(page.imagewidth), domain.array_channels)
        self.dtype = domain.array_dtype
        # As they lie in the file: channels, how many of them together, and their type.
        self.stored = int(page.samplesperpixel)
        self.together = 1 if page.planarconfig == _SEPARATE else self.stored
        self.type = np.dtype(np.uint8 if page.dtype == bool else page.dtype)
        self.type = self.type.newbyteorder(file.byteorder)
        self.cached: OrderedDict[int, np.ndarray] = OrderedDict()
        # A strip or tile is decoded whole, however large, and so are those of every plane.
        pixel = self.stored * self.type.itemsize
        piece, whole = (math.prod(size) * pixel for size in (self._segment, self.shape[:2]))
        self.held = 0 if self._plain else max(piece, min(CACHED, whole))
        self.in_strips = not self._plain and not page.is_tiled and whole > self.held

    def close(self) -> None:
        """Close the file."""
        self.opened.close()

    def read(self, window: Window) -> np.ndarray:
        """A window, decoded from the strips or tiles that it touches."""
        (top, bottom), (left, right) = window
        values = np.empty((bottom - top, right - left, self.stored), self.type.newbyteorder("="))
        try:
            for first in range(0, self.stored, self.together):
                plane = values[..., first : first + self.together]
                (self._copy if self._plain else self._decode)(window, first, plane)
        except Exception as error:  # decoders raise errors of many types on damaged data
            raise DiptychError(f"{self.path}: damaged picture: {reason_of(error)}") from None
        if self.domain.kind in {"values", "labels"}:
            return numbers_of(values, self.domain, self.path, self.table)
        return as_array(in_colours(as_image(values), self.domain.kind))

    @property
    def _plain(self) -> bool:
        """Whether the values lie in the file as they are, row after row."""
        return bool(self.page.is_final)

    def _copy(self, window: Window, first: int, values: np.ndarray) -> None:
        """Fill in channels that lie together, from the `first` on."""
        (top, bottom), (left, right) = window
        height, width = self.shape[:2]
        handle, pixel = self.file.filehandle, self.together * self.type.itemsize
        row = np.empty((right - left, self.together), self.type)
        into: Any = row  # any buffer, though tifffile says a bytearray
        for number in range(top, bottom):
            place = (first // self.together * height + number) * width + left
            handle.seek(self.page.dataoffsets[0] + place * pixel)
            if handle.readinto(into) != row.nbytes:
                raise ValueError("the file is cut off")
            values[number - top] = row

    def _decode(self, window: Window, first: int, values: np.ndarray) -> None:
        """Fill in channels that lie together, from the `first` on."""
        (top, bottom), (left, right) = window
        high, wide = self._segment
        down, across = -(-self.shape[0] // high), -(-self.shape[1] // wide)
        before = first // self.together * down * across
        for i in range(top // high, -(-bottom // high)):
            for j in range(left // wide, -(-right // wide)):
                y, x = i * high - top, j * wide - left  # where it begins in the window
                segment = self._segment_at(before + i * across + j)
                part = segment[max(0, -y) : bottom - top - y, max(0, -x) : right - left - x]
                values[max(0, y) :, max(0, x) :][: part.shape[0], : part.shape[1]] = part

    @property
    def _segment(self) -> tuple[int, int]:
        """Height and width of a strip or tile."""
        if self.page.is_tiled:
            return self.page.tilelength, self.page.tilewidth
        return min(self.page.rowsperstrip, self.shape[0]), self.shape[1]

    def _segment_at(self, number: int) -> np.ndarray:
        if number not in self.cached:
            size = self.page.databytecounts[number]
            self.file.filehandle.seek(self.page.dataoffsets[number])
            data = self.file.filehandle.read(size)
            if len(data) < size:
                raise ValueError("the file is cut off")
            check_segment(self.page, data)
            # Tables apart from the data, which JPEG has in TIFF.
            decoded = self.page.decode(data or None, number, jpegtables=self.page.jpegtables)[0]
            if decoded is None:  # no data: an empty tile
                empty = (1, *self._segment, self.together)
                decoded = np.full(empty, self.page.nodata, self.type.newbyteorder("="))
            self.cached[number] = decoded[0]
        self.cached.move_to_end(number)
        segment = self.cached[number]
        while len(self.cached) * segment.nbytes > max(self.held, segment.nbytes):
            self.cached.popitem(last=False)
        return segment


def open_tiff(path: Path, domain: Domain) -> TiffPicture | None:
    """A TIFF file to be read by windows; None where it can only be read whole, by `read_array`.

    By windows: one upright picture, in tiles or strips of any compression, BigTIFF too. For values
    and labels of any depth, all bands in one picture; for colours of 8 bits, gray, RGB, or RGB with
    transparency. Raises DiptychError where it holds other numbers than the domain.
    """
    with contextlib.ExitStack() as stack:
        try:
            file = stack.enter_context(tiff_file(path))
            page = file.pages[0]
            numbers = domain.kind in {"values", "labels"}
            fits = _numbers(file, domain) if numbers else _plain_colours(page)
            upright = page.imagedepth == 1 and tiff_orientation(page.tags) == 1
            if not (fits and upright and min(page.imagelength, page.imagewidth) >= 1):
                return None
            check_tile(page)
            picture = TiffPicture(file, path, domain)
        except Exception:  # of many types, on a file that is damaged, missing or no TIFF
            return None
        if domain.kind == "values":
            refuse_other_numbers(picture.stored, picture.type, domain, path)
        picture.opened = stack.pop_all()
    return picture


def _numbers(file: Any, domain: Domain) -> bool:
    """Whether the first page is all that is read as numbers."""
    page: Any = file.pages[0]
    series = file.series[0]
    return (
        len(series.pages) == 1
        and tiff_shape(series) == (page.imagelength, page.imagewidth, page.samplesperpixel)
        and page.dtype.kind in "uifb"
        and page.dtype.itemsize <= 8
        and (domain.kind == "values" or page.samplesperpixel in {1, 3, 4})
    )


def _plain_colours(page: Any) -> bool:
    """Whether these are colours that need no conversion but that of `to_rgb`."""
    samples = page.samplesperpixel
    converted = page.photometric != _YCBCR or page.compression == _JPEG  # as JPEG is decoded
    return bool(
        converted
        and samples
        in {_BLACK_IS_ZERO: (1,), _RGB: (3, 4), _YCBCR: (3, 4)}.get(page.photometric, ())
        and (samples < 4 or page.extrasamples == (_PLAIN_ALPHA,))
        and page.dtype == np.uint8
        and page.bitspersample == 8
        and page.planarconfig == _CONTIGUOUS
        and "InterColorProfile" not in page.tags  # which reading whole converts
    )
