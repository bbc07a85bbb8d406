"""Where what is decoded is kept, and how much of it at most."""

import os
from pathlib import Path

import platformdirs

from diptych.errors import DiptychError

GIGABYTE = 10**9
MOST = 50 * GIGABYTE


def cache_folder() -> Path:
    """The folder that `DIPTYCH_CACHE` names, else one in the user's cache directory."""
    named = os.environ.get("DIPTYCH_CACHE")
    return Path(named) if named else platformdirs.user_cache_path("diptych") / "pairs"


def store_folder() -> Path:
    """The part of it that decoded pictures have."""
    return cache_folder() / "decoded"


def bound(free: int, held: int) -> int:
    """Bytes above which the least recently used goes first, of `free` ones and those `held`.

    `DIPTYCH_CACHE_LIMIT` in gigabytes; by default 50, or half of what the disk has to give. Raises
    DiptychError where the variable is no such number.
    """
    limit = gigabytes_named("DIPTYCH_CACHE_LIMIT")
    return min(MOST, (free + held) // 2) if limit is None else limit


def gigabytes_named(variable: str) -> int | None:
    """The bytes that a variable of the environment names in gigabytes, None where it is not set.

    Raises DiptychError where it is no such number.
    """
    named = os.environ.get(variable)
    if not named:
        return None
    try:
        limit = float(named)
        if not 0 <= limit < float("inf"):
            raise ValueError
    except ValueError:
        raise DiptychError(f"{variable} {named!r}: a number of gigabytes, as 50") from None
    return int(limit * GIGABYTE)
