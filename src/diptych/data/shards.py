"""Shards of the WebDataset kind: tar files in which members of one name are one example.

`0001.photo.png` and `0001.labels.png` are the domains `photo` and `labels` of example `0001`;
`0001.jpg` and `0001.png` its domains `jpg` and `png`. Other members (`0001.json`) are left aside.
The tar files are read with Python's own module: that they are plain, whole and hold nothing but
files is checked here, and nothing is ever unpacked by the names that they give.
"""

import glob
import re
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby, islice
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

from diptych.data.examples import Example, ExampleSource
from diptych.data.folder_words import split_named
from diptych.errors import DiptychError
from diptych.images.files import PICTURES, find_images
from diptych.images.limits import max_pixels
from diptych.regular_file import open_regular

_RANGE = re.compile(r"\{(\d+)\.\.(\d+)\}")


class _Member(NamedTuple):
    name: str  # of its example
    domain: str
    stored: bytes


@dataclass(frozen=True)
class Shards(ExampleSource):
    """Tar files below a folder, whose names say the split; each is a part."""

    asked: str
    root: Path
    paths: tuple[Path, ...]

    @property
    def location(self) -> str:
        """As it was asked for."""
        return self.asked

    @property
    def identity(self) -> str:
        """Changes when a file does."""
        status = {path.resolve(): path.stat() for path in self.paths}
        return f"shards {[(str(p), s.st_size, s.st_mtime_ns) for p, s in status.items()]}"

    def size(self) -> int:
        """The bytes of the files; their pictures take no more."""
        return sum(path.stat().st_size for path in self.paths)

    def parts(self, version: str) -> list["Shard"]:  # noqa: ARG002
        """One a file."""
        return [Shard(self, path) for path in self.paths]


@dataclass(frozen=True)
class Shard:
    """One of them; gives its examples in order."""

    shards: Shards
    path: Path

    def after(self, count: int, position: Any) -> Iterator[Example]:  # noqa: ARG002
        """All but the first `count`; raises DiptychError where the file is damaged."""
        inside = self.path.relative_to(self.shards.root).with_suffix("")
        # Shards often count their examples from 0, each for itself.
        before = f"{inside.as_posix()}/" if len(self.shards.paths) > 1 else ""
        for name, pictures in islice(_examples(self.path), count, None):
            yield {**pictures, "split": _split(inside), "name": f"{before}{name}"}

    def position(self) -> Any:
        """Its count leads on."""
        return None


def find_shards(location: str) -> Shards | None:
    """The shards at a location; None where it is none of theirs.

    It is a `.tar`, a folder of them (directly, or in folders of splits) that has no pictures, or a
    pattern for them: `{000..015}` counts, `*` and `?` stand for any. Raises DiptychError where a
    pattern finds nothing, or one that is counted is missing.
    """
    folder = Path(location)
    if folder.is_dir():
        paths = sorted([*folder.glob("*.tar"), *folder.glob("*/*.tar")])
        shards = Shards(location, folder, tuple(paths))
        return shards if paths and not find_images(folder) else None
    if folder.suffix.lower() != ".tar":
        return None
    if folder.is_file():
        return Shards(location, folder.parent, (folder,))
    paths = []
    for pattern in _counted(location):
        matching = sorted(glob.glob(pattern))  # noqa: PTH207 - it may begin anywhere
        if not matching:
            raise DiptychError(f"{location}: no such file: {pattern}")
        paths += [Path(path) for path in matching]
    fixed = re.split(r"[*?\[{]", location)[0]
    return Shards(location, Path(fixed + "x").parent, tuple(paths))


def _counted(pattern: str) -> Iterator[str]:
    """`a-{08..10}` as a-08, a-09, a-10."""
    match = _RANGE.search(pattern)
    if match is None:
        yield pattern
        return
    first, last = match.groups()
    for number in range(int(first), int(last) + 1):
        before, after = pattern[: match.start()], pattern[match.end() :]
        yield from _counted(f"{before}{number:0{len(first)}}{after}")


def _split(inside: Path) -> str:
    """By a word in the file's name, or else in those of the folders around it."""
    for part in reversed(inside.parts):
        for word in re.split(r"[^a-z]+", part.lower()):
            if split := split_named(word):
                return split
    return "train"


def _examples(path: Path) -> Iterator[tuple[str, dict[str, bytes]]]:
    try:
        with open_regular(path) as file, tarfile.open(fileobj=file, mode="r:") as tar:
            for name, members in groupby(_pictures(tar, path), lambda member: member.name):
                pictures: dict[str, bytes] = {}
                for member in members:
                    if member.domain in pictures:
                        raise DiptychError(f"{path}: {name} has {member.domain} twice")
                    pictures[member.domain] = member.stored
                yield name, pictures
            # Where a header is damaged the module stops as if it were the end: a block of 0.
            file.seek(tar.offset)
            if file.read(tarfile.BLOCKSIZE) != bytes(tarfile.BLOCKSIZE):
                raise DiptychError(f"{path}: damaged, or cut short")
    except DiptychError:
        raise
    # A ValueError: numbers in its extended headers that are none.
    except (tarfile.TarError, EOFError, OSError, ValueError) as error:
        raise DiptychError(f"{path}: not a whole tar file: {error}") from error


def _pictures(tar: tarfile.TarFile, path: Path) -> Iterator[_Member]:
    for member in tar:
        tar.members = []  # type: ignore[attr-defined]  # which it would collect
        if member.isdir():
            continue
        if not member.isreg() or member.issparse():
            raise DiptychError(f"{path}: {member.name!r} is no plain file")
        place = PurePosixPath(member.name)
        name, _, rest = place.name.partition(".")
        domain, _, ending = rest.rpartition(".")
        if not name or f".{ending.lower()}" not in PICTURES:
            continue
        most = 4 * max_pixels()  # bytes: none of a file within the limit is stored in more
        if member.size > most:
            raise DiptychError(f"{path}: {member.name!r} has more than {most:,} bytes")
        content = tar.extractfile(member)
        if content is not None:
            name = str(place.with_name(name))
            yield _Member(name, domain or ending.lower(), content.read())
