"""What a picture file holds that is not read: said once, with how many files it is in."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from diptych.errors import DiptychError
from diptych.images.description import Description
from diptych.images.domain import Kind
from diptych.images.values import probe

FURTHER = "further pages or frames: the first one is taken"
ALPHA = "transparency: transparent parts become white"
_NAMED = 2


def left_out(said: Description, kind: Kind) -> Iterator[str]:
    """What is left out of a file of that description by who reads it as a domain of that kind."""
    if said.further or (said.pages > 1 and kind not in {"values", "labels"}):
        yield FURTHER
    if said.alpha and kind in {"rgb", "gray", "lightness", "chroma"}:
        yield ALPHA


@dataclass
class LeftOut:
    """Files, by what of them was left out."""

    files: dict[str, list[Path | str]] = field(default_factory=dict)

    def add(self, path: Path, kind: Kind) -> None:
        """Look at the header of a file that was read."""
        try:
            said = probe(path)
        except DiptychError:  # it was changed since
            return
        for what in left_out(said, kind):
            self.files.setdefault(what, []).append(path)

    def add_all(self, other: "LeftOut") -> None:
        """The files that another has as well."""
        for what, paths in other.files.items():
            self.files.setdefault(what, []).extend(paths)

    def in_words(self) -> list[str]:
        """A line for each thing that was left out."""
        lines = []
        for what, paths in self.files.items():
            count = f"{len(paths):,} pictures hold" if len(paths) > 1 else "1 picture holds"
            names = ", ".join(str(path) for path in paths[:_NAMED])
            more = f" and {len(paths) - _NAMED:,} more" * (len(paths) > _NAMED)
            lines.append(f"{count} {what} ({names}{more})")
        return lines
