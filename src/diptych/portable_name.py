"""Names that others gave, as names of files that any system can hold: Windows holds the fewest."""

import re
from pathlib import PurePosixPath

# https://learn.microsoft.com/windows/win32/fileio/naming-a-file: these, whatever ending they have.
_DEVICES = re.compile(
    r"(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³]|conin\$|conout\$) *(\..*)?", re.IGNORECASE
)
_NEVER = re.compile(r'[<>:"|?*\x00-\x1f]|[. ]$')


def portable(name: str) -> PurePosixPath:
    """The path that a name stands for, relative, and with nothing in it that leads elsewhere.

    Slashes of both kinds part it. Letters that Windows takes in no name, and a dot or a space at
    the end of one, are written as in addresses, `%3A`; a device's name has a line before it.
    """
    parts = [_part(part) for part in re.split(r"[/\\]+", name) if part]
    return PurePosixPath(*parts or ["_"])


def _part(part: str) -> str:
    held = _NEVER.sub(lambda letter: f"%{ord(letter[0]):02X}", part)
    return f"_{held}" if _DEVICES.fullmatch(held) else held
