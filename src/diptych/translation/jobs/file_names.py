"""Names of files as a file system sees them: some take capitals, or forms of Unicode, for one."""

import tempfile
import unicodedata
from collections.abc import Iterable
from contextlib import suppress
from functools import cached_property
from pathlib import Path


class Names:
    """Files that are to be written below a folder, which may not be there yet."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        # By the place, resolved and with all that some file system ignores left out: the places
        # that are alike so far, and for whom each is.
        self._alike: dict[str, list[tuple[Path, Path]]] = {}

    def take(self, place: Path, owner: Path) -> Path | None:
        """Have a place for an owner; the other one that it is taken by, if it is."""
        alike = self._alike.setdefault(_plainest(place.resolve()), [])
        other = next((other for taken, other in alike if self._is_one(taken, place)), None)
        alike.append((place, owner))
        return other

    def taken_by(self, inputs: Iterable[Path]) -> Path | None:
        """The first place that is an input's own."""
        for path in inputs:
            for place, _ in self._alike.get(_plainest(path.resolve()), ()):
                if self._is_one(path, place):
                    return place
        return None

    def _is_one(self, first: Path, second: Path) -> bool:
        """Whether two places that are alike are one file."""
        one, other = first.resolve(), second.resolve()
        return one == other or self._seen(str(one)) == self._seen(str(other))

    def _seen(self, place: str) -> str:
        capitals, forms = self._ignored
        place = unicodedata.normalize("NFC", place) if forms else place
        return place.casefold() if capitals else place

    @cached_property
    def _ignored(self) -> tuple[bool, bool]:
        """Whether the file system takes capitals, and forms of Unicode, for one: by trying it."""
        folder = self.folder.absolute()
        while not folder.is_dir() and folder != folder.parent:
            folder = folder.parent
        with (
            suppress(OSError, ValueError),  # where nothing can be written that is said soon
            tempfile.NamedTemporaryFile(prefix=".é", suffix=".a", dir=folder) as file,
        ):
            name = Path(file.name).name
            others = name[:-1] + "A", unicodedata.normalize("NFD", name)
            return (folder / others[0]).exists(), (folder / others[1]).exists()
        return False, False


def _plainest(place: Path) -> str:
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", str(place)).casefold())
