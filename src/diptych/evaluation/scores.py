"""Scores of translated pictures against their targets: one image at a time, then summarised."""

import math
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from diptych.errors import DiptychError
from diptych.evaluation import metrics
from diptych.fast.padded_kernels import pad_kernels
from diptych.fast.pointwise import multiply_places
from diptych.losses.feature_distance import feature_distances
from diptych.losses.perceptual import LPIPS
from diptych.networks.frozen_view import LEAST, frozen_views
from diptych.weights import State, find_features, find_lpips


@dataclass(frozen=True)
class Seen:
    """What scores need of pictures, found once for all that is held against them."""

    windows: metrics.Windows
    maps: list[Tensor]
    lpips: list[Tensor]

    def __getitem__(self, chosen: list[int]) -> "Seen":
        """Of some of the pictures."""
        maps, lpips = ([each[chosen] for each in every] for every in (self.maps, self.lpips))
        return Seen(self.windows[chosen], maps, lpips)


class Scorer:
    """Scores pictures as a person gets them, in 8 bits.

    ``features`` is the distance in what a frozen network sees, as `losses.feature_distance` has it;
    `lpips` adds the key ``lpips``. Both run on `device`, the other metrics always on the CPU, in
    float64. A `border` above 1 adds the key ``psnr_y``, as papers on super-resolution measure: on
    brightness, so many pixels off each side. Raises DiptychError where the frozen network is not
    installed.
    """

    # Pixels scored at once: what bounds the memory (at the most, about 1 GB with LPIPS-VGG).
    _BUDGET = 2**19

    def __init__(
        self, lpips: LPIPS | None = None, device: torch.device | str = "cpu", border: int = 1
    ) -> None:
        self._border = border
        self._device = torch.device(device)
        (self._view,) = (view.to(self._device) for view in frozen_views(find_features(), 3))
        if self._device.type == "cpu":
            multiply_places(self._view)
            pad_kernels(self._view)
        self._lpips = lpips.to(self._device) if lpips else None

    def __call__(self, translated: np.ndarray, target: np.ndarray) -> list[dict[str, float]]:
        """One dict of scores an image, keyed as ``METRICS``, of uint8 ``(N, H, W, 3)``.

        Networks need some least size (32 pixels, LPIPS its ``min_size``); a picture below it is
        first stretched to it, together with its target. Raises DiptychError for another type, or
        shapes that differ.
        """
        _check(translated)
        _check(target)
        if translated.shape != target.shape:
            raise DiptychError(
                f"translated pictures {translated.shape} and targets {target.shape} (N, H, W, 3) "
                "differ in number or size"
            )
        step = max(1, self._BUDGET // max(1, math.prod(translated.shape[1:3])))
        return [
            scores
            for start in range(0, len(translated), step)
            for scores in self.against(
                translated[start : start + step], self.look_at(target[start : start + step])
            )
        ]

    @torch.no_grad()
    def look_at(self, pictures: np.ndarray) -> Seen:
        """What scores need of uint8 ``(N, H, W, 3)``: of a few, for all is found at once."""
        _check(pictures)
        levels = torch.from_numpy(np.moveaxis(pictures, -1, 1).astype(np.float32, order="C"))
        shown = levels.to(self._device) / 127.5 - 1
        return Seen(
            metrics.Windows.of(levels),
            self._view(_stretched(shown, LEAST)),
            self._lpips.maps(_stretched(shown, self._lpips.min_size)) if self._lpips else [],
        )

    @torch.no_grad()
    def against(self, translated: np.ndarray, target: Seen) -> list[dict[str, float]]:
        """As calling it, of pictures as large and as many as those of the targets seen before."""
        seen = self.look_at(translated)
        x, y = (windows.pictures.double() / 255 for windows in (seen.windows, target.windows))
        columns = {
            "l1": metrics.l1(x, y),
            "psnr": metrics.psnr(x, y),
            "ssim": metrics.ssim_of(seen.windows, target.windows, highest=255),
        }
        if self._border > 1:
            columns["psnr_y"] = metrics.psnr_y(x, y, self._border)
        columns["features"] = feature_distances(seen.maps, target.maps)
        if self._lpips:
            columns["lpips"] = self._lpips.between(seen.lpips, target.lpips)
        rows = zip(*(column.tolist() for column in columns.values()), strict=True)
        return [dict(zip(columns, row, strict=True)) for row in rows]


def _check(pictures: np.ndarray) -> None:
    if pictures.dtype != np.uint8 or pictures.ndim != 4 or pictures.shape[3] != 3:
        raise DiptychError(
            f"scores are for 8-bit pictures (N, H, W, 3); these are {pictures.dtype} "
            f"{pictures.shape}"
        )


def _stretched(x: Tensor, least: int) -> Tensor:
    """`x` with each side at `least` pixels or more."""
    size = [max(side, least) for side in x.shape[2:]]
    return x if size == [*x.shape[2:]] else F.interpolate(x, size, mode="bilinear")


def default_scorer(device: torch.device | str = "cpu", border: int = 1) -> Scorer:
    """A scorer with LPIPS-Alex where its weights are at hand, else without LPIPS."""
    return scorer_with(find_lpips("alex"), device, border)


def scorer_with(
    alex: tuple[State, State] | None, device: torch.device | str = "cpu", border: int = 1
) -> Scorer:
    """A scorer with LPIPS-Alex of these weights, else without LPIPS."""
    return Scorer(LPIPS("alex", *alex) if alex else None, device, border)
