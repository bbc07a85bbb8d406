"""Scores of translated pictures by networks that no arm learned from, and by no network.

LPIPS by AlexNet and by VGG16, SSIM and PSNR pair by pair; KID by Inception and the spread of mean
colour over the set.
"""

import math
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
import torch
from torch import Tensor

from diptych.errors import DiptychError
from diptych.evaluation.scores import Scorer
from diptych.evaluation.summary import Interval, summarise
from diptych.losses.perceptual import LPIPS
from diptych.weights import GET_HINT, Backbone, find_lpips
from inception import load_inception

LEAST = 10  # pictures; fewer say nothing about a set
BACKGROUND = 245  # pixels whose darkest channel is as light are paper
COLOURS = ("luma", "red-green", "blue-yellow")

Pictures = Sequence[np.ndarray]  # each uint8 (H, W, 3); their sizes may differ


class Judge:
    """Scores sets of pictures; raises DiptychError where a network's weights are missing."""

    def __init__(self) -> None:
        self._alex, self._vgg = Scorer(_lpips("alex")), Scorer(_lpips("vgg"))
        self._inception = load_inception()
        self._known: dict[str, Tensor] = {}  # features of targets, by the name of their set

    def __call__(
        self, translated: Pictures, targets: Pictures, name: str, on_paper: bool = False
    ) -> dict[str, Any]:
        """Mean, 95 % interval and count of each score; `name` is that of the set of targets.

        Below 10 pictures KID and the spread are left out. `on_paper`: the spread is that of what
        is not white in the targets.
        """
        rows = []
        for ours, theirs in zip(translated, targets, strict=True):
            alex, vgg = (s(ours[None], theirs[None])[0] for s in (self._alex, self._vgg))
            both = {"lpips_alex": alex["lpips"], "lpips_vgg": vgg["lpips"]}
            rows.append(both | {key: alex[key] for key in ("ssim", "psnr", "l1")})
        scores: dict[str, Any] = {key: _rounded(x) for key, x in summarise(rows).items()}
        if len(targets) >= LEAST:
            if name not in self._known:
                self._known[name] = self._features(targets)
            scores["kid_x1000"] = _rounded(kid(self._features(translated), self._known[name], 1000))
            scores["spread"] = spread(translated, targets, on_paper)
        return scores

    def _features(self, pictures: Pictures) -> Tensor:
        with torch.inference_mode():
            each = [
                self._inception(torch.from_numpy(picture.copy()).movedim(-1, 0)[None])
                for picture in pictures
            ]
        return torch.cat(each)


def kid(x: Tensor, y: Tensor, times: float = 1) -> Interval:
    """Kernel Inception Distance of features `(N, D)` of results and of their targets, both N.

    Binkowski et al., "Demystifying MMD GANs", ICLR 2018: the unbiased estimate over all pictures at
    once, which is what the mean over random subsets comes to. The 95 % interval is from the
    jackknife, which leaves out one pair after the other. Both `times` as large.
    """
    count = len(x)
    xx, yy, xy = (_kernel(a, b) for a, b in ((x, x), (y, y), (x, y)))
    own = xx + yy
    own.fill_diagonal_(0)
    # Sums over all, and over all but one pair.
    within, without = own.sum(), own.sum() - own.sum(0) - own.sum(1)
    across, across_without = xy.sum(), xy.sum() - xy.sum(0) - xy.sum(1) + xy.diagonal()
    estimate = within / (count * (count - 1)) - 2 * across / count**2
    less = count - 1
    each = without / (less * (less - 1)) - 2 * across_without / less**2
    error = ((each - each.mean()).square().sum() * less / count).sqrt()
    mean, half = times * float(estimate), times * 1.96 * float(error)
    return Interval(mean, mean - half, mean + half, count)


def _kernel(x: Tensor, y: Tensor) -> Tensor:
    return (x.double() @ y.double().T / x.shape[1] + 1) ** 3


def spread(translated: Pictures, targets: Pictures, on_paper: bool = False) -> dict[str, float]:
    """How far mean colours lie apart over a set: standard deviation, as a share of the targets'.

    1 is as various as the targets, 0 all alike. Of luma, red minus green, and blue minus their
    mean; where `on_paper`, of the pixels alone that are not white in the target. Targets without
    any spread give nan.
    """
    ours, theirs = [], []
    for result, target in zip(translated, targets, strict=True):
        drawn = np.full(target.shape[:2], True)
        if on_paper:
            drawn = target.min(axis=2) < BACKGROUND
            if not drawn.any():
                continue
        ours.append(_colour(result[drawn]))
        theirs.append(_colour(target[drawn]))
    if not ours:
        return dict.fromkeys(COLOURS, math.nan)
    ratios = (
        a / b if b else math.nan
        for a, b in zip(np.std(ours, axis=0), np.std(theirs, axis=0), strict=True)
    )
    return {name: round(float(ratio), 3) for name, ratio in zip(COLOURS, ratios, strict=True)}


def _colour(pixels: np.ndarray) -> tuple[float, float, float]:
    red, green, blue = pixels.mean(axis=0, dtype=np.float64)
    return (red + green + blue) / 3, red - green, blue - (red + green) / 2


def _rounded(interval: Interval) -> dict[str, float]:
    return {
        key: value if key == "count" else round(value, 4) for key, value in asdict(interval).items()
    }


def _lpips(backbone: Backbone) -> LPIPS:
    weights = find_lpips(backbone)
    if weights is None:
        raise DiptychError(GET_HINT)
    return LPIPS(backbone, *weights)
