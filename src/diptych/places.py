"""Folders of any file system that fsspec knows, as `s3://bucket/photos`, and those of this machine.

Pictures are opened as files of this machine: what lies elsewhere is copied here first, with nothing
of its name but the ending, and results are copied there whole.
"""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any

from diptych.errors import DiptychError, loses_all, reason_of
from diptych.images.files import walk
from diptych.whole_file import whole_file

AT_ONCE = 8  # files that are copied at the same time
SPARED = 2  # a file that takes more than one part in so many of the free room is not copied here


@dataclass(frozen=True)
class Place:
    """A folder, by its address; what goes wrong there is a DiptychError of one line."""

    url: str

    @property
    def is_here(self) -> bool:
        """Whether it is a folder of this machine."""
        return "://" not in self.url

    def address(self, name: str) -> str:
        """Of a file in it."""
        return str(Path(self.url, name)) if self.is_here else f"{self.url.rstrip('/')}/{name}"

    def names(self) -> list[str]:
        """Of every file below it, hidden ones left out, sorted by their parts."""
        if self.is_here:
            return walk(Path(self.url))[0]
        with self._spoken():
            self._system.invalidate_cache()
            found = self._system.find(self._root) if self._system.exists(self._root) else []
        names = [path.removeprefix(self._root).lstrip("/") for path in found]
        seen = [name for name in names if name and not _is_hidden(name)]
        for name in seen:
            if {"..", ".", ""} & set(name.split("/")):
                raise DiptychError(f"{self.address(name)}: a name that leads elsewhere")
        return sorted(seen, key=lambda name: name.split("/"))

    def bring(self, name: str, copy: Path) -> Path:
        """A file of it, at hand: as it is, or copied to `copy`."""
        if self.is_here:
            return Path(self.url, name)
        with self._spoken(name):
            size, free = self._system.size(self._path(name)), shutil.disk_usage(copy.parent).free
            if size is None or size > free // SPARED:
                raise DiptychError(
                    f"{self.address(name)}: {size or 'unknown'} bytes, with room for {free} here"
                )
            self._system.get_file(self._path(name), str(copy))
        return copy

    def put(self, made: Path, name: str) -> None:
        """Copy a file to it, whole."""
        if self.is_here:
            with whole_file(Path(self.url, name)) as aside:
                shutil.copyfile(made, aside)
            return
        with self._spoken(name):
            self._system.makedirs(self._path(str(PurePosixPath(name).parent)), exist_ok=True)
            self._system.put_file(str(made), self._path(name))

    def __contains__(self, other: "Place") -> bool:
        return self._system_name == other._system_name and other._root.startswith(f"{self._root}/")

    def is_place(self, other: "Place") -> bool:
        """Whether both are one."""
        return (self._system_name, self._root) == (other._system_name, other._root)

    def beyond(self, other: "Place") -> str:
        """How names of what lies in another, which is in this one, begin."""
        return other._root.removeprefix(f"{self._root}/") + "/"

    @cached_property
    def _opened(self) -> tuple[Any, str]:
        from fsspec.core import url_to_fs

        with self._spoken():
            system, root = url_to_fs(self.url)
        return system, root.rstrip("/")

    @property
    def _system(self) -> Any:
        return self._opened[0]

    @property
    def _system_name(self) -> str:
        return self.url.rpartition("://")[0]

    @property
    def _root(self) -> str:
        return str(Path(self.url).resolve()) if self.is_here else self._opened[1]

    def _path(self, name: str) -> str:
        return f"{self._root}/{name}"

    @contextmanager
    def _spoken(self, name: str = "") -> Iterator[None]:
        try:
            yield
        except DiptychError:
            raise
        except Exception as error:  # of many types, each system its own
            if loses_all(error):
                raise
            raise DiptychError(
                f"{self.address(name) if name else self.url}: {reason_of(error)}"
            ) from None


def _is_hidden(name: str) -> bool:
    return any(part.startswith(".") and part != ".." for part in name.split("/"))
