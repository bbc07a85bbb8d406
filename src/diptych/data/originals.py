"""The files of pairs under a run, which has copies of all that it needs: are they as they were?"""

import time
from pathlib import Path
from typing import NamedTuple

import numpy as np

from diptych.data.pairs import PairedData, sides

SHARE = 100  # the time from one look to the next is so many times that of a look
GONE = -1


class _State(NamedTuple):
    size: int
    changed: int  # when, in nanoseconds


class Originals:
    """Remembers sizes and times of change of all files of pairs, and finds those that differ.

    Raises DiptychError where one is not there.
    """

    def __init__(self, data: PairedData) -> None:
        pairs = [pair for split in data.splits.values() for pair in split]
        self.paths = list(dict.fromkeys(side.path for pair in pairs for side in sides(pair)))
        self.fingerprint = data.fingerprint()
        self.was = self._look()
        self._next_look = 0.0

    @property
    def last_changed(self) -> int:
        """When the one was changed that was so last, in nanoseconds."""
        return int(self.was[:, 1].max(initial=GONE))

    def changed_after(self, moment: int) -> str | None:
        """Those that were changed, or copied, later than that, in a line; None where none were."""
        later = np.flatnonzero(self.was[:, 1] > moment)
        return self._named(later, "was changed or copied") if later.size else None

    def news(self) -> str | None:
        """What has become of them since the last look, in a line; None where nothing has.

        Nor where it would take too much of the time: of many files on a slow disk a look is long.
        """
        if time.monotonic() < self._next_look:
            return None
        now = self._look()
        different = np.flatnonzero((now != self.was).any(axis=1))
        was, self.was = self.was, now
        if not different.size:
            return None
        first = different[0]
        return self._named(different, _in_words(_State(*was[first]), _State(*now[first])))

    def _named(self, numbers: np.ndarray, what: str) -> str:
        more = f", and {numbers.size - 1:,} more of the pairs' files" if numbers.size > 1 else ""
        return f"{self.paths[numbers[0]]} {what}{more}"

    def _look(self) -> np.ndarray:
        """Size and time of change of each, `(N, 2)`."""
        begun = time.monotonic()
        states = [_state(path) for path in self.paths]
        self._next_look = time.monotonic() + SHARE * (time.monotonic() - begun)
        return np.array(states, np.int64).reshape(-1, 2)


def _state(path: Path) -> _State:
    try:
        status = path.stat()
    except OSError:
        return _State(GONE, GONE)
    return _State(status.st_size, status.st_mtime_ns)


def _in_words(was: _State, now: _State) -> str:
    if now.size == GONE:
        return "has gone"
    if was.size == GONE:
        return "has come back"
    return "was cut short" if now.size < was.size else "has changed"
