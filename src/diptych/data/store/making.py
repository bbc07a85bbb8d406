"""Parts that are missing, made: each whole or not at all, beside others who may make the same."""

import time
from collections.abc import Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path

from diptych.data.pairs import Progress
from diptych.data.store.claim import Claim
from diptych.data.store.decoding import decode, in_order
from diptych.data.store.locks import make_known
from diptych.data.store.needs import HEADERS, bytes_of
from diptych.data.store.part import Part, Writer
from diptych.data.store.space import make_room, reserve, sweep
from diptych.data.store.wanted import Group, PartPlan, together
from diptych.errors import DiptychError

PAUSE = 0.1  # seconds between two looks whether another process has finished


class _Count:
    """How many files are done, told to whoever listens."""

    def __init__(self, total: int, on_progress: Progress | None) -> None:
        self.total, self.on_progress, self.done = total, on_progress, 0

    def add(self, more: int) -> None:
        self.done += more
        if more and self.on_progress is not None:
            self.on_progress(self.done, self.total)


def make_parts(
    parts: Sequence[PartPlan], folder: Path, on_progress: Progress | None = None
) -> dict[str, Part]:
    """Make the parts, or wait for who does; opened, by their names.

    `on_progress` is told of every file that is decoded. What was made before an error or an
    interruption stays. Raises DiptychError where a picture that is asked for is bad, or changes
    meanwhile, the folder cannot be written, or the disk has no room, which is looked at first.
    """
    waiting = together(parts)
    count = _Count(sum(len(group[0].pictures) for group in waiting), on_progress)
    made: dict[str, Part] = {}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        make_known(folder)
        sweep(folder)
        make_room(folder, bytes_of(parts, HEADERS))
        while waiting:
            left = []
            for group in waiting:
                done = _made(group, folder, count)
                if done is None:
                    left.append(group)
                else:
                    made |= done
            if len(left) == len(waiting):
                time.sleep(PAUSE)
            waiting = left
    except OSError as error:
        raise DiptychError(f"{folder}: cannot be written: {error.strerror or error}") from error
    return made


def _made(group: Group, folder: Path, count: _Count) -> dict[str, Part] | None:
    """The parts of a group, made or found; None where another process is making one."""
    with ExitStack() as stack:
        claims: dict[str, Claim] = {}
        for part in group:
            claim = Claim.of(folder, part.name)
            if claim is None:
                return None
            claims[part.name] = claim
            stack.callback(claim.drop)
        # Whoever held a claim before may have made the part.
        missing = tuple(part for part in group if part.open(folder) is None)
        for part in missing:
            reserve(claims[part.name].file.fileno(), bytes_of([part], len(part.pictures)))
        writers = [Writer(claims[part.name].file) for part in missing]
        rows = range(len(group[0].pictures)) if missing else range(0)
        for row in in_order(partial(decode, missing), rows):
            for writer, picture in zip(writers, row, strict=True):
                writer.add(*picture)
            count.add(1)
        count.add(len(group[0].pictures) - len(rows))
        for part, writer in zip(missing, writers, strict=True):
            part.check_unchanged()
            writer.finish()
            claims[part.name].become(folder / part.name)
        opened = {part.name: part.open(folder) for part in group}
    # None is there that another process left at once, having no room.
    return {name: part for name, part in opened.items() if part is not None}
