"""The right to make a part: a file aside, locked by one process while it writes it."""

import os
import secrets
import sys
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, Self

from diptych.data.store.locks import age, lock, machine

ASIDE = ".aside"
STUCK = 60.0  # seconds; who has written nothing for so long is not waited for


class Claim:
    """An empty file that is written by nobody else, until it becomes a part or is dropped.

    Processes of one machine share its name, so that one makes the part and the others see that by
    its lock, which ends with the process. Where locks do not reach, on another machine or a file
    system without them, each has a name of its own, and the last to finish leaves its file.
    """

    def __init__(self, path: Path, file: BinaryIO) -> None:
        self.path, self.file = path, file

    @classmethod
    def of(cls, folder: Path, name: str) -> Self | None:
        """For the part `name`; None where a living process has it. Raises OSError."""
        shared = folder / f".{Path(name).stem}.{machine()}{ASIDE}"
        while True:
            file = os.fdopen(os.open(shared, os.O_RDWR | os.O_CREAT, 0o666), "r+b")
            held = lock(file.fileno(), alone=True)
            stuck = False
            with suppress(FileNotFoundError):  # it has just become a part, or was dropped
                if held and shared.stat().st_ino == os.fstat(file.fileno()).st_ino:
                    file.truncate(0)
                    shared.touch()
                    return cls(shared, file)
                stuck = held is False and age(shared) > STUCK
                if held is None:
                    shared.unlink()
            file.close()
            if held is None or stuck:
                own = folder / f".{Path(name).stem}.{secrets.token_hex(8)}{ASIDE}"
                return cls(own, own.open("xb"))
            if not held:
                return None

    def become(self, path: Path) -> None:
        """Give the file, which is whole, its name."""
        if sys.platform == "win32":  # which renames no open file, and has no lock to lose
            self.file.close()
        self.path.replace(path)
        self.file.close()

    def drop(self) -> None:
        """Remove the file, unless it has become a part."""
        if not self.file.closed:
            with suppress(OSError):
                self.path.unlink()
            self.file.close()
