"""What is asked of the store, and which parts hold it."""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from operator import attrgetter
from pathlib import Path

import numpy as np

from diptych.data.fitting import Fit
from diptych.data.pairs import Picture, Stack, as_bytes
from diptych.data.store.buckets import FILE_BYTES, buckets, most_at
from diptych.data.store.identity import Identities, how_stored
from diptych.data.store.part import ENDING, Part, open_part
from diptych.errors import DiptychError
from diptych.images.domain import Domain

FORMAT = 5  # of the files; another number makes all of them anew


@dataclass(frozen=True)
class Wanted:
    """Pictures of one side, arrays of its domain, each brought to a size.

    `among`: all that they were chosen from, by a seed say. Parts are made of these, so that another
    choice finds them made; by default of the pictures alone.
    """

    pictures: Sequence[Picture | Stack]
    domain: Domain
    fit: Fit
    among: Sequence[Picture | Stack] = ()


@dataclass(frozen=True)
class PartPlan:
    """A part by its name, which follows from its pictures; `asked` says which must be there.

    `identities`: the pictures' own, as they were when the part was planned.
    """

    name: str
    pictures: tuple[Picture | Stack, ...]
    identities: tuple[str, ...]
    asked: np.ndarray
    domain: Domain
    fit: Fit

    def open(self, folder: Path) -> Part | None:
        """The part, if it is whole and holds what is asked."""
        part = open_part(folder / self.name, len(self.pictures), self.domain)
        return None if part is None or (part.sizes[self.asked] == 0).any() else part

    def check_unchanged(self) -> None:
        """Raise DiptychError where a picture is not any more what it was when this was planned.

        What was read of it would be kept as what it was.
        """
        identities = Identities()
        for picture, text in zip(self.pictures, self.identities, strict=True):
            if identities.of(picture).text != text:
                raise DiptychError(
                    f"{picture.path}: has changed while it was read; the same again reads it anew"
                )

    @property
    def files(self) -> tuple[Path, ...]:
        """The files of its pictures, in order."""
        return tuple(own.path for picture in self.pictures for own in picture.parts)


Group = tuple[PartPlan, ...]  # of the same files, which are read once for all of them


def distinct(parts: Iterable[PartPlan]) -> list[PartPlan]:
    """Each once, with all that is asked of it."""
    by_name: dict[str, PartPlan] = {}
    for part in parts:
        first = by_name.get(part.name, part)
        by_name[part.name] = replace(first, asked=first.asked | part.asked)
    return list(by_name.values())


def together(parts: Iterable[PartPlan]) -> list[Group]:
    """The parts in groups, in the same order for whoever asks."""
    groups: dict[tuple[Path, ...], list[PartPlan]] = {}
    for part in sorted(parts, key=attrgetter("name")):
        groups.setdefault(part.files, []).append(part)
    return [tuple(group) for group in groups.values()]


@dataclass(frozen=True)
class SidePlan:
    """The parts that hold the pictures of one side, and where: `(N, 2)`, part and number in it."""

    parts: list[PartPlan]
    places: np.ndarray


def plan_side(wanted: Wanted, identities: Identities) -> SidePlan:
    """Which parts hold what is wanted; raises DiptychError where a file is missing."""
    found = [identities.of(picture) for picture in wanted.pictures]
    known = {
        identity.text: (identity, picture)
        for identity, picture in zip(found, wanted.pictures, strict=True)
    }
    asked = set(known)
    for picture in wanted.among:
        identity = identities.of(picture)
        known.setdefault(identity.text, (identity, picture))
    everything = sorted(known.values(), key=lambda one: (one[0].places, one[0].text))
    native = wanted.fit.kind == "patches"
    height, width = (1, 1) if native else wanted.fit.size
    parted = buckets(
        [identity.places for identity, _ in everything],
        [identity.bytes if native else 0 for identity, _ in everything],
        most_at(height * width * wanted.domain.pixel_bytes),
        FILE_BYTES,
    )
    parts: list[PartPlan] = []
    place_of: dict[str, tuple[int, int]] = {}
    how = how_stored(wanted.domain, wanted.fit)
    for bucket in parted:
        inside = [everything[number] for number in sorted(bucket)]
        texts = [identity.text for identity, _ in inside]
        needed = np.array([text in asked for text in texts])
        if needed.any():
            place_of |= {text: (len(parts), i) for i, text in enumerate(texts)}
            key = hashlib.sha256(as_bytes("\n".join([f"{FORMAT} {how}", *texts])))
            name = f"{key.hexdigest()[:32]}{ENDING}"
            pictures = tuple(picture for _, picture in inside)
            parts.append(PartPlan(name, pictures, tuple(texts), needed, wanted.domain, wanted.fit))
    places = np.array([place_of[identity.text] for identity in found], np.int64).reshape(-1, 2)
    return SidePlan(parts, places)
