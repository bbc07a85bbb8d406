"""A block: some hundred examples in a folder that appears whole or not at all.

Beside the pictures a record says what they are, and how the source is gone on with after them; so a
source that was left in the midst, by whatever happened, is gone on with after its last block.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path, PureWindowsPath
from typing import Any, NamedTuple
from urllib.parse import quote

from diptych.data.examples import NO_DOMAINS
from diptych.data.folder_words import split_named
from diptych.data.pairs import as_bytes
from diptych.errors import DiptychError
from diptych.images.files import ending_of
from diptych.images.stored import stored_picture
from diptych.schema import SPLITS
from diptych.whole_file import cannot_be_written

MOST = 1000  # examples, and
MOST_BYTES = 2**28  # of their pictures, with which a block is full
RECORD = "block.json"
Row = dict[str, str]


class Block(NamedTuple):
    """What the record of a block says."""

    rows: list[Row]  # of the table: split, maybe name, and the file of each domain
    bytes: int  # of the pictures
    content: str  # a hash of it
    so_far: int  # examples of its part, up to its end
    position: Any  # how its source is gone on with then
    last: bool  # whether there is no more

    @property
    def domains(self) -> set[str]:
        """Those of its examples."""
        return set(self.rows[0]) - NO_DOMAINS if self.rows else set()


NOTHING = Block([], 0, "", 0, None, False)  # what is before the first


def place_of(number: int) -> str:
    """The folder of a part, or of a block within it."""
    return f"{number:05}"


def numbers_in(folder: Path) -> list[int]:
    """Of the parts, or blocks, that are there."""
    if not folder.is_dir():
        return []
    return sorted(int(path.name) for path in folder.iterdir() if path.name.isdecimal())


def read_block(folder: Path) -> Block:
    """The block in a folder; raises DiptychError where its record cannot be read."""
    try:
        return Block(**json.loads((folder / RECORD).read_text("utf-8")))
    except (OSError, ValueError, TypeError) as error:
        raise DiptychError(f"{folder / RECORD}: damaged; remove {folder.parent.parent}") from error


class BlockWriter:
    """Writes the pictures of a block into `folder`, which is at `place` later."""

    def __init__(self, folder: Path, place: str, before: Block, domains: set[str]) -> None:
        self.folder, self.place = folder, place
        self.so_far, self.bytes = before.so_far, 0
        self.domains = domains  # that all examples have; empty before the first
        self._rows: list[Row] = []
        self._content = hashlib.sha256(before.content.encode())

    @property
    def full(self) -> bool:
        """Whether the next example belongs to the next block."""
        return len(self._rows) >= MOST or self.bytes >= MOST_BYTES

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
        row = _about(example, where)
        for domain, picture in pictures.items():
            try:
                stored = stored_picture(picture)
            except DiptychError as error:
                raise DiptychError(f"{where}, {domain}: {error}") from None
            self._content.update(as_bytes(f"{row['split']}/{row.get('name')} {domain} "))
            row[domain] = self._put(stored, domain)
        self._rows.append(row)
        self.so_far += 1

    def _put(self, stored: Path | bytes, domain: str) -> str:
        """The file of a picture: where it lies, or, from the table on, where it was written."""
        if isinstance(stored, Path):
            status = stored.stat()
            self._content.update(as_bytes(f"{stored} {status.st_size} {status.st_mtime_ns}\n"))
            return str(stored)
        # Whatever a domain is called, this is the name of a file.
        plain = quote(domain, safe=" ", errors="surrogateescape")
        name = f"{len(self._rows):04}.{plain}{ending_of(stored)}"
        self._content.update(hashlib.sha256(stored).digest())
        self.bytes += len(stored)
        with writing(self.folder):
            (self.folder / name).write_bytes(stored)
        return f"{self.place}/{name}"

    def finish(self, position: Any, last: bool) -> Block:
        """Write the record, last of all."""
        content = self._content.hexdigest()
        block = Block(self._rows, self.bytes, content, self.so_far, position, last)
        with writing(self.folder):
            (self.folder / RECORD).write_text(json.dumps(block._asdict()), "utf-8")
        return block


def _about(example: Mapping[str, Any], where: str) -> Row:
    """Its split, and its name where it has one; raises DiptychError where these are odd."""
    split = split_named(str(example.get("split") or "train"))
    if split is None:
        right = ", ".join(SPLITS)
        raise DiptychError(f"{where}: split {example['split']!r} is none of {right}")
    name = str(example.get("name") or "")
    # Read as Windows reads names, both slashes part them, and a drive is seen.
    parts = PureWindowsPath(name)
    if parts.anchor or ".." in parts.parts or "\0" in name:
        raise DiptychError(f"{where}: the name {name!r} would lead out of a folder")
    return {"split": split, "name": name} if name else {"split": split}


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Errors of the system within are said to be of writing to `path`."""
    try:
        yield
    except OSError as error:
        raise cannot_be_written(path, error) from error
