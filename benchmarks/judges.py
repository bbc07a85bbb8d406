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
from diptych.evaluation.set_distances import kid
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
            scores["kid_x1000"] = _rounded(self._kid(translated, self._known[name]))
            scores["spread"] = spread(translated, targets, on_paper)
        return scores

    def _kid(self, translated: Pictures, known: Tensor) -> Interval:
        found = kid(self._features(translated), known)
        return Interval(1000 * found.mean, 1000 * found.low, 1000 * found.high, found.count)

    def _features(self, pictures: Pictures) -> Tensor:
        with torch.inference_mode():
            each = [
                self._inception(torch.from_numpy(picture.copy()).movedim(-1, 0)[None])
                for picture in pictures
            ]
        return torch.cat(each)


def _rounded(interval: Interval) -> dict[str, float]:
    return {
        key: value if key == "count" else round(value, 4) for key, value in asdict(interval).items()
    }


def _lpips(backbone: Backbone) -> LPIPS:
    weights = find_lpips(backbone)
    if weights is None:
        raise DiptychError(GET_HINT)
    return LPIPS(backbone, *weights)
