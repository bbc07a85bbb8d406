"""Metrics by name, and their means over many images."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import fmean, stdev
from typing import Literal

import numpy as np

from diptych.evaluation.labels.confusion import area_scores


@dataclass(frozen=True)
class Metric:
    """What a report says about a score: `digits` after the point, `meaning` for a newcomer.

    No score lies outside `lowest` and `highest`.
    """

    name: str
    label: str
    better: Literal["lower", "higher"]
    digits: int
    meaning: str
    highest: float = math.inf
    lowest: float = 0

    def figure(self, value: float) -> str:
        """A score to as many digits as tell."""
        return f"{value:.{self.digits}f}"

    def badness(self, value: float) -> float:
        """A score to order by, lower for the better."""
        return value if self.better == "lower" else -value


METRICS: dict[str, Metric] = {
    metric.name: metric
    for metric in (
        Metric("l1", "L1", "lower", 3, "mean difference of pixel values, 0 to 1", 1),
        Metric("psnr", "PSNR", "higher", 2, "closeness of pixel values, in decibels"),
        Metric("psnr_y", "PSNR-Y", "higher", 2, "the same of brightness alone, borders left out"),
        Metric(
            "ssim", "SSIM", "higher", 3, "agreement of local structure, 1 when identical", 1, -1
        ),
        Metric("mae", "MAE", "lower", 4, "mean difference in the target's own units"),
        Metric("rmse", "RMSE", "lower", 4, "the same, large differences counting for more"),
        Metric(
            "accuracy", "per-pixel accuracy", "higher", 3, "share of pixels in the right class", 1
        ),
        Metric(
            "class_accuracy",
            "per-class accuracy",
            "higher",
            3,
            "the same of each class, as a mean over the classes",
            1,
        ),
        Metric(
            "iou", "class IoU", "higher", 3, "overlap of each class's areas, 1 when identical", 1
        ),
        Metric(
            "features",
            "feature distance",
            "lower",
            3,
            "how different they look to a small network that knows photos, 0 if identical",
        ),
        Metric("lpips", "LPIPS", "lower", 3, "how different they look to a person, 0 if identical"),
    )
}

# Of classes, in the order of `area_scores`.
OF_CLASSES = ("accuracy", "class_accuracy", "iou")

# What a model is chosen by: the first of these that is measured. All but features is of values in
# units and of classes. LPIPS is reported beside it and chooses nothing: a run keeps the same model
# whether its weights are at hand or not.
CHOOSING = ("mae", "iou", "features")
# What results are judged by, whoever made them: the first of these that is measured. LPIPS comes
# first because nothing learns from its network; SSIM is for scores from before there was another.
JUDGING = ("lpips", "features", "ssim")


class PictureScores(dict[str, float]):
    """The scores of one picture by the names in `METRICS`.

    Of classes also the `areas` that those of a set are made of: one confusion matrix over the
    whole set gives its scores, not a mean over pictures, where a class that hardly shows in one
    counts there as much as in all others.
    """

    areas: np.ndarray | None = None


def chosen_by(scores: Mapping[str, object]) -> str | None:
    """The metric that models with such scores are chosen by; None where they have no such."""
    return next((name for name in CHOOSING if name in scores), None)


def chosen_alike(scores: Mapping[str, object], others: Mapping[str, object]) -> bool:
    """Whether what two models are chosen by can be compared.

    The IoU was another before there was an accuracy by class: a mean of pictures' means.
    """
    by_set = ["class_accuracy" in each for each in (scores, others)]
    return chosen_by(scores) == chosen_by(others) and by_set[0] == by_set[1]


def selection_score(scores: Mapping[str, float]) -> float:
    """The one number that ranks models, lower is better.

    The mean difference in units for values, 1 - IoU for classes, the feature distance for pictures.
    Raises ValueError where none was measured.
    """
    name = chosen_by(scores)
    if name is None:
        raise ValueError(f"no model is chosen by {', '.join(scores) or 'nothing'}")
    return scores[name] if METRICS[name].better == "lower" else 1 - scores[name]


def main_metric(scores: Mapping[str, object]) -> str:
    """The one that results are judged by."""
    return next(name for name in JUDGING if name in scores)


def judged_by(scores: Mapping[str, object]) -> str:
    """The one that results of different models are compared by: their own units, where they have
    some, for classes the IoU, and for pictures the main one.
    """
    return next((name for name in ("mae", "iou") if name in scores), main_metric(scores))


@dataclass(frozen=True)
class Interval:
    """The mean of a score over `count` images, and where it lies with 95 % confidence.

    Student's t interval, for images drawn independently; of the scores of classes, which are of the
    set and no means, that of the jackknife. It ends where scores do: that of a few images would go
    beyond. One image tells nothing about the spread: `low` and `high` are then the mean itself.
    """

    mean: float
    low: float
    high: float
    count: int


def score_rows(
    scores: Mapping[str, Interval], baselines: Mapping[str, Mapping[str, Interval]]
) -> Iterator[tuple[Metric, list[str]]]:
    """Each metric with its mean and 95 % interval, and the means of the baselines, as text."""
    for name, interval in scores.items():
        metric = METRICS[name]
        span = f"{metric.figure(interval.low)} to {metric.figure(interval.high)}"
        others = [metric.figure(baseline[name].mean) for baseline in baselines.values()]
        yield metric, [metric.figure(interval.mean), span, *others]


def summarise(scores: Sequence[Mapping[str, float]]) -> dict[str, Interval]:
    """Interval of each metric over the images that have it; empty for no images.

    Those of classes are of the whole set, where the images are `PictureScores`.
    """
    return {name: _within(METRICS[name], each) for name, each in _intervals(scores).items()}


def interval_of(
    values: Sequence[float], lowest: float = -math.inf, highest: float = math.inf
) -> Interval:
    """Student's t interval of the mean of values, of which none can lie outside these bounds."""
    mean, count = fmean(values), len(values)
    half = _t975(count - 1) * stdev(values) / math.sqrt(count) if count > 1 else 0.0
    return Interval(mean, max(lowest, mean - half), min(highest, mean + half), count)


def _within(metric: Metric, interval: Interval) -> Interval:
    low, high = max(interval.low, metric.lowest), min(interval.high, metric.highest)
    return replace(interval, low=low, high=high)


def _intervals(scores: Sequence[Mapping[str, float]]) -> dict[str, Interval]:
    values: dict[str, list[float]] = {}
    for image in scores:
        for name, value in image.items():
            values.setdefault(name, []).append(value)
    each = [areas for areas in map(_areas, scores) if areas is not None]
    of_sets = _of_sets(each) if each else {}
    return {name: of_sets.get(name) or interval_of(v) for name, v in values.items()}


def means(scores: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """The mean of each metric over the images that have it, to six digits."""
    return {name: round(interval.mean, 6) for name, interval in summarise(scores).items()}


def differences(
    scores: Sequence[Mapping[str, float]], others: Sequence[Mapping[str, float]]
) -> dict[str, Interval]:
    """By how much `scores` are higher than `others`, pair by pair, of metrics that both have."""
    pairs = list(zip(scores, others, strict=True))
    higher = _intervals(
        [
            {name: value - other[name] for name, value in image.items() if name in other}
            for image, other in pairs
        ]
    )
    both = [(_areas(image), _areas(other)) for image, other in pairs]
    each = [np.stack([a, b]) for a, b in both if a is not None and b is not None]
    return higher | (_of_sets(each) if each else {})


def _areas(image: Mapping[str, float]) -> np.ndarray | None:
    return image.areas if isinstance(image, PictureScores) else None


def _of_sets(each: Sequence[np.ndarray]) -> dict[str, Interval]:
    """The scores of a set of classes from the areas of each picture, `(3, classes)`.

    Of two such, `(2, 3, classes)`, by how much the first is higher. The interval is the
    jackknife's, which leaves out one picture after the other.
    """

    def scored(areas: np.ndarray) -> np.ndarray:
        scores = area_scores(areas)
        return scores if each[0].ndim == 2 else scores[..., 0, :] - scores[..., 1, :]

    stacked, count = np.stack(each), len(each)
    total = stacked.sum(axis=0)
    wholes, halves = scored(total), np.zeros(len(OF_CLASSES))
    if count > 1:
        without = scored(total - stacked)
        spread = np.square(without - without.mean(axis=0)).sum(axis=0)
        halves = _t975(count - 1) * np.sqrt(spread * (count - 1) / count)
    return {
        name: Interval(whole, whole - half, whole + half, count)
        for name, whole, half in zip(OF_CLASSES, wholes.tolist(), halves.tolist(), strict=True)
    }


# The 97.5 % quantile of Student's t for 1 to 10 degrees of freedom.
_T975 = (12.7062, 4.3027, 3.1824, 2.7764, 2.5706, 2.4469, 2.3646, 2.3060, 2.2622, 2.2281)


def _t975(freedom: int) -> float:
    if freedom <= len(_T975):
        return _T975[freedom - 1]
    # From there on its expansion about the normal's (Abramowitz and Stegun, 26.7.5) is as good.
    return 1.95996 + 2.37227 / freedom + 2.82250 / freedom**2 + 2.55585 / freedom**3
