"""Which pictures of a whole batch are at hand, where it is computed in parts or by many processes.

Random numbers are drawn for the whole batch, and those of the pictures at hand are taken, so that
no picture is treated otherwise for being in a part.
"""

from itertools import pairwise
from typing import NamedTuple, Self

from torch import Tensor


class Share(NamedTuple):
    """Pictures `start` to `stop` of a batch of `total`."""

    total: int
    start: int
    stop: int
    counts: bool = True  # False: nothing is learned from them, as they are another share's too

    @classmethod
    def whole(cls, total: int) -> Self:
        """All of them."""
        return cls(total, 0, total)

    @classmethod
    def of_process(cls, total: int, number: int, processes: int) -> Self:
        """That of process `number`, counted from 0: where none is left, one that does not count."""
        start, stop = (total * n // processes for n in (number, number + 1))
        return cls(total, start, stop) if stop > start else cls(total, 0, 1, counts=False)

    @property
    def rows(self) -> slice:
        """The place of its pictures in the whole batch."""
        return slice(self.start, self.stop)

    @property
    def weight(self) -> float:
        """How much a mean over its pictures counts in that over the whole batch."""
        return (self.stop - self.start) / self.total if self.counts else 0.0

    def of(self, drawn: Tensor) -> Tensor:
        """What belongs to its pictures, of what was drawn for the whole batch, `(total, ...)`."""
        return drawn[self.rows]

    def parts(self, most: int) -> list[Self]:
        """The same in so many parts of about equal size, or one a picture."""
        size = self.stop - self.start
        parts = min(most, size)
        ends = [self.start + size * n // parts for n in range(parts + 1)]
        return [self._replace(start=start, stop=stop) for start, stop in pairwise(ends)]
