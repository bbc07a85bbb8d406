"""Which picture is which: where it lies, which part of its file it is, and when that changed."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from diptych.data.fit import Fit
from diptych.data.pairs import Picture, Stack
from diptych.errors import DiptychError
from diptych.images.domain import Domain


@dataclass(frozen=True)
class Identity:
    """Of a picture, or of several that are one source together."""

    places: str  # its file, or files
    text: str  # changes with anything about it
    bytes: int  # of its files


class Identities:
    """Asks for each file once, and resolves each folder once."""

    def __init__(self) -> None:
        self._folders: dict[Path, str] = {}
        self._files: dict[Path, tuple[str, int, int]] = {}

    def of(self, picture: Picture | Stack) -> Identity:
        """Raises DiptychError where a file is missing."""
        files = [self._file(part.path) for part in picture.parts]
        texts = [
            f"{place} {part.panel}/{part.panels} {size} {changed}"
            for part, (place, size, changed) in zip(picture.parts, files, strict=True)
        ]
        places = "\n".join(place for place, _, _ in files)
        return Identity(places, "\n".join(texts), sum(size for _, size, _ in files))

    def _file(self, path: Path) -> tuple[str, int, int]:
        if path not in self._files:
            folder = path.parent
            if folder not in self._folders:
                self._folders[folder] = str(folder.resolve())
            try:
                status = path.stat()
            except OSError as error:
                raise DiptychError(f"{path}: cannot be read: {error.strerror}") from None
            place = f"{self._folders[folder]}/{path.name}"
            self._files[path] = place, status.st_size, status.st_mtime_ns
        return self._files[path]


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
