"""Pictures read and written window by window, so that none has to be whole in memory.

TIFF is the format for that: a window of it is found without decoding the rest.
"""

import math
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import tifffile
from PIL import Image

from diptych.errors import DiptychError
from diptych.images.files import to_rgb, to_rgba
from diptych.whole_file import whole_file

Span = tuple[int, int]  # from the first place to the one behind the last
Window = tuple[Span, Span]  # rows, columns

TILE = 256  # side of the tiles that are written, in pixels
CACHED = 64_000_000  # bytes of decoded strips or tiles kept, since neighbouring windows share them


class Picture(Protocol):
    """A picture `(height, width, channels)` of which windows can be read."""

    @property
    def shape(self) -> tuple[int, int, int]:
        """Height, width and channels."""

    @property
    def dtype(self) -> np.dtype[Any]:
        """Of the values."""

    @property
    def held(self) -> int:
        """Bytes of memory that reading windows comes to hold."""

    def read(self, window: Window) -> np.ndarray:
        """The values in a window, `(rows, columns, channels)`."""


class ArrayPicture:
    """A picture that is an array `(H, W, C)` in memory."""

    held = 0

    def __init__(self, pixels: np.ndarray) -> None:
        self.pixels = pixels
        self.shape = (pixels.shape[0], pixels.shape[1], pixels.shape[2])
        self.dtype = pixels.dtype

    def read(self, window: Window) -> np.ndarray:
        """A view of the window."""
        rows, columns = window
        return self.pixels[slice(*rows), slice(*columns)]


class TiffPicture:
    """The first picture of a TIFF file, as 8-bit RGB, or RGBA with `alpha`.

    Windows come as `read_image` would give them. `open_tiff` makes it.
    """

    def __init__(self, file: tifffile.TiffFile, path: Path, alpha: bool) -> None:
        self.file, self.path, self.alpha = file, path, alpha
        page: Any = file.pages[0]
        self.page = page
        self.shape = (int(page.imagelength), int(page.imagewidth), 4 if alpha else 3)
        self.dtype = np.dtype(np.uint8)
        self.stored = page.samplesperpixel  # channels as they lie in the file
        self.cached: OrderedDict[int, np.ndarray] = OrderedDict()

    @property
    def held(self) -> int:
        """What may be cached: a strip or tile is decoded whole, however large."""
        if self._plain:
            return 0
        high, wide = self._segment
        piece: int = high * wide * self.stored
        return min(max(CACHED, piece), math.prod(self.shape))

    def close(self) -> None:
        """Close the file."""
        self.file.close()

    def read(self, window: Window) -> np.ndarray:
        """A window, decoded from the strips or tiles that it touches."""
        try:
            values = self._copied(window) if self._plain else self._decoded(window)
        except Exception as error:  # decoders raise errors of many types on damaged data
            raise DiptychError(f"{self.path}: damaged picture: {error}") from None
        image = Image.fromarray(values[..., 0] if self.stored == 1 else values)
        return np.asarray(to_rgba(image) if self.alpha else to_rgb(image))

    @property
    def _plain(self) -> bool:
        """Whether the values lie in the file as they are, row after row."""
        return bool(self.page.is_contiguous)

    def _copied(self, window: Window) -> np.ndarray:
        (top, bottom), (left, right) = window
        values = np.empty((bottom - top, right - left, self.stored), np.uint8)
        handle = self.file.filehandle
        for row, into in zip(range(top, bottom), values, strict=True):
            place = (row * self.shape[1] + left) * self.stored
            handle.seek(self.page.dataoffsets[0] + place)
            if handle.readinto(into) != into.nbytes:
                raise ValueError("the file is cut off")
        return values

    def _decoded(self, window: Window) -> np.ndarray:
        (top, bottom), (left, right) = window
        high, wide = self._segment
        across = -(-self.shape[1] // wide)
        values = np.empty((bottom - top, right - left, self.stored), np.uint8)
        for i in range(top // high, -(-bottom // high)):
            for j in range(left // wide, -(-right // wide)):
                segment = self._segment_at(i * across + j)
                rows = max(top, i * high), min(bottom, i * high + segment.shape[0])
                columns = max(left, j * wide), min(right, j * wide + segment.shape[1])
                values[rows[0] - top : rows[1] - top, columns[0] - left : columns[1] - left] = (
                    segment[
                        rows[0] - i * high : rows[1] - i * high,
                        columns[0] - j * wide : columns[1] - j * wide,
                    ]
                )
        return values

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
            # Tables apart from the data, which JPEG has in TIFF.
            decoded = self.page.decode(data or None, number, jpegtables=self.page.jpegtables)[0]
            if decoded is None:  # no data: an empty tile
                decoded = np.zeros((1, *self._segment, self.stored), np.uint8)
            self.cached[number] = decoded[0]
        self.cached.move_to_end(number)
        segment = self.cached[number]
        while len(self.cached) * segment.nbytes > max(CACHED, segment.nbytes):
            self.cached.popitem(last=False)
        return segment


def open_tiff(path: Path, alpha: bool = False) -> TiffPicture | None:
    """A TIFF file to be read by windows; None where it can only be read whole, by `read_image`.

    By windows: 8 bits, gray, RGB, or RGB with transparency, upright, in tiles or strips of any
    compression, BigTIFF too.
    """
    try:
        file = tifffile.TiffFile(path)
    except Exception:  # of many types, on a file that is damaged, missing or no TIFF
        return None
    try:
        if _readable(file.pages[0]):
            return TiffPicture(file, path, alpha)
    except (IndexError, AttributeError, TypeError, ValueError):
        pass
    file.close()
    return None


def _readable(page: Any) -> bool:
    orientation = page.tags.get("Orientation")
    kinds = tifffile.PHOTOMETRIC
    if page.photometric == kinds.MINISBLACK:
        known = page.samplesperpixel == 1
    elif page.photometric in {kinds.RGB, kinds.YCBCR}:
        known = page.samplesperpixel == 3 or (
            page.samplesperpixel == 4 and page.extrasamples == (tifffile.EXTRASAMPLE.UNASSALPHA,)
        )
    else:
        known = False
    return bool(
        known
        and page.dtype == np.uint8
        and page.bitspersample == 8
        and page.imagedepth == 1
        and page.planarconfig == tifffile.PLANARCONFIG.CONTIG
        and (orientation is None or orientation.value == 1)
        and "InterColorProfile" not in page.tags  # which reading whole converts
    )


def write_tiff(path: Path, picture: Picture, tags: Sequence[Any] = ()) -> None:
    """Write an 8-bit picture by windows: a tiled, compressed TIFF, BigTIFF where it must be.

    `tags` are further ones, as tifffile takes them.
    """
    height, width, channels = picture.shape

    def tiles() -> Iterator[np.ndarray]:
        for top in range(0, height, TILE):
            for left in range(0, width, TILE):
                window = (top, min(top + TILE, height)), (left, min(left + TILE, width))
                part = picture.read(window)
                tile = np.zeros((TILE, TILE, channels), picture.dtype)
                tile[: part.shape[0], : part.shape[1]] = part
                yield tile

    with (
        whole_file(path) as aside,
        tifffile.TiffWriter(aside, bigtiff=height * width * channels > 2**31) as writer,
    ):
        writer.write(
            tiles(),
            shape=picture.shape,
            dtype=picture.dtype,
            photometric="rgb",
            tile=(TILE, TILE),
            compression="adobe_deflate",
            predictor=True,
            maxworkers=1,
            extratags=tags,
            metadata=None,
        )
