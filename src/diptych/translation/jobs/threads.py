"""Files read ahead and results written behind by threads, while the caller computes.

Pillow and zlib let go of the interpreter while they work. What is held is bounded: pictures that
were begun before their turn by their pixels, results that wait for the disk by their bytes.
"""

from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Self

import numpy as np

AHEAD = 2**21  # pixels: larger pictures are read when it is their turn
BEHIND = 2**26  # bytes
WRITERS = 2

Get = Callable[[], np.ndarray]
Written = Callable[[BaseException | None], None]  # told what went wrong


def read_ahead(
    paths: Iterable[Path], read: Callable[[Path], np.ndarray], pixels: Callable[[Path], int | None]
) -> Generator[Get, None, None]:
    """For each path, what waits for its picture, and raises what reading it raised.

    `pixels` are those of a file, None where it does not say. One thread reads.
    """
    begun: deque[tuple[int, Future[np.ndarray]]] = deque()
    coming, held = deque(paths), 0
    reader = ThreadPoolExecutor(1, "read")
    try:
        while coming or begun:
            size: int | None = 0
            while coming and (size := pixels(coming[0])) is not None and held + size <= AHEAD:
                begun.append((size, reader.submit(read, coming.popleft())))
                held += size
            if begun:
                count, picture = begun.popleft()
                yield picture.result
                held -= count
            else:
                path = coming.popleft()
                yield lambda path=path: reader.submit(read, path).result()  # type: ignore[misc]
    finally:
        reader.shutdown(cancel_futures=True)


class WriteBehind:
    """Writes while its block goes on; at the end, or where too much waits, it waits.

    When the block is left by an error or Ctrl-C, what is being written is still written whole, and
    what has not begun is left.
    """

    def __init__(self) -> None:
        self.writers = ThreadPoolExecutor(WRITERS, "write")
        self.waiting: deque[tuple[int, Future[None], Written]] = deque()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            if kind is None:
                self._wait_until(0)
        finally:
            self.writers.shutdown(cancel_futures=True)

    def submit(self, size: int, write: Callable[[], None], written: Written) -> None:
        """Have `write` called, which holds `size` bytes; then `written`, with what it raised.

        That is called in the caller's thread.
        """
        self.waiting.append((size, self.writers.submit(write), written))
        self._wait_until(BEHIND)

    def _wait_until(self, most: int) -> None:
        while self.waiting and (
            self.waiting[0][1].done() or sum(size for size, _, _ in self.waiting) > most
        ):
            _, future, written = self.waiting.popleft()
            written(future.exception())
