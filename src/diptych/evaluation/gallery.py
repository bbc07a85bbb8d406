"""The pictures that a page shows, of however many pairs are scored."""

import random
from dataclasses import dataclass

import numpy as np

from diptych.evaluation.error_maps import ErrorMap, error_colours, error_levels
from diptych.evaluation.evaluate import Row
from diptych.evaluation.html_pages import LARGEST_SIDE, EmbeddedPicture, embedded
from diptych.evaluation.patch_pictures import heat
from diptych.evaluation.patches import JudgedPair
from diptych.evaluation.summary import METRICS, main_metric

MOST_PAIRS = 120
SHOWN_SIDE = 1600  # what is shown in full is reduced to that

Pictures = tuple[EmbeddedPicture, EmbeddedPicture, EmbeddedPicture]  # source, translated, target


@dataclass(frozen=True)
class Showpiece:
    """What a report opens with, and what a reader should know of it."""

    name: str
    about: str
    pictures: Pictures


@dataclass(frozen=True)
class PatchMaps:
    """What a discriminator decides on a pair: the maps, and how far each side is taken for real."""

    translated: EmbeddedPicture
    target: EmbeddedPicture
    translated_mean: float
    target_mean: float


@dataclass(frozen=True)
class ShownPair:
    """The pictures of a pair, encoded; `full` where they are shown larger than others are."""

    pictures: Pictures
    full: Pictures
    errors: EmbeddedPicture | None
    patches: PatchMaps | None


@dataclass(frozen=True)
class _Kept:
    pictures: list[np.ndarray | EmbeddedPicture]
    full: list[EmbeddedPicture]  # of large ones
    errors: np.ndarray | EmbeddedPicture | None
    judged: JudgedPair | None


class Gallery:
    """The pictures of a report, of at most so many pairs.

    Of more some of the worst and the best, and a random sample of those between, the same each
    time. Large pictures are encoded as they come, small ones when a page is written: most of them
    are dropped again. `errors` are of all pairs; `judge` says which discriminator rows have.
    """

    def __init__(self, most: int = MOST_PAIRS, judge: str = "") -> None:
        self.judge = judge
        self._pairs: dict[str, _Kept] = {}
        self.size = (0, 0)  # height and width of the first target
        self.showpiece: Showpiece | None = None
        self.errors = ErrorMap()
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
        self.errors.add(row)
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
            del self._pairs[dropped]
        self._pairs[row.name] = _keep(row)

    def __contains__(self, name: str) -> bool:
        """Whether the pictures of a pair were kept."""
        return name in self._pairs

    def __getitem__(self, name: str) -> ShownPair:
        """The pictures of a pair, encoded."""
        kept = self._pairs[name]
        source, translated, target = map(_encoded, kept.pictures)
        pictures = source, translated, target
        full = (kept.full[0], kept.full[1], kept.full[2]) if kept.full else pictures
        errors = None if kept.errors is None else _encoded(kept.errors)
        return ShownPair(pictures, full, errors, _patch_maps(kept.judged))

    def _one_between(self) -> str:
        """Of those that are neither among the worst nor the best, the one whose lot is highest."""
        ordered = sorted(self._kept, key=lambda name: self._kept[name][0])
        between = ordered[self._extremes : -self._extremes]
        return max(between, key=lambda name: self._kept[name][1])


def _keep(row: Row) -> _Kept:
    every = (row.source, row.translated, row.target)
    levels = error_levels(row)
    errors = None if levels is None else error_colours(levels)
    judged = row.judged() if row.judged is not None else None
    if max(max(pixels.shape[:2]) for pixels in every) <= LARGEST_SIDE:
        return _Kept([pixels.copy() for pixels in every], [], errors, judged)
    full = [embedded(pixels, SHOWN_SIDE) for pixels in every]
    small = None if errors is None else embedded(errors)
    return _Kept([embedded(pixels) for pixels in every], full, small, judged)


def _encoded(picture: np.ndarray | EmbeddedPicture) -> EmbeddedPicture:
    return embedded(picture) if isinstance(picture, np.ndarray) else picture


def _patch_maps(judged: JudgedPair | None) -> PatchMaps | None:
    if judged is None:
        return None
    ours, theirs = (embedded(heat(side.places())) for side in (judged.translated, judged.target))
    return PatchMaps(ours, theirs, judged.translated.mean, judged.target.mean)
