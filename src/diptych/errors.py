"""The one error a user's mistake raises: a single line that says what to do."""

import importlib
from typing import Any


class DiptychError(ValueError):
    """Bad input: which file or key, what is wrong, what would be right.

    The command line prints the line and exits with status 2; from Python it is a ``ValueError``.
    Names may hold ends of lines, which are shown as such.
    """

    def __init__(self, line: str) -> None:
        super().__init__(line.replace("\n", r"\n").replace("\r", r"\r"))


class DiskFullError(DiptychError):
    """There is no room to write: what comes next would fail as well."""


def loses_all(error: BaseException) -> bool:
    """Whether what comes next would fail as well: no room on the disk, no memory, an interrupt."""
    lost = isinstance(error, MemoryError | DiskFullError) or not isinstance(error, Exception)
    return lost or type(error).__name__ == "OutOfMemoryError"  # torch's


def in_words_of(error: BaseException) -> str:
    """The line of a user's mistake; of any other error also what it is called."""
    if isinstance(error, DiptychError):
        return str(error)
    kind, reason = type(error).__name__, reason_of(error)
    return kind if reason == kind else f"{kind}: {reason}"


def reason_of(error: BaseException) -> str:
    """The first line of an error, or what it is called."""
    return str(error).strip().partition("\n")[0] or type(error).__name__


def optional(package: str, needs: str) -> Any:
    """A package that an extra brings; raises DiptychError of the line `needs` without it."""
    try:
        return importlib.import_module(package)
    except ImportError:
        raise DiptychError(needs) from None
