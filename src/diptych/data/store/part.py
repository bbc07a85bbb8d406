"""A file of decoded pictures: all their numbers, then their sizes, then a sum that tells damage."""

import os
import struct
import zlib
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

import numpy as np

from diptych.data.fitting import Size
from diptych.data.store.locks import lock
from diptych.images.domain import Domain

ENDING = ".part"
_FOOT = struct.Struct("<4sI")  # what the file is, and the sum over the sizes
_MARK = b"dpt1"
_LARGEST = 10**6  # of a side


class Part:
    """Decoded pictures, arrays `(H, W, C)` of a domain, memory-mapped from one file and read only.

    `sizes`, `(N, 2)`: height and width of each as it is here; 0 where one could not be decoded.
    `own`, `(N, 2)`: of each before it was brought to a size.
    """

    def __init__(self, mapped: np.ndarray, sizes: np.ndarray, own: np.ndarray, domain: Domain):
        self.sizes, self.own = sizes, own
        self._starts, (first,) = _starts(sizes, domain), sizes[:1].tolist()
        self._numbers = mapped[: self._starts[-1]].view(domain.array_dtype)
        self._starts //= domain.array_dtype.itemsize
        self._channels = domain.array_channels
        # (N, H, W, C), where all are of one size.
        self.together: np.ndarray | None = None
        if (sizes == first).all():
            self.together = self._numbers.reshape(len(sizes), *first, self._channels)

    def __len__(self) -> int:
        return len(self.sizes)

    def __getitem__(self, number: int) -> np.ndarray:
        if self.together is not None:
            picture: np.ndarray = self.together[number]
            return picture
        height, width = self.sizes[number]
        flat = self._numbers[self._starts[number] : self._starts[number + 1]]
        return flat.reshape(height, width, self._channels)


def _starts(sizes: np.ndarray, domain: Domain) -> np.ndarray:
    return np.concatenate([[0], np.cumsum(domain.pixel_bytes * sizes.prod(axis=1))])


def open_part(path: Path, count: int, domain: Domain) -> Part | None:
    """The part of `count` pictures in a file; None where it is missing, damaged or of others.

    It is locked as one that is read for as long as it is held in memory.
    """
    try:
        with path.open("rb") as file:
            lock(file.fileno(), alone=False, wait=True)
            mapped = np.memmap(file, np.uint8, mode="r").view(np.ndarray)
    except (OSError, ValueError):  # the second of an empty file
        return None
    table = 32 * count
    if len(mapped) < table + _FOOT.size:
        return None
    kept = bytes(mapped[-table - _FOOT.size : -_FOOT.size])
    if bytes(mapped[-_FOOT.size :]) != _FOOT.pack(_MARK, zlib.crc32(kept)):
        return None
    own, sizes = np.frombuffer(kept, "<i8").reshape(2, count, 2)
    if not ((sizes >= 0) & (sizes <= _LARGEST)).all():
        return None
    if len(mapped) != _starts(sizes, domain)[-1] + table + _FOOT.size:
        return None
    with suppress(OSError):  # where others own the file
        path.touch()  # the time of its last use
    return Part(mapped, sizes, own, domain)


class Writer:
    """Writes a part, picture after picture, into an open and empty file."""

    def __init__(self, file: BinaryIO) -> None:
        self.file = file
        self._sizes: list[Size] = []
        self._own: list[Size] = []

    def add(self, picture: np.ndarray | None, own: Size) -> None:
        """The next picture and the size it had; None stands for one that cannot be decoded."""
        height, width = (0, 0) if picture is None else picture.shape[:2]
        if picture is not None:
            self.file.write(np.ascontiguousarray(picture).data)
            self.file.flush()  # others see by it that this goes on
        self._sizes.append((height, width))
        self._own.append(own)

    def finish(self) -> None:
        """Write the sizes, and have the disk keep all of it."""
        kept = np.array([self._own, self._sizes], "<i8").tobytes()
        self.file.write(kept + _FOOT.pack(_MARK, zlib.crc32(kept)))
        self.file.truncate()  # what was reserved beyond
        self.file.flush()
        os.fsync(self.file.fileno())
