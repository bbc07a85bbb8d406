"""Scores of translated pictures against their targets: one image at a time, then summarised."""

import math
from collections.abc import Mapping

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from diptych.errors import DiptychError
from diptych.evaluation import metrics
from diptych.losses.perceptual import LPIPS
from diptych.weights import find_lpips


class Scorer:
    """Scores pictures as a person gets them, in 8 bits.

    `lpips` adds the key ``lpips``, and runs on `device`; the other metrics always run on the CPU,
    in float64. A `border` above 1 adds the key ``psnr_y``, as papers on super-resolution measure:
    on brightness, so many pixels off each side.
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
        """One dict of scores an image, keyed as ``METRICS``, of uint8 ``(N, H, W, 3)``.

        LPIPS needs some least size (``LPIPS.min_size``); a picture below it is first stretched to
        it, together with its target. Raises DiptychError for another type, or shapes that differ.
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
    weights = find_lpips("alex")
    return Scorer(LPIPS("alex", *weights) if weights else None, device, border)
