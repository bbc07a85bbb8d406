"""Room to work in: so much memory for a window at a time, and scratch for whole feature maps."""

import contextlib
import math
import shutil
import tempfile
import weakref
from collections.abc import Iterator
from typing import IO, Any

import numpy as np
import torch

from diptych.errors import DiptychError
from diptych.images.windows import Window


class Block:
    """An array `(H, W, C)` written and read by windows, in memory or in a file without a name.

    The system removes such a file however the program ends. Plain reads and writes, not a memory
    map, whose pages would count as memory of the program. Rows of pixels, channels innermost, so
    that a window is one stretch for each of its rows.
    """

    held, in_strips = 0, False  # as of any `Picture`

    def __init__(self, shape: tuple[int, int, int], dtype: Any, workspace: "Workspace") -> None:
        self.shape, self.dtype = shape, np.dtype(dtype)
        self.array: np.ndarray | None = None
        self.file: IO[bytes] | None = None
        size = math.prod(shape) * self.dtype.itemsize
        in_memory = workspace.kept + size <= workspace.keep
        workspace.take(size, in_memory)
        weakref.finalize(self, workspace.take, -size, in_memory)
        if workspace.dry:
            return
        if in_memory:
            self.array = np.empty(shape, self.dtype)
        else:
            with _scratch():
                self.file = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the block
            weakref.finalize(self, self.file.close)

    def write(self, window: Window, values: np.ndarray) -> None:
        """Set the values of a window, `(rows, columns, channels)`."""
        if self.array is not None:
            self.array[slice(*window[0]), slice(*window[1])] = values
            return
        with _scratch():
            for file, part in self._stretches(window, np.ascontiguousarray(values)):
                file.write(part.data)

    def read(self, window: Window) -> np.ndarray:
        """The values in a window; a view where they are in memory."""
        if self.array is not None:
            return self.array[slice(*window[0]), slice(*window[1])]
        values = np.empty([stop - start for start, stop in window] + [self.shape[2]], self.dtype)
        with _scratch():
            for file, part in self._stretches(window, values):
                file.readinto(part)  # type: ignore[attr-defined]
        return values

    def _stretches(
        self, window: Window, values: np.ndarray
    ) -> Iterator[tuple[IO[bytes], np.ndarray]]:
        """Parts of a window's values that lie together in the file, which stands at each."""
        assert self.file is not None  # noqa: S101 - nothing is read or written when it is dry
        (top, bottom), (left, right) = window
        pixel = self.shape[2] * self.dtype.itemsize
        rows = [values] if right - left == self.shape[1] else values
        for row, part in zip(range(top, bottom), rows, strict=False):
            self.file.seek((row * self.shape[1] + left) * pixel)
            yield self.file, part


class Workspace:
    """What a translation by windows may take: bytes, and the device that it computes on.

    `window`: for a window and what is computed on the way to it. `keep`: for feature maps held in
    memory; others go to scratch files. With `dry`, nothing is computed, and `most_on_disk` tells
    afterwards how much scratch it takes.
    """

    def __init__(
        self, window: int, keep: int, device: torch.device | str = "cpu", dry: bool = False
    ) -> None:
        self.window, self.keep, self.dry = window, keep, dry
        self.device = torch.device(device)
        self.kept = self.on_disk = self.most_on_disk = 0

    def take(self, size: int, in_memory: bool) -> None:
        """So many bytes more are in use; negative ones are given back."""
        if in_memory:
            self.kept += size
        else:
            self.on_disk += size
            self.most_on_disk = max(self.most_on_disk, self.on_disk)

    def check_disk(self, needed: int) -> None:
        """Raise DiptychError where the temporary folder has not so much room."""
        folder = tempfile.gettempdir()
        free = shutil.disk_usage(folder).free
        if needed > free:
            raise DiptychError(
                f"{folder}: {in_gb(free)} free, and {in_gb(needed)} of scratch are needed; "
                "TMPDIR names another folder"
            )


@contextlib.contextmanager
def _scratch() -> Iterator[None]:
    """Name the folder where the system refuses what is done to a file in it."""
    try:
        yield
    except OSError as error:
        raise DiptychError(
            f"{tempfile.gettempdir()}: no scratch to be had: {error.strerror}; "
            "TMPDIR names another folder"
        ) from None


def in_gb(size: float) -> str:
    """Bytes in words."""
    return f"{size / 1e9:.1f} GB" if size >= 1e8 else f"{size / 1e6:.0f} MB"
