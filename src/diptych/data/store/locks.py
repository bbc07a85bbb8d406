"""Who uses a file of the store: locks of the system, which end with the process that holds them.

They are seen by all processes of one machine, in containers as well, but not surely by another
machine that shares the folder; what belongs to one of those is told by its age.
"""

import hashlib
import secrets
import sys
import time
from functools import cache
from pathlib import Path

if sys.platform != "win32":
    import fcntl

HOUR = 3600.0  # what nobody wrote to for so long is written by nobody, wherever they are
WEEK = 7 * 24 * HOUR  # and what nobody opened for so long is read by nobody


@cache
def machine() -> str:
    """A name for this machine since it was started; where it has none, for this process."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text("ascii")
    except OSError:
        boot = secrets.token_hex()
    return hashlib.sha256(boot.encode()).hexdigest()[:8]


def lock(file: int, *, alone: bool, wait: bool = False) -> bool | None:
    """Lock an open file, for this process `alone` or beside others that only read it.

    False where it is another's, None where there are no locks. It is held until the last copy of
    the file's number is closed, as that of a memory map is.
    """
    if sys.platform == "win32":
        return None
    how = (fcntl.LOCK_EX if alone else fcntl.LOCK_SH) | (0 if wait else fcntl.LOCK_NB)
    try:
        fcntl.flock(file, how)
    except BlockingIOError:
        return False
    except OSError:
        return None
    return True


def age(path: Path) -> float:
    """Seconds since it was last written or touched."""
    return time.time() - path.stat().st_mtime


def make_known(folder: Path) -> None:
    """Leave a sign that this machine uses the folder; raises OSError."""
    (folder / f".{machine()}.machine").touch()


def others_use(folder: Path) -> bool:
    """Whether another machine uses the folder, or did within the week."""
    signs = [sign for sign in folder.glob(".*.machine") if sign.name != f".{machine()}.machine"]
    return any(age(sign) < WEEK for sign in signs)
