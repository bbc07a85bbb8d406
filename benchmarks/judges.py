"""Scores of translated pictures by networks that no arm learned from, and by no network.

LPIPS by AlexNet and by VGG16, SSIM and PSNR pair by pair; KID by Inception and the spread of mean
colour over the set.
"""

from dataclasses import asdict
from typing import Any

import torch
from torch import Tensor

from diptych.errors import DiptychError
from diptych.evaluation.colour_spread import Pictures, spread
from diptych.evaluation.scores import Scorer
from diptych.evaluation.summary import Interval, summarise
from diptych.losses.perceptual import LPIPS
from diptych.weights import GET_HINT, Backbone, find_lpips
from inception import load_inception

LEAST = 10  # pictures; fewer say nothing about a set


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


def _rounded(interval: Interval) -> dict[str, float]:
    return {
        key: value if key == "count" else round(value, 4) for key, value in asdict(interval).items()
    }


def _lpips(backbone: Backbone) -> LPIPS:
    weights = find_lpips(backbone)
    if weights is None:
        raise DiptychError(GET_HINT)
    return LPIPS(backbone, *weights)
