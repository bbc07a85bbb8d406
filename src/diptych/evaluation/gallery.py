"""The pictures that a page shows, of however many pairs are scored."""

import random
from dataclasses import dataclass

import numpy as np

from diptych.evaluation.evaluate import Row
from diptych.evaluation.html_pages import LARGEST_SIDE, EmbeddedPicture, embedded
from diptych.evaluation.summary import METRICS, main_metric

MOST_PAIRS = 120
SHOWN_SIDE = 1600  # a larger showpiece is shown reduced

Pictures = tuple[EmbeddedPicture, EmbeddedPicture, EmbeddedPicture]  # source, translated, target


@dataclass(frozen=True)
class Showpiece:
    """What a report opens with, and what a reader should know of it."""

    name: str
    about: str
    pictures: Pictures


class Gallery:
    """The pictures of a report, of at most so many pairs.

    Of more some of the worst and the best, and a random sample of those between, the same each
    time. Large pictures are encoded as they come, small ones when a page is written: most of them
    are dropped again.
    """

    def __init__(self, most: int = MOST_PAIRS) -> None:
        self._pictures: dict[str, list[np.ndarray | EmbeddedPicture]] = {}  # by the pair's name
        self.size = (0, 0)  # height and width of the first target
        self.showpiece: Showpiece | None = None
        self._most, self._extremes = most, max(1, most // 8)
        self._kept: dict[str, tuple[float, float]] = {}  # how bad it is, and its lot
        self._random = random.Random(0)  # noqa: S311

    def open_with(
        self, name: str, about: str, pictures: tuple[np.ndarray, np.ndarray, np.ndarray]
    ) -> None:
        """Let the report open with source, translated and target, `(H, W, 3)` uint8 of one shape.

        Any two of them can be compared under a slider.
        """
        source, translated, target = (embedded(pixels, SHOWN_SIDE) for pixels in pictures)
        self.showpiece = Showpiece(name, about, (source, translated, target))

    def add(self, row: Row) -> None:
        """Take in the pictures of one pair."""
        if not self._kept:
            self.size = row.target.shape[0], row.target.shape[1]
        metric = METRICS[main_metric(row.scores)]
        badness = metric.badness(row.scores[metric.name])
        self._kept[row.name] = badness, self._random.random()
        if len(self._kept) > self._most:
            dropped = self._one_between()
            del self._kept[dropped]
            if dropped == row.name:
                return
            del self._pictures[dropped]
        every = (row.source, row.translated, row.target)
        self._pictures[row.name] = [
            embedded(pixels) if max(pixels.shape[:2]) > LARGEST_SIDE else pixels.copy()
            for pixels in every
        ]

    def __contains__(self, name: str) -> bool:
        """Whether the pictures of a pair were kept."""
        return name in self._pictures

    def __getitem__(self, name: str) -> Pictures:
        """The pictures of a pair, encoded."""
        source, translated, target = (
            embedded(picture) if isinstance(picture, np.ndarray) else picture
            for picture in self._pictures[name]
        )
        return source, translated, target

    def _one_between(self) -> str:
        """Of those that are neither among the worst nor the best, the one whose lot is highest."""
        ordered = sorted(self._kept, key=lambda name: self._kept[name][0])
        between = ordered[self._extremes : -self._extremes]
        return max(between, key=lambda name: self._kept[name][1])
