"""Which picture is which: where it lies, which part of its file it is, and when that changed."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from diptych.data.fitting import Fit
from diptych.data.pairs import Picture, Stack
from diptych.errors import DiptychError
from diptych.images.domain import Domain


class Identity(NamedTuple):
    """Of a picture, or of several that are one source together."""

    places: str  # its file, or files
    text: str  # changes with anything about it
    bytes: int  # of its files


class Identities:
    """Asks for each file once, and resolves each folder once; pictures must live as long."""

    def __init__(self) -> None:
        self._folders: dict[str, str] = {}
        self._files: dict[str, tuple[str, int, int]] = {}
        self._pictures: dict[int, Identity] = {}

    def of(self, picture: Picture | Stack) -> Identity:
        """Raises DiptychError where a file is missing."""
        identity = self._pictures.get(id(picture))
        if identity is None:
            identity = _beside([self._part(part) for part in picture.parts])
            self._pictures[id(picture)] = identity
        return identity

    def _part(self, part: Picture) -> Identity:
        place, size, changed = self._file(part.path)
        return Identity(place, f"{place} {part.panel}/{part.panels} {size} {changed}", size)

    def _file(self, path: Path) -> tuple[str, int, int]:
        text = str(path)
        if text not in self._files:
            folder, _, name = text.rpartition(os.sep)
            if folder not in self._folders:
                self._folders[folder] = str(path.parent.resolve())
            try:
                status = os.stat(text)  # noqa: PTH116 - of a hundred thousand, plain names are faster
            except OSError as error:
                raise DiptychError(f"{path}: cannot be read: {error.strerror}") from None
            place = f"{self._folders[folder]}/{name}"
            self._files[text] = place, status.st_size, status.st_mtime_ns
        return self._files[text]


def _beside(parts: list[Identity]) -> Identity:
    if len(parts) == 1:
        return parts[0]
    places, texts, sizes = zip(*parts, strict=True)
    return Identity("\n".join(places), "\n".join(texts), sum(sizes))


def how_stored(domain: Domain, fit: Fit) -> str:
    """What decides how a picture is stored, beside the picture itself; names are not among it."""
    size = "" if fit.kind == "patches" else fit.size
    return f"{fit.kind} {size} {as_stored((domain,))}"


def as_stored(domains: Sequence[Domain]) -> str:
    """What of the domains decides how pictures are stored."""
    return "; ".join(
        f"{part.kind} {part.channels} {part.dtype} {part.sharp} {part.palette}"
        + f" {part.nodata}" * (part.kind == "labels" and part.nodata is not None)
        for side in domains
        for part in (side.parts or (side,))
    )
