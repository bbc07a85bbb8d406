"""A place as a folder of this machine: its names are there at once, files come when opened."""

import threading
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

from diptych.errors import DiptychError
from diptych.places import AT_ONCE, Place
from diptych.regular_file import fetching


class BroughtFolder:
    """The files of `place` below `root`, which need not be on this machine.

    They are kept in `copies` until they are let go of. Raises DiptychError where one cannot be
    had; `in_words` has its lines speak of the place.
    """

    def __init__(self, place: Place, root: Path, copies: Path) -> None:
        self.place, self.root, self._copies = place, root, copies
        self._brought: dict[Path, Path] = {}
        self._count = 0
        self._lock = threading.Lock()

    def __call__(self, path: Path) -> Path:
        """Where a file is to be opened: of those below the root a copy."""
        if not path.is_relative_to(self.root):
            return path
        with self._lock:
            if path in self._brought:
                return self._brought[path]
            self._count += 1
            copy = self._copies / f"{self._count}{path.suffix.lower()}"
        name = path.relative_to(self.root).as_posix()
        try:
            self.place.bring(name, copy)
        except DiptychError as error:  # whoever opens it says of which
            raise DiptychError(str(error).removeprefix(f"{self.place.address(name)}: ")) from None
        with self._lock:
            self._brought[path] = copy
        return copy

    def bring(self, paths: Iterable[Path]) -> None:
        """Have files at hand before they are opened; what cannot be had is said then."""

        def bring(path: Path) -> None:
            with suppress(DiptychError):
                self(path)

        with ThreadPoolExecutor(AT_ONCE) as threads:
            list(threads.map(bring, dict.fromkeys(paths)))

    def let_go(self, paths: Iterable[Path]) -> None:
        """Remove the copies of these."""
        for path in paths:
            with self._lock:
                copy = self._brought.pop(path, None)
            if copy is not None:
                copy.unlink(missing_ok=True)

    def in_words(self, line: str) -> str:
        """A line that speaks of the place."""
        whole = line.replace(f"{self.root}/", self.place.address(""))
        return whole.replace(str(self.root), self.place.url)


@contextmanager
def brought(place: Place) -> Iterator[BroughtFolder]:
    """A place as a folder in which all its names stand; raises DiptychError where it cannot."""
    with TemporaryDirectory() as folder:
        root, copies = Path(folder, "place"), Path(folder, "copies")
        for each in (root, copies):
            each.mkdir()
        names = place.names()
        if not names:
            raise DiptychError(f"{place.url}: no such place, or nothing in it")
        for name in names:
            try:
                (root / name).parent.mkdir(parents=True, exist_ok=True)
                (root / name).touch()
            except OSError as error:
                raise DiptychError(
                    f"{place.address(name)}: no name for a file here: {error.strerror}"
                ) from None
        files = BroughtFolder(place, root, copies)
        with fetching(files):
            try:
                yield files
            except DiptychError as error:
                raise DiptychError(files.in_words(str(error))) from None
