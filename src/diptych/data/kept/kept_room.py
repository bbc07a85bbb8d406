"""How much is kept of sources, how much more may be, and what is removed by hand."""

import json
import shutil
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from diptych.data.kept.block import numbers_in, place_of, read_block
from diptych.data.kept.table_of_blocks import TABLE
from diptych.data.store.place import cache_folder, gigabytes_named
from diptych.data.store.space import in_words
from diptych.errors import DiptychError, DiskFullError

LIMIT = "DIPTYCH_KEPT_LIMIT"
ABOUT = "source.json"  # what a folder is kept of
SHARE = 0.9  # of what a disk has to give; all of it is taken from nobody


class KeptSource(NamedTuple):
    """A folder of the cache, and what is in it."""

    folder: Path
    location: str
    bytes: int
    whole: bool


def kept_folder() -> Path:
    """The part of the cache that pictures of sources have."""
    return cache_folder() / "kept"


def kept_sources() -> list[KeptSource]:
    """All that is kept, whole or begun."""
    folders = sorted(kept_folder().glob("*/")) if kept_folder().is_dir() else []
    return [_kept(folder) for folder in folders if not folder.name.startswith(".")]


def _kept(folder: Path) -> KeptSource:
    whole = (folder / TABLE).is_file()
    said = {}
    with suppress(OSError, ValueError):
        said = json.loads((folder / ABOUT).read_text("utf-8"))
    location = str(said.get("location", folder.name))
    if whole and "bytes" in said:
        return KeptSource(folder, location, int(said["bytes"]), whole)
    if numbers_in(folder):
        with suppress(DiptychError):  # whoever needs a damaged record says so
            return KeptSource(folder, location, bytes_in(folder), whole)
    inside = (path for path in folder.rglob("*") if path.is_file())  # as earlier versions kept it
    return KeptSource(folder, location, sum(path.stat().st_size for path in inside), whole)


def bytes_in(folder: Path) -> int:
    """Of the pictures of all blocks in a source's folder."""
    places = [folder / place_of(part) for part in numbers_in(folder)]
    return sum(
        read_block(place / place_of(number)).bytes
        for place in places
        for number in numbers_in(place)
    )


class Room:
    """How much more may be kept of a source, by one of so many processes that do so at once."""

    def __init__(self, location: str, processes: int = 1) -> None:
        home = kept_folder()
        there = next(place for place in (home, *home.absolute().parents) if place.is_dir())
        held, limit = sum(source.bytes for source in kept_sources()), gigabytes_named(LIMIT)
        free = shutil.disk_usage(there).free
        self.left = int(SHARE * (free + held)) - held
        self.words = f"{in_words(free)} are free in {there}, of which some stays so"
        if limit is not None and limit - held < self.left:
            self.left = limit - held
            self.words = f"{LIMIT} leaves {in_words(max(0, self.left))}"
        self.location, self.processes, self.taken = location, processes, 0

    def check(self, needed: int) -> None:
        """Raise DiskFullError where so much more does not fit."""
        if needed > self.left:
            raise self._full(f"its pictures take about {in_words(needed)} more")

    def take(self, taken: int) -> None:
        """So much was kept; raises DiskFullError where there is no room for more."""
        self.taken += self.processes * taken
        if self.taken > self.left:
            raise self._full(f"{in_words(self.taken)} of its pictures were brought")

    def _full(self, so_far: str) -> DiskFullError:
        return DiskFullError(
            f"{self.location}: {so_far}, and {self.words}: see `diptych cache`, let DIPTYCH_CACHE "
            f"name a folder on a larger disk, or set {LIMIT}"
        )


def remove_kept() -> int:
    """Remove all that is kept of sources, whole or begun; how many bytes that were."""
    removed = 0
    for source in kept_sources():
        with suppress(OSError):
            (source.folder / TABLE).unlink(missing_ok=True)  # first: it says that all is there
            shutil.rmtree(source.folder)
            removed += source.bytes
    for aside in kept_folder().glob(".*"):
        shutil.rmtree(aside, ignore_errors=True)
    return removed
