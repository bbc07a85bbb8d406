"""Regular files only: what a path from outside leads to is never waited for.

A pipe that nobody writes to would block for ever, a device has no end, and opening one may do
something; they are told from files before they are opened, and again when they are.
"""

import errno
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

_OTHERS = {
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}
_NO_WAITING = getattr(os, "O_NONBLOCK", 0)  # for a writer; nothing to regular files
_FETCHING: list[Callable[[Path], Path]] = []


@contextmanager
def fetching(fetch: Callable[[Path], Path]) -> Iterator[None]:
    """Within, files are opened where `fetch` has put them, of any thread."""
    _FETCHING.append(fetch)
    try:
        yield
    finally:
        _FETCHING.remove(fetch)


def open_regular(path: Path) -> BinaryIO:
    """Open a file to read it; raises OSError as `open` does, and for what is no regular file."""
    for fetch in _FETCHING:
        path = fetch(path)
    check_regular(path)
    file = open(path, "rb", opener=_open_at_once)  # noqa: SIM115 - the caller closes it
    try:
        _check(os.fstat(file.fileno()).st_mode)
    except OSError:
        file.close()
        raise
    return file


def check_regular(path: Path) -> None:
    """Raise OSError where a path leads to nothing, or to what is no regular file.

    For libraries that open files by their names.
    """
    _check(path.stat().st_mode)


def _open_at_once(path: str, flags: int) -> int:
    return os.open(path, flags | _NO_WAITING)


def _check(mode: int) -> None:
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    if not stat.S_ISREG(mode):
        kind = _OTHERS.get(stat.S_IFMT(mode), "something else")
        raise OSError(errno.EINVAL, f"{kind}, where a file was expected")
