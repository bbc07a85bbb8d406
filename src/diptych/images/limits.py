"""How large a picture may declare itself to be before it is refused undecoded."""

import os

from diptych.errors import DiptychError

VARIABLE = "DIPTYCH_MAX_PIXELS"
# A gigabyte as 8-bit RGB with what the reader needs beside it; a little below Pillow's own limit.
DEFAULT = 178_000_000


def max_pixels() -> int:
    """The limit in force: `DIPTYCH_MAX_PIXELS`, which `diptych --max-pixels` sets, or `DEFAULT`."""
    text = os.environ.get(VARIABLE, "")
    if not text:
        return DEFAULT
    if not text.isdecimal() or int(text) == 0:
        raise DiptychError(f"{VARIABLE}={text}: give a whole number of pixels above 0")
    return int(text)


def check_pixels(width: int, height: int) -> None:
    """Raise DiptychError where a picture of that size is over the limit."""
    if width * height > max_pixels():
        raise too_large(f"{width}x{height}")


def too_large(what: str) -> DiptychError:
    """The error for a picture over the limit, which says what raises it."""
    return DiptychError(
        f"{what}: more than the limit of {max_pixels():,} pixels; if that is meant, "
        f"diptych --max-pixels N, or the variable {VARIABLE}, raises it"
    )
