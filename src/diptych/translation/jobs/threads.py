"""Files read ahead and results written behind by threads, while the caller computes.

Pillow and zlib let go of the interpreter while they work. What is held is bounded: pictures that
were begun before their turn, and results that wait for the disk, by their bytes.
"""

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import numpy as np

AHEAD = 2**23  # bytes: larger pictures are read when it is their turn
BEHIND = 2**26  # bytes
WRITERS = 2

Get = Callable[[], np.ndarray]
Written = Callable[[BaseException | None], None]  # told what went wrong
Submit = Callable[[int, Callable[[], None], Written], None]


def read_ahead(
    paths: Iterable[Path],
    read: Callable[[Path], np.ndarray],
    size_of: Callable[[Path], int | None],
) -> Generator[Get, None, None]:
    """For each path, what waits for its picture, and raises what reading it raised.

    One thread reads; what does not say its size, in bytes, is read when it is its turn.
    """
    begun: deque[tuple[int, Future[np.ndarray]]] = deque()
    coming, held = iter(paths), 0
    path = next(coming, None)
    reader = ThreadPoolExecutor(1, "read")
    try:
        while path is not None or begun:
            while path is not None and (size := size_of(path)) and held + size <= AHEAD:
                begun.append((size, reader.submit(read, path)))
                held += size
                path = next(coming, None)
            if begun:
                size, picture = begun.popleft()
                yield picture.result
                held -= size
            else:
                yield lambda path=path: reader.submit(read, path).result()  # type: ignore[misc]
                path = next(coming, None)
    finally:
        reader.shutdown(cancel_futures=True)


@contextmanager
def write_behind() -> Iterator[Submit]:
    """Gives what has things written while the block goes on; its end waits for all of them.

    Called with the bytes that a write holds, the write and `written`, which is told in the caller's
    thread what that raised; where too much waits, it waits. When the block is left by an error or
    Ctrl-C, what is being written is still written whole, and what has not begun is left.
    """
    writers = ThreadPoolExecutor(WRITERS, "write")
    waiting: deque[tuple[int, Future[None], Written]] = deque()

    def wait_until(most: int) -> None:
        while waiting and (waiting[0][1].done() or sum(size for size, _, _ in waiting) > most):
            _, future, written = waiting.popleft()
            written(future.exception())

    def submit(size: int, write: Callable[[], None], written: Written) -> None:
        waiting.append((size, writers.submit(write), written))
        wait_until(BEHIND)

    try:
        yield submit
        wait_until(0)
    finally:
        writers.shutdown(cancel_futures=True)
