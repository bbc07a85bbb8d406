"""Pairs of pictures, and the direction between them, resolved once and here."""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import numpy as np

from diptych.errors import DiptychError
from diptych.images.arrays import beside, read_array
from diptych.images.domain import Domain, plain
from diptych.images.values import probe
from diptych.schema import SPLITS, Data

COLOURS = plain("colours")
Progress = Callable[[int, int], object]  # how many of how many are done
Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Picture:
    """A file, or one of the `panels` of equal width that lie side by side in it."""

    path: Path
    panel: int = 0
    panels: int = 1

    @property
    def parts(self) -> tuple["Picture", ...]:
        """What has a file of its own: the picture itself."""
        return (self,)

    def describe(self) -> str:
        """The file's name, and which panel of it."""
        strip = f" panel {self.panel + 1} of {self.panels}" if self.panels > 1 else ""
        return f"{self.path.name}{strip}"

    @property
    def size(self) -> tuple[int, int]:
        """Width and height, by the file's header; raises DiptychError where it is bad."""
        description = probe(self.path)
        return description.width // self.panels, description.height

    def read(self, domain: Domain = COLOURS) -> np.ndarray:
        """The picture as an array of the domain; raises DiptychError where the file is bad."""
        return self.of(read_array(self.path, domain))

    def of(self, strip: np.ndarray) -> np.ndarray:
        """The picture's own part of what its file holds."""
        return cut_panel(strip, self.panel, self.panels, self.path)


@dataclass(frozen=True, slots=True)
class Stack:
    """Pictures of one place that are a source together, as `data.sources` names them."""

    parts: tuple[Picture, ...]

    @property
    def path(self) -> Path:
        """Of the first, which stands for all where one is named."""
        return self.parts[0].path

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the first; reading checks that the others have them too."""
        return self.parts[0].size

    def describe(self) -> str:
        """The files' names."""
        return " + ".join(part.describe() for part in self.parts)

    def read(self, domain: Domain) -> np.ndarray:
        """All channels, one after the other; raises DiptychError where a file is bad."""
        arrays = [part.read(own) for part, own in zip(self.parts, domain.parts, strict=True)]
        return beside(arrays, [part.path for part in self.parts])


@dataclass(frozen=True, slots=True)
class Pair:
    """A source and its target under one name: the relative path without its ending."""

    name: str
    source: Picture | Stack
    target: Picture

    def read(self, domains: tuple[Domain, Domain]) -> tuple[np.ndarray, np.ndarray]:
        """Source and target, arrays of their domains; raises DiptychError where a file is bad."""
        source, target = self.source, self.target
        alike = domains[0].kind == domains[1].kind and domains[1].kind in {"rgb", "gray"}
        if alike and isinstance(source, Picture) and source.path == target.path:
            strip = read_array(target.path, domains[1])  # once for both
            return source.of(strip), target.of(strip)
        return source.read(domains[0]), target.read(domains[1])


def sides(pair: Pair) -> tuple[Picture, ...]:
    """Source, or each of several, and target; the target alone where the source is made from it."""
    return (pair.target,) if pair.source == pair.target else (*pair.source.parts, pair.target)


@dataclass(frozen=True)
class Fault:
    """What keeps a folder from being trained on: one line, and the files that it is about."""

    message: str
    files: tuple[Path, ...] = ()


@dataclass
class PairedData:
    """The pairs of every split, and what was found on the way."""

    root: Path
    layout: str  # how the pairs lie, in words
    domains: tuple[str, str]  # names of source and target
    splits: dict[str, list[Pair]]
    # All training pairs, those of slices that stand in for a missing split among them.
    undivided: list[Pair] = field(default_factory=list)
    strip: tuple[int, int, int] | None = None  # panels, and which are source and target
    rule: str = ""  # by which the two of a pair met, in words
    own_size: tuple[int, int] | None = None  # of targets that differ in shape from their sources
    notes: list[str] = field(default_factory=list)
    alone: list[Path] = field(default_factory=list)  # left out: no partner in the other folder
    faults: list[Fault] = field(default_factory=list)

    def in_words(self) -> str:
        """How the pairs lie, by what they met, and the first of them."""
        said = f"{self.layout}; a pair has {self.rule}" if self.rule else self.layout
        first = self._first()
        if first is None or first.source == first.target:
            return said
        return f"{said}; as {self.first_pair()}"

    def first_pair(self) -> str:
        """The files of the first pair, from the root on."""
        first = self._first()
        return " -> ".join(
            side.describe().replace(side.path.name, self._from_root(side.path), 1)
            for side in ((first.source, first.target) if first else ())
        )

    def _first(self) -> Pair | None:
        return next((self.splits[split][0] for split in SPLITS if self.splits[split]), None)

    def _from_root(self, path: Path) -> str:
        folder = self.root if self.root.is_dir() else self.root.parent
        return path.relative_to(folder).as_posix() if path.is_relative_to(folder) else path.name

    def fingerprint(self) -> str:
        """Tells whether these are the same pairs: names and file sizes of every split, hashed.

        Raises DiptychError where a file is not there any more.
        """
        digest = hashlib.sha256()
        for split in SPLITS:
            for pair in self.splits[split]:
                files = (*pair.source.parts, pair.target)
                sizes = [_size_of(picture.path) for picture in files]
                digest.update(as_bytes(f"{split}/{pair.name} {sizes}\n"))
        return digest.hexdigest()[:16]


def _size_of(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError as error:
        raise DiptychError(f"{path}: cannot be read: {error.strerror}") from None


def counted(items: Iterable[Item], total: int, on_progress: Progress | None) -> Iterator[Item]:
    """The items; when the next one is asked for, `on_progress` is told that one more is done."""
    for done, item in enumerate(items, 1):
        yield item
        if on_progress is not None:
            on_progress(done, total)


def as_bytes(text: str) -> bytes:
    """What is hashed of a text with file names, which need not be valid Unicode."""
    return text.encode("utf-8", "surrogateescape")


def of_one_shape(one: tuple[int, int], other: tuple[int, int]) -> bool:
    """Whether sizes have one ratio of their sides; a pixel of rounding more or less is no other."""
    return abs(one[0] * other[1] - other[0] * one[1]) <= max(*one, *other)


def evenly_spread(items: Sequence[Item], most: int) -> list[Item]:
    """At most `most` of them, evenly spread, first and last among them."""
    return [items[int(i)] for i in np.linspace(0, len(items) - 1, min(len(items), most)).round()]


def cut_panel(values: np.ndarray, panel: int, panels: int, path: Path) -> np.ndarray:
    """Panel number `panel` of `panels` equally wide ones; raises DiptychError if they are not."""
    if values.shape[1] % panels:
        raise DiptychError(
            f"{path}: {values.shape[1]} pixels wide, which is not {panels} panels of equal width"
        )
    width = values.shape[1] // panels
    return values[:, panel * width : (panel + 1) * width]


def resolve_direction(data: Data, names: Sequence[str]) -> tuple[int, int]:
    """Which of the panels (or of A and B) are source and target.

    `data.direction` is `a_to_b`, `b_to_a` or two names with an arrow, as `labels -> photo`.
    """
    direction = data.direction.strip()
    if direction == "a_to_b":
        return 0, 1
    if direction == "b_to_a":
        return 1, 0
    ends = [end.strip() for end in direction.split("->")]
    if len(ends) == 2 and ends[0] != ends[1] and set(ends) <= set(names):
        return names.index(ends[0]), names.index(ends[1])
    by_names = f", or '{names[0]} -> {names[1]}' with any of {', '.join(names)}" if names else ""
    raise DiptychError(f"data.direction {direction!r}: give a_to_b or b_to_a{by_names}")
