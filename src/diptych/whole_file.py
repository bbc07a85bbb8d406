"""Whole files only: written aside, flushed and renamed, so that nobody ever sees half of one."""

import contextlib
import os
import secrets
from collections.abc import Iterator
from pathlib import Path

from diptych.errors import DiptychError


@contextlib.contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Give a temporary name beside `path` to write to; it becomes `path` when all went well.

    The folder is made where it is missing. On an error the temporary file is removed. Raises
    DiptychError where the system cannot write it.
    """
    # Chance keeps writers apart, on other machines too; the ending stays: it may choose a format.
    aside = path.with_name(f".{path.stem}.{secrets.token_hex(8)}.tmp{path.suffix}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield aside
        with aside.open("rb+") as file:
            os.fsync(file.fileno())
        aside.replace(path)
    except OSError as error:
        raise DiptychError(f"{path}: cannot be written: {error.strerror or error}") from error
    finally:
        with contextlib.suppress(OSError):
            aside.unlink()


def write_whole(path: Path, content: str | bytes) -> None:
    """Write `path` whole, text as UTF-8; raises DiptychError as `whole_file`.

    Names of files need not be valid Unicode: what is not becomes a question mark.
    """
    with whole_file(path) as aside:
        aside.write_bytes(content.encode(errors="replace") if isinstance(content, str) else content)
