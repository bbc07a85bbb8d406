"""Pairs that do not lie in files of their own: kept as files once, which all else works on."""

import hashlib
import json
import re
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path, PureWindowsPath
from typing import Any
from urllib.parse import quote

from diptych.data.folder_words import split_named
from diptych.data.pairs import Progress, as_bytes
from diptych.data.store.place import cache_folder
from diptych.errors import DiptychError
from diptych.images.files import ending_of
from diptych.images.stored import stored_picture
from diptych.schema import SPLITS

Example = Mapping[str, Any]  # names of domains and their pictures, and what is none of these:
NO_DOMAINS = frozenset({"split", "name"})
TABLE = "pairs.jsonl"


def keep(examples: Iterable[Example], on_progress: Progress | None = None) -> Path:
    """Write the pictures of `examples` into the user's cache; returns a table of them.

    Every example has the same domains, each with a picture: a path, the bytes of a picture file, a
    PIL image or an array, as `stored_picture` takes them. Files that have a path stay where they
    are. `split` is train (the default), val or test in any usual spelling; `name` tells the pairs
    of a split apart, by default they are numbered.

    Where `examples` have an `identity`, a text that changes when the pictures do, they are kept
    under it, and the next call does not go through them again. Without it they are kept under a
    hash of what they hold. The folder appears whole or not at all.

    They are gone through once; `on_progress` is called with ``(examples so far, 0)``, at the end
    with ``(all, all)``. Raises DiptychError where an example is not as above, there is none, or the
    cache cannot be written.
    """
    home = cache_folder() / "kept"
    identity = getattr(examples, "identity", None)
    where = getattr(examples, "location", "data")
    if identity is not None and (table := _folder(home, where, identity) / TABLE).is_file():
        return table
    with _writing(home):
        home.mkdir(parents=True, exist_ok=True)
        aside = tempfile.TemporaryDirectory(prefix=".", dir=home)
    with aside:
        written = _Written(Path(aside.name, "whole"))
        count = 0
        try:
            for example in examples:
                count += 1
                written.add(example, f"{where}, example {count}")
                if on_progress is not None:
                    on_progress(count, 0)
        finally:
            if on_progress is not None:
                on_progress(count, count)
        if not count:
            raise DiptychError(f"{where}: no examples (a generator gives its own only once)")
        folder = _folder(home, where, identity or written.content.hexdigest())
        with _writing(folder):
            written.close()
            if not (folder / TABLE).is_file():  # the same pictures, or another process, may have it
                written.folder.rename(folder)
    return folder / TABLE


def is_kept(table: Path) -> bool:
    """Whether `keep` made this table, whose pictures may lie wherever they were given."""
    return table.name == TABLE and table.parent.parent == cache_folder() / "kept"


class _Written:
    """A folder of examples while it is written: pictures, the table, and a hash of both."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.content = hashlib.sha256()
        self.counts: Counter[str] = Counter()  # of each split
        self.seen: dict[tuple[str, str], str] = {}
        self.domains: set[str] = set()
        with _writing(folder):
            for split in SPLITS:
                (folder / split).mkdir(parents=True)
        self.lines: list[str] = []

    def add(self, example: object, where: str) -> None:
        """Write an example; raises DiptychError where it is odd, or none."""
        if not isinstance(example, Mapping):
            kind = type(example).__name__
            raise DiptychError(f"{where}: a {kind}, not a mapping from domains to pictures")
        pictures = {str(key): picture for key, picture in example.items() if key not in NO_DOMAINS}
        self.domains = self.domains or set(pictures)
        if set(pictures) != self.domains or not pictures:
            has = " and ".join(sorted(pictures)) or "no pictures"
            others = f"; the first has {' and '.join(sorted(self.domains))}" * bool(self.domains)
            raise DiptychError(f"{where}: has {has}{others}")
        split = split_named(str(example.get("split") or "train"))
        if split is None:
            right = ", ".join(SPLITS)
            raise DiptychError(f"{where}: split {example['split']!r} is none of {right}")
        number = f"{self.counts[split]:06}"
        self.counts[split] += 1
        name = str(example.get("name") or number)
        # Read as Windows reads names, both slashes part them, and a drive is seen.
        parts = PureWindowsPath(name)
        if parts.anchor or ".." in parts.parts or "\0" in name:
            raise DiptychError(f"{where}: the name {name!r} would lead out of a folder")
        first = self.seen.setdefault((split, name), where)
        if first != where:
            raise DiptychError(f"{where}: the same name, {name!r}, as {first}")
        row = {"split": split, "name": name}
        for domain, picture in pictures.items():
            try:
                stored = stored_picture(picture)
            except DiptychError as error:
                raise DiptychError(f"{where}, {domain}: {error}") from None
            self.content.update(as_bytes(f"{split}/{name} {domain} "))
            if isinstance(stored, Path):
                row[domain] = str(stored)
                status = stored.stat()
                self.content.update(as_bytes(f"{stored} {status.st_size} {status.st_mtime_ns}\n"))
                continue
            # Whatever a domain is called, this is the name of a file.
            plain = quote(domain, safe=" ", errors="surrogateescape")
            row[domain] = f"{split}/{number}.{plain}{ending_of(stored)}"
            self.content.update(hashlib.sha256(stored).digest())
            with _writing(self.folder):
                (self.folder / row[domain]).write_bytes(stored)
        self.lines.append(json.dumps(row) + "\n")

    def close(self) -> None:
        """Write the table, last of all."""
        (self.folder / TABLE).write_text("".join(self.lines), "utf-8")


def _folder(home: Path, where: str, identity: str) -> Path:
    """A name that says a little of the source, and tells it from all others."""
    words = re.sub(r"\W+", "-", where)[-40:].strip("-")
    return home / f"{words}-{hashlib.sha256(as_bytes(f'1 {identity}')).hexdigest()[:16]}"


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    """Errors of the system within are said to be of writing to `path`."""
    try:
        yield
    except OSError as error:
        raise DiptychError(f"{path}: cannot be written: {error.strerror or error}") from error
