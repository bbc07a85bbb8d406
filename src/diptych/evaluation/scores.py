"""Scores of translated pictures against their targets: one image at a time, then summarised."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, stdev
from typing import Literal

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from diptych.errors import DiptychError
from diptych.evaluation import metrics
from diptych.losses.perceptual import LPIPS
from diptych.weights import find_lpips


@dataclass(frozen=True)
class Metric:
    """What a report says about a score: `digits` after the point, `meaning` for a newcomer."""

    name: str
    label: str
    better: Literal["lower", "higher"]
    digits: int
    meaning: str


METRICS: dict[str, Metric] = {
    metric.name: metric
    for metric in (
        Metric("l1", "L1", "lower", 3, "mean difference of pixel values, 0 to 1"),
        Metric("psnr", "PSNR", "higher", 2, "closeness of pixel values, in decibels"),
        Metric("psnr_y", "PSNR-Y", "higher", 2, "the same of brightness alone, borders left out"),
        Metric("ssim", "SSIM", "higher", 3, "agreement of local structure, 1 when identical"),
        Metric("mae", "MAE", "lower", 4, "mean difference in the target's own units"),
        Metric("rmse", "RMSE", "lower", 4, "the same, large differences counting for more"),
        Metric("accuracy", "accuracy", "higher", 3, "share of pixels in the right class"),
        Metric("iou", "IoU", "higher", 3, "overlap of the classes' areas, 1 when identical"),
        Metric("lpips", "LPIPS", "lower", 3, "how different they look to a person, 0 if identical"),
    )
}


@dataclass(frozen=True)
class Interval:
    """The mean of a score over `count` images, and where it lies with 95 % confidence.

    Student's t interval, for images drawn independently. One image tells nothing about the spread:
    `low` and `high` are then the mean itself.
    """

    mean: float
    low: float
    high: float
    count: int


def summarise(scores: Sequence[Mapping[str, float]]) -> dict[str, Interval]:
    """Interval of each metric over the images that have it; empty for no images."""
    values: dict[str, list[float]] = {}
    for image in scores:
        for name, value in image.items():
            values.setdefault(name, []).append(value)
    return {name: _interval(v) for name, v in values.items()}


def differences(
    scores: Sequence[Mapping[str, float]], others: Sequence[Mapping[str, float]]
) -> dict[str, Interval]:
    """By how much `scores` are higher than `others`, pair by pair, of metrics that both have."""
    return summarise(
        [
            {name: value - other[name] for name, value in image.items() if name in other}
            for image, other in zip(scores, others, strict=True)
        ]
    )


def _interval(values: Sequence[float]) -> Interval:
    mean, count = fmean(values), len(values)
    half = _t975(count - 1) * stdev(values) / math.sqrt(count) if count > 1 else 0.0
    return Interval(mean, mean - half, mean + half, count)


# The 97.5 % quantile of Student's t for 1 to 10 degrees of freedom.
_T975 = (12.7062, 4.3027, 3.1824, 2.7764, 2.5706, 2.4469, 2.3646, 2.3060, 2.2622, 2.2281)


def _t975(freedom: int) -> float:
    if freedom <= len(_T975):
        return _T975[freedom - 1]
    # From there on its expansion about the normal's (Abramowitz and Stegun, 26.7.5) is as good.
    return 1.95996 + 2.37227 / freedom + 2.82250 / freedom**2 + 2.55585 / freedom**3


class Scorer:
    """Scores pictures as a person gets them, in 8 bits.

    Args:
        lpips: adds the key ``lpips``; without it that one is left out.
        device: where LPIPS runs. The other metrics always run on the CPU, in float64.
        border: above 1 it adds the key ``psnr_y``, as papers on super-resolution measure: on
            brightness, so many pixels off each side.
    """

    # Pixels scored at once: what bounds the memory (at the most, about 1 GB with LPIPS-VGG).
    _BUDGET = 2**19

    def __init__(
        self, lpips: LPIPS | None = None, device: torch.device | str = "cpu", border: int = 1
    ) -> None:
        self._border = border
        self._device = torch.device(device)
        self._lpips = lpips.to(self._device) if lpips else None

    @property
    def has_lpips(self) -> bool:
        """Whether LPIPS is among the scores."""
        return self._lpips is not None

    def __call__(self, translated: np.ndarray, target: np.ndarray) -> list[dict[str, float]]:
        """One dict of scores an image, keyed as ``METRICS``.

        LPIPS needs some least size (``LPIPS.min_size``); a picture below it is first stretched to
        it, together with its target.

        Args:
            translated: uint8 ``(N, H, W, 3)``.
            target: the same shape and type.

        Raises:
            DiptychError: another type or shape.
        """
        for pictures in (translated, target):
            if pictures.dtype != np.uint8 or pictures.ndim != 4 or pictures.shape[3] != 3:
                raise DiptychError(
                    "scores are for 8-bit pictures (N, H, W, 3); "
                    f"these are {pictures.dtype} {pictures.shape}"
                )
        if translated.shape != target.shape:
            raise DiptychError(
                f"translated pictures {translated.shape} and targets {target.shape} (N, H, W, 3) "
                "differ in number or size"
            )
        step = max(1, self._BUDGET // max(1, math.prod(translated.shape[1:3])))
        return [
            scores
            for start in range(0, len(translated), step)
            for scores in self._score(
                _batch(translated[start : start + step]), _batch(target[start : start + step])
            )
        ]

    @torch.no_grad()
    def _score(self, x: Tensor, y: Tensor) -> list[dict[str, float]]:
        columns = {"l1": metrics.l1(x, y), "psnr": metrics.psnr(x, y), "ssim": metrics.ssim(x, y)}
        if self._border > 1:
            columns["psnr_y"] = metrics.psnr_y(x, y, self._border)
        if self._lpips:
            least = self._lpips.min_size
            seen = (_stretched(z.float().to(self._device) * 2 - 1, least) for z in (x, y))
            columns["lpips"] = self._lpips(*seen)
        rows = zip(*(column.tolist() for column in columns.values()), strict=True)
        return [dict(zip(columns, row, strict=True)) for row in rows]


def _batch(pictures: np.ndarray) -> Tensor:
    """Uint8 ``(N, H, W, 3)`` to float64 ``(N, 3, H, W)`` in [0, 1]."""
    return torch.from_numpy(np.moveaxis(pictures, -1, 1).astype(np.float64, order="C") / 255)


def _stretched(x: Tensor, least: int) -> Tensor:
    """`x` with each side at `least` pixels or more."""
    size = [max(side, least) for side in x.shape[2:]]
    return x if size == [*x.shape[2:]] else F.interpolate(x, size, mode="bilinear")


def selection_score(scores: Mapping[str, float]) -> float:
    """The one number that ranks models, lower is better.

    The mean difference in units for values, 1 - IoU for classes; for pictures LPIPS, or without it
    (1 - SSIM) + L1.
    """
    if "mae" in scores:
        return scores["mae"]
    if "iou" in scores:
        return 1 - scores["iou"]
    if "lpips" in scores:
        return scores["lpips"]
    return 1 - scores["ssim"] + scores["l1"]


def default_scorer(device: torch.device | str = "cpu", border: int = 1) -> Scorer:
    """A scorer with LPIPS-Alex where its weights are at hand, else without LPIPS."""
    found = find_lpips("alex")
    return Scorer(LPIPS("alex", *found) if found else None, device, border)
