"""Whole files only: written aside, flushed and renamed, so that nobody ever sees half of one."""

import contextlib
import errno
import os
import secrets
import stat
from collections.abc import Iterator
from pathlib import Path

from diptych.errors import DiptychError, DiskFullError

_FULL = {errno.ENOSPC, errno.EDQUOT}
# To make a file that was not there, following no link.
_NEW = (
    os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
)
_LONGEST_ENDING = 16  # bytes, of those that may choose a format
_RESERVED = 2**20  # bytes from which on room is asked for at first


@contextlib.contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Give a temporary file beside `path` to write to; it becomes `path` when all went well.

    It is there, empty, and must stay the same file. The folder is made where it is missing, and a
    file that is replaced hands down its permissions. On an error the temporary file is removed.
    Raises DiskFullError where there is no room, DiptychError where the system cannot write it.
    """
    with _aside(path) as (aside, _):
        yield aside


def write_whole(path: Path, content: str | bytes) -> None:
    """Write `path` whole, text as UTF-8; raises errors as `whole_file`.

    Names of files need not be valid Unicode: what is not becomes a question mark.
    """
    stored = content.encode(errors="replace") if isinstance(content, str) else content
    with _aside(path) as (_, descriptor), open(descriptor, "wb", closefd=False) as file:
        if len(stored) >= _RESERVED:
            _reserve(descriptor, len(stored))
        file.write(stored)


def is_aside(path: Path) -> bool:
    """Whether it is named as a temporary file of these, or of a version from before."""
    return path.name.startswith(".") and ".tmp" in path.name


def cannot_be_written(path: Path, error: OSError) -> DiptychError:
    """The error of what the system says."""
    kind = DiskFullError if error.errno in _FULL else DiptychError
    return kind(f"{path}: cannot be written: {error.strerror or error}")


@contextlib.contextmanager
def _aside(path: Path) -> Iterator[tuple[Path, int]]:
    """The temporary file, by its name and open."""
    ending = path.suffix if len(os.fsencode(path.suffix)) <= _LONGEST_ENDING else ""
    # Short, for names have a longest too; chance keeps writers apart, on other machines as well.
    aside = path.with_name(f".{secrets.token_hex(8)}.tmp{ending}")
    made = False
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        mode = _mode(path)
        descriptor = os.open(aside, _NEW, 0o666)  # which the user's mask makes less
        made = True
        try:
            yield aside, descriptor
            _check_same(aside, descriptor)
            if mode is not None and hasattr(os, "fchmod"):
                os.fchmod(descriptor, mode)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        aside.replace(path)
        made = False
    except OSError as error:
        raise cannot_be_written(path, error) from error
    finally:
        if made:
            with contextlib.suppress(OSError):
                aside.unlink()


def _check_same(aside: Path, descriptor: int) -> None:
    """Raise OSError where another file or a link was put in the place of the one that was made."""
    if not os.path.samestat(aside.lstat(), os.fstat(descriptor)):
        raise OSError(errno.EBUSY, "another file took its place while it was written")


def _mode(path: Path) -> int | None:
    """Who may do what with the file that is there; raises OSError where none can be put there."""
    try:
        status = path.lstat()
    except FileNotFoundError:
        return None
    if stat.S_ISDIR(status.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    return stat.S_IMODE(status.st_mode) & 0o777 if stat.S_ISREG(status.st_mode) else None


def _reserve(descriptor: int, size: int) -> None:
    """Ask for room, where the system knows such a thing; raises OSError where there is none."""
    if not hasattr(os, "posix_fallocate"):
        return
    try:
        os.posix_fallocate(descriptor, 0, size)
    except OSError as error:
        if error.errno in _FULL:
            raise
