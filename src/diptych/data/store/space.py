"""Room for what is to be decoded: looked for at first, and made where older files are unused."""

import errno
import os
import re
import shutil
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from diptych.data.store.claim import ASIDE
from diptych.data.store.locks import HOUR, WEEK, age, lock, machine, others_use
from diptych.data.store.part import ENDING
from diptych.data.store.place import GIGABYTE, bound
from diptych.errors import DiptychError

# Names that nothing else bears: of parts, of whole sets as earlier versions kept them, and of what
# is being made. A person's own files may lie beside them.
_PART = re.compile(rf"[0-9a-f]{{32}}{re.escape(ENDING)}")
_OLD = re.compile(r"[0-9a-f]{32}\.(npy|pixels)")
_ASIDE = re.compile(rf"\.[0-9a-f]{{32}}\.([0-9a-f]+){re.escape(ASIDE)}")
_CANNOT = {errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP}  # reserve: not on this file system


@dataclass(frozen=True)
class Kept:
    """A file of decoded pictures: its bytes, and seconds since its last use."""

    path: Path
    bytes: int
    age: float


def kept_files(folder: Path) -> list[Kept]:
    """Those in a store's folder, the least recently used first; earlier versions' beside it too."""
    kept = []
    own = [path for path in folder.glob("*") if _PART.fullmatch(path.name)]
    old = [path for path in folder.parent.glob("*") if _OLD.fullmatch(path.name)]
    for path in (*own, *old):
        with suppress(OSError):  # another process may be faster
            kept.append(Kept(path, path.stat().st_size, age(path)))
    return sorted(kept, key=lambda one: -one.age)


def remove_unused(path: Path, *, others: bool, idle: float = WEEK) -> bool:
    """Remove a file unless a living process uses it; whether it is gone.

    With `others`, whose locks may not be seen from here, only one that was `idle` for so long.
    """
    try:
        with path.open("rb") as file:
            held = lock(file.fileno(), alone=True)
            if held is False or ((others or held is None) and age(path) < idle):
                return False
            path.unlink()
    except FileNotFoundError:
        return True
    except OSError:  # Windows keeps open files; others' may not be ours to remove
        return False
    return True


def sweep(folder: Path) -> None:
    """Remove what builders left that have died: of this machine at once, of others by its age."""
    for path in folder.glob(".*"):
        if aside := _ASIDE.fullmatch(path.name):
            with suppress(OSError):
                remove_unused(path, others=aside[1] != machine(), idle=HOUR)
    for sign in folder.glob(".*.machine"):
        with suppress(OSError):
            if age(sign) > WEEK:
                sign.unlink()


def room_in(folder: Path) -> int:
    """Bytes that are free, or would be if all that is kept were removed."""
    there = next(place for place in (folder, *folder.absolute().parents) if place.is_dir())
    return shutil.disk_usage(there).free + sum(one.bytes for one in kept_files(folder))


def make_room(folder: Path, needed: int) -> None:
    """Remove what was not used longest, and is not used now, until `needed` bytes more fit.

    Raises DiptychError where the disk has not as many.
    """
    kept = kept_files(folder)
    held = sum(one.bytes for one in kept)
    free = shutil.disk_usage(folder).free
    limit, others = bound(free, held), others_use(folder)
    enough = needed <= free + held  # else nothing is gained by removing any
    for one in kept if enough else ():
        if held + needed <= limit and needed <= free:
            break
        if remove_unused(one.path, others=others):
            held -= one.bytes
            free += one.bytes
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise DiptychError(
            f"{folder}: the decoded pictures take {in_words(needed)}, and {in_words(free)} are "
            "free there: let DIPTYCH_CACHE name a folder on a larger disk, lower data.load_size, "
            "or see `diptych cache`"
        )


def empty(folder: Path) -> int:
    """Remove all that no living process of this machine uses; how many bytes that were."""
    sweep(folder)
    return sum(one.bytes for one in kept_files(folder) if remove_unused(one.path, others=False))


def reserve(file: int, count: int) -> None:
    """Have the disk keep `count` bytes for an open file, where the system can; raises OSError."""
    if count and hasattr(os, "posix_fallocate"):
        try:
            os.posix_fallocate(file, 0, count)
        except OSError as error:
            if error.errno not in _CANNOT:
                raise


def in_words(count: int) -> str:
    """Bytes, as `1.3 GB`."""
    return f"{count / GIGABYTE:.1f} GB" if count >= GIGABYTE / 10 else f"{count / 1e6:.1f} MB"
