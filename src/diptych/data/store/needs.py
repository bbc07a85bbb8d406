"""What decoded pictures will take of the disk, and how long making them takes."""

import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from diptych.data.pairs import evenly_spread
from diptych.data.store.decoding import decode, in_order
from diptych.data.store.identity import Identities
from diptych.data.store.place import store_folder
from diptych.data.store.space import room_in
from diptych.data.store.wanted import Group, PartPlan, Wanted, distinct, plan_side, together
from diptych.errors import DiptychError

HEADERS = 1000  # files that are asked for their size before all else
TRIED = 64  # pictures decoded for an estimate, as far as the time goes


@dataclass(frozen=True)
class Needs:
    """What a run will read of decoded pictures."""

    bytes: int
    missing: int  # bytes of those that are not there yet
    seconds: float  # to make these
    room: int  # bytes that the disk can give them


def needs(wanted: Iterable[Wanted], folder: Path | None = None, seconds: float = 1.0) -> Needs:
    """What the pictures take, told from headers and from a few that are decoded in `seconds`.

    Raises DiptychError where a file is missing.
    """
    identities, folder = Identities(), folder or store_folder()
    parts = distinct(part for side in wanted for part in plan_side(side, identities).parts)
    missing = [part for part in parts if part.open(folder) is None]
    groups = together(missing)
    rows = [(group, number) for group in groups for number in range(len(group[0].pictures))]
    begun, done = time.monotonic(), 0
    for _ in in_order(_tried, evenly_spread(rows, TRIED)):
        done += 1
        if time.monotonic() - begun > seconds:
            break
    took = (time.monotonic() - begun) * len(rows) / max(1, done)
    return Needs(bytes_of(parts, HEADERS), bytes_of(missing, HEADERS), took, room_in(folder))


def bytes_of(parts: Sequence[PartPlan], most: int) -> int:
    """What the pictures of the parts take, by the headers of at most so many of each kind."""
    total = 0
    for fit in {part.fit for part in parts}:
        alike = [part for part in parts if part.fit == fit]
        rows = [(part, number) for part in alike for number in range(len(part.pictures))]
        chosen = evenly_spread(rows, most)
        total += sum(_bytes(*row) for row in chosen) * len(rows) // max(1, len(chosen))
    return total


def _bytes(part: PartPlan, number: int) -> int:
    size = part.fit.size
    if part.fit.kind != "resize":
        with suppress(DiptychError):  # which decoding it tells
            width, height = part.pictures[number].size
            size = part.fit.of((height, width))
    return size[0] * size[1] * part.domain.pixel_bytes + 32


def _tried(row: tuple[Group, int]) -> None:
    with suppress(DiptychError):
        decode(*row)
