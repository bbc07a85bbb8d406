"""What anybody has for nothing: results to hold a model's against.

The bare source where it could pass for a result; bicubic enlargement; the mean colour; the target
of the training pair whose source looks most alike; the mean of the training targets.
"""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from PIL import Image

from diptych.data.domains import Domains
from diptych.data.pairs import Pair, evenly_spread
from diptych.data.prepare import Size, prepared
from diptych.images.arrays import as_type, resized
from diptych.images.display import displayed
from diptych.images.encoding import CHROMA, decode
from diptych.images.lab import rgb_to_lab
from diptych.images.rgb import resize
from diptych.schema import Recipe

# From an array of the source's domain and a size, an array of the target's domain of that size.
Baseline = Callable[[np.ndarray, Size], np.ndarray]

MOST_NEIGHBOURS = 1000  # training pairs that are looked at, evenly spread
MOST_AVERAGED = 200
MOST_COLOURED = 100
REDUCED = 16  # pixels a side at which sources are compared


def baselines(recipe: Recipe, domains: Domains, training: Sequence[Pair]) -> dict[str, Baseline]:
    """The baselines that fit the recipe's task, under the names that tables show."""
    kind = recipe.derive.kind
    if kind == "degrade" and recipe.derive.scale > 1:
        return {"bicubic": _enlarged}
    if kind == "lightness":
        return {"mean colour": _MeanColour(training, domains)} if training else {}
    if kind == "holes":
        return {"mean colour in the hole": _filled}
    fitting: dict[str, Baseline] = {}
    if all(domain.is_picture for domain in domains):
        fitting[f"bare {domains[0].name}"] = _enlarged
    if kind != "degrade" and training:
        fitting["nearest training pair"] = _Nearest(training, recipe, domains)
        if domains[1].kind == "values":
            fitting["mean of the training targets"] = _Mean(training, recipe, domains)
    return fitting


def _enlarged(source: np.ndarray, size: Size) -> np.ndarray:
    return np.asarray(resize(Image.fromarray(np.ascontiguousarray(source)), (size[1], size[0])))


def _filled(source: np.ndarray, size: Size) -> np.ndarray:  # noqa: ARG001
    whole = source[..., 3] > 127
    mean = source[whole, :3].mean(axis=0) if whole.any() else np.full(3, 127.5)
    return np.where(whole[..., None], source[..., :3], mean.round().astype(np.uint8))


class _MeanColour:
    """The training photos' mean a and b, under the lightness of the source."""

    def __init__(self, training: Sequence[Pair], domains: Domains) -> None:
        means = []
        for pair in _some(training, MOST_COLOURED):
            _, photo = prepared(pair, domains, (64, 64))
            lab = rgb_to_lab(torch.from_numpy(photo.copy()).movedim(-1, 0).float() / 255)
            means.append(lab[1:].mean(dim=(1, 2)))
        self.mean = torch.stack(means).mean(dim=0) / CHROMA
        self.domain = domains[1]

    def __call__(self, source: np.ndarray, size: Size) -> np.ndarray:
        chroma = self.mean.view(1, 2, 1, 1).expand(1, 2, *size)
        return np.asarray(decode(chroma, self.domain, torch.from_numpy(source[None].copy()))[0])


class _Nearest:
    """The target of the training pair whose source looks most alike, much reduced."""

    def __init__(self, training: Sequence[Pair], recipe: Recipe, domains: Domains) -> None:
        self.pairs, self.domains = _some(training, MOST_NEIGHBOURS), domains
        self.same_shape = recipe.data.shapes == "same"
        sources = (
            prepared(pair, domains, recipe.data.crop, recipe.derive, same_shape=self.same_shape)[0]
            for pair in self.pairs
        )
        self.reduced = np.stack([self._reduced(source) for source in sources])

    def _reduced(self, source: np.ndarray) -> np.ndarray:
        picture = np.ascontiguousarray(displayed(source, self.domains[0])[..., :3])
        return _enlarged(picture, (REDUCED, REDUCED)).astype(np.float32)

    def __call__(self, source: np.ndarray, size: Size) -> np.ndarray:
        distances = np.square(self.reduced - self._reduced(source)).mean(axis=(1, 2, 3))
        nearest = self.pairs[int(distances.argmin())]
        _, target = prepared(nearest, self.domains, size, same_shape=self.same_shape)
        domain = self.domains[1]
        return as_type(target, domain.dtype) if domain.kind == "values" else target


class _Mean:
    """The mean of the training targets, pixel by pixel, of what has data."""

    def __init__(self, training: Sequence[Pair], recipe: Recipe, domains: Domains) -> None:
        self.domain = domains[1]
        same = recipe.data.shapes == "same"
        chosen = _some(training, MOST_AVERAGED)
        targets = np.stack(
            [prepared(pair, domains, recipe.data.crop, same_shape=same)[1] for pair in chosen]
        ).astype(np.float64)
        has_data = np.isfinite(targets)
        if self.domain.nodata is not None:
            has_data &= targets != self.domain.nodata
        total = np.where(has_data, targets, 0)
        overall = total.sum() / max(1, has_data.sum())
        count = has_data.sum(axis=0)
        self.mean = np.where(count, total.sum(axis=0) / np.maximum(count, 1), overall)

    def __call__(self, source: np.ndarray, size: Size) -> np.ndarray:  # noqa: ARG002
        mean = resized(self.mean.astype(np.float32), size, self.domain)
        return as_type(mean, self.domain.dtype)


def _some(pairs: Sequence[Pair], most: int) -> list[Pair]:
    return [pairs[i] for i in evenly_spread(len(pairs), most)]
