"""Pictures of a source are kept as files once, which all else works on.

Each part of it is kept in blocks, one after the other, by whoever is told to, and the table of all
comes last. What was kept of a source that ended in the midst is gone on with.
"""

import hashlib
import json
import re
import secrets
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from diptych.data.examples import Example, ExampleSource, InOnePart, SourcePart
from diptych.data.kept.block import (
    NOTHING,
    Block,
    BlockWriter,
    numbers_in,
    place_of,
    read_block,
    writing,
)
from diptych.data.kept.kept_room import ABOUT, Room, bytes_in, kept_folder
from diptych.data.kept.table_of_blocks import TABLE, write_table
from diptych.data.pairs import Progress, as_bytes
from diptych.data.store.locks import HOUR, age
from diptych.errors import DiptychError
from diptych.whole_file import write_whole

ASIDE = ".block-"  # begins the name of a block that is written
END: Any = object()  # what no source gives


def keep(examples: Iterable[Example] | ExampleSource, on_progress: Progress | None = None) -> Path:
    """Write the pictures of `examples` into the user's cache; returns a table of them.

    Every example has the same domains, each with a picture: a path, the bytes of a picture file, a
    PIL image or an array, as `stored_picture` takes them. Files that have a path stay where they
    are. `split` is train (the default), val or test in any usual spelling; `name` tells the pairs
    of a split apart, by default they are numbered.

    Where `examples` have an `identity`, a text that changes when the pictures do, they are kept
    under it: the next call does not go through them again, and where this one ends in the midst,
    whatever ends it, goes on from there. Without it they are kept under a hash of what they hold,
    all or nothing.

    They are gone through once; `on_progress` is called with ``(examples so far, 0)``, at the end
    with ``(all, all)``. Raises DiptychError where an example is not as above, there is none, or the
    cache cannot be written or has no room.
    """
    source = examples if isinstance(examples, ExampleSource) else InOnePart(examples)
    if source.identity is None:
        return _keep_by_content(source, on_progress)
    keeping = Keeping(source)
    if not keeping.whole:
        keeping.bring(keeping.begin(), on_progress)
        keeping.join()
    return keeping.table


def is_kept(table: Path) -> bool:
    """Whether it was made here, so that its pictures may lie wherever they were given."""
    return table.name == TABLE and table.parent.parent == kept_folder()


class Keeping:
    """A source that has an identity, and its folder in the cache, filled by one process or many.

    One of them begins it, and says which parts are to be brought; each brings some of these; one
    joins them. Another program may do the same beside them: what both bring is the same.
    """

    def __init__(self, source: ExampleSource) -> None:
        self.source, self.folder = source, _folder(source.location, str(source.identity))
        self._parts: Sequence[SourcePart] | None = None

    @property
    def table(self) -> Path:
        """Of all its examples, when it is whole."""
        return self.folder / TABLE

    @property
    def whole(self) -> bool:
        """Whether all is kept."""
        return self.table.is_file()

    def begin(self) -> list[int]:
        """The numbers of the parts that are to be brought; raises DiptychError without room."""
        _sweep()
        if total := self.source.size():
            Room(self.source.location).check(max(0, total - bytes_in(self.folder)))
        version = self._begun().get("version")
        if version is None:
            version = self.source.version()
        self._parts = self.source.parts(version)
        about = {"location": self.source.location, "version": version, "parts": len(self._parts)}
        write_whole(self.folder / ABOUT, json.dumps(about))
        places = enumerate(map(self._place, range(len(self._parts))))
        return [number for number, place in places if not _last(place)[1].last]

    def bring(
        self, numbers: Sequence[int], on_progress: Progress | None = None, processes: int = 1
    ) -> None:
        """Bring parts of it, as one of so many processes, after `begin` in one of them.

        Raises DiptychError where an example is odd, or there is no room.
        """
        if not numbers:
            return
        if self._parts is None:
            self._parts = self.source.parts(self._begun()["version"])
        room = None if self.source.size() else Room(self.source.location, processes)
        done = sum(_last(self._place(number))[1].so_far for number in numbers)

        def count() -> None:
            nonlocal done
            done += 1
            if on_progress is not None:
                on_progress(done, 0)

        try:
            for number in numbers:
                self._bring(number, self._parts[number], count, room)
        finally:
            if on_progress is not None:
                on_progress(done, done)

    def _bring(
        self, number: int, part: SourcePart, count: Callable[[], None], room: Room | None
    ) -> None:
        place, location = self._place(number), self.source.location
        where = location if len(self._parts or ()) == 1 else f"{location}, part {number + 1}"
        domains = _first_domains(self._place(0))
        while not (last := _last(place))[1].last:
            for block in _blocks(part, place, last, where, domains, count):
                if room is not None:
                    room.take(block.bytes)

    def join(self) -> None:
        """Write the table; raises DiptychError where it is not whole, or does not fit together."""
        about, location = self._begun(), self.source.location
        ends = [_last(self._place(number))[1] for number in range(about.get("parts", 0))]
        if missing := sum(not end.last for end in ends):
            raise DiptychError(
                f"{location}: {missing} of its {len(ends)} parts, which other processes kept, are "
                f"not in {self.folder}: let DIPTYCH_CACHE name a folder that all share"
            )
        if not any(end.so_far for end in ends):
            shutil.rmtree(self.folder, ignore_errors=True)  # there may be some another time
            raise _nothing(location)
        write_whole(self.folder / ABOUT, json.dumps(about | {"bytes": bytes_in(self.folder)}))
        write_table(self.folder, location)

    def _place(self, number: int) -> Path:
        return self.folder / place_of(number)

    def _begun(self) -> dict[str, Any]:
        """What the folder is kept of; nothing where nobody has begun it."""
        with suppress(OSError, ValueError):
            return dict(json.loads((self.folder / ABOUT).read_text("utf-8")))
        return {}


def _keep_by_content(source: ExampleSource, on_progress: Progress | None) -> Path:
    """Keep what has no identity, under a hash of what it holds."""
    done, room = 0, Room(source.location)

    def count() -> None:
        nonlocal done
        done += 1
        if on_progress is not None:
            on_progress(done, 0)

    with _aside(".pass-") as aside:
        try:
            (part,) = source.parts("")
            place = aside / place_of(0)
            for block in _blocks(part, place, (0, NOTHING), source.location, set(), count):
                room.take(block.bytes)
        finally:
            if on_progress is not None:
                on_progress(done, done)
        if not done:
            raise _nothing(source.location)
        about = {"location": source.location, "bytes": bytes_in(aside)}
        write_whole(aside / ABOUT, json.dumps(about))
        write_table(aside, source.location)
        folder = _folder(source.location, block.content)
        with writing(folder):
            if not (folder / TABLE).is_file():  # the same pictures, or another process, may have it
                aside.rename(folder)
    return folder / TABLE


def _blocks(
    part: SourcePart,
    place: Path,
    last: tuple[int, Block],
    where: str,
    domains: set[str],
    count: Callable[[], None],
) -> Iterator[Block]:
    """Keep the blocks of a part that come after the `last` one, which is so manieth.

    Ends where another program has kept the next one before: it goes on after what that has.
    """
    number, block = last
    examples = part.after(block.so_far, block.position)
    while not block.last:
        with _aside(ASIDE) as folder:
            writer = BlockWriter(folder, f"{place.name}/{place_of(number)}", block, domains)
            ended = False
            while not (ended or writer.full):
                example = next(examples, END)
                ended = example is END
                if not ended:
                    writer.add(example, f"{where}, example {writer.so_far + 1}")
                    count()
            block, domains = writer.finish(part.position(), ended), writer.domains
            if not _became(folder, place / place_of(number)):
                return
        yield block
        number += 1


def _became(folder: Path, place: Path) -> bool:
    """Whether the folder has its place now, where there was none yet."""
    with writing(place):
        place.parent.mkdir(parents=True, exist_ok=True)
        try:
            folder.rename(place)
        except OSError:
            if not place.is_dir():
                raise
            return False
    return True


def _last(place: Path) -> tuple[int, Block]:
    """How many blocks of a part there are, and the last of them."""
    numbers = numbers_in(place)
    if not numbers:
        return 0, NOTHING
    return numbers[-1] + 1, read_block(place / place_of(numbers[-1]))


def _first_domains(place: Path) -> set[str]:
    """The domains that the first part's first block has; empty where it is not there yet."""
    return read_block(place / place_of(0)).domains if numbers_in(place) else set()


def _nothing(where: str) -> DiptychError:
    return DiptychError(f"{where}: no examples (a generator gives its own only once)")


@contextmanager
def _aside(start: str) -> Iterator[Path]:
    """A new folder beside all that is kept, which is removed unless it was renamed."""
    folder = kept_folder() / f"{start}{secrets.token_hex(8)}"
    with writing(kept_folder()):
        folder.mkdir(parents=True)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _sweep() -> None:
    """Remove blocks that were begun by programs that have died: nothing was written for an hour."""
    for aside in kept_folder().glob(f"{ASIDE}*"):
        with suppress(OSError):
            if age(aside) > HOUR:
                shutil.rmtree(aside)


def _folder(where: str, identity: str) -> Path:
    """A name that says a little of the source, and tells it from all others."""
    words = re.sub(r"\W+", "-", where)[-40:].strip("-")
    return kept_folder() / f"{words}-{hashlib.sha256(as_bytes(f'1 {identity}')).hexdigest()[:16]}"
