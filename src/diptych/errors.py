"""The one error a user's mistake raises: a single line that says what to do."""

import importlib
from typing import Any


class DiptychError(ValueError):
    """Bad input: which file or key, what is wrong, what would be right.

    The command line prints the line and exits with status 2; from Python it is a ``ValueError``.
    """


def reason_of(error: BaseException) -> str:
    """The first line of an error, or what it is called."""
    return str(error).strip().partition("\n")[0] or type(error).__name__


def optional(package: str, needs: str) -> Any:
    """A package that an extra brings; raises DiptychError of the line `needs` without it."""
    try:
        return importlib.import_module(package)
    except ImportError:
        raise DiptychError(needs) from None
