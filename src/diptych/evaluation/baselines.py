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
from diptych.data.prepare import Size, make_source
from diptych.images.arrays import resized
from diptych.images.display import shown
from diptych.images.domain import Domain
from diptych.images.encoding import CHROMA, decode
from diptych.images.lab import rgb_to_lab
from diptych.images.numbers import as_type
from diptych.images.rgb import resize
from diptych.schema import Recipe

# From an array of the source's domain and a size, an array of the target's domain of that size.
Baseline = Callable[[np.ndarray, Size], np.ndarray]

MOST_NEIGHBOURS = 1000  # training pairs that are looked at, evenly spread
MOST_AVERAGED = 200
SEEN = 16  # pixels a side at which sources are compared


def baselines(recipe: Recipe, domains: Domains, training: Sequence[Pair]) -> dict[str, Baseline]:
    """The baselines that fit the recipe's task, under the names that tables show."""
    kind = recipe.derive.kind
    if kind == "degrade" and recipe.derive.scale > 1:
        return {"bicubic": _enlarged}
    if kind == "lightness":
        return {"mean colour": _MeanColour(training)} if training else {}
    if kind == "holes":
        return {"mean colour in the hole": _filled}
    found: dict[str, Baseline] = {}
    if all(domain.is_picture for domain in domains):
        found[f"bare {domains[0].name}"] = _enlarged
    if kind != "degrade" and training:
        found["nearest training pair"] = _Nearest(training, recipe, domains)
        if domains[1].kind == "values":
            found["mean of the training targets"] = _Mean(training, recipe, domains[1])
    return found


def _enlarged(source: np.ndarray, size: Size) -> np.ndarray:
    return np.asarray(resize(Image.fromarray(np.ascontiguousarray(source)), (size[1], size[0])))


def _filled(source: np.ndarray, size: Size) -> np.ndarray:  # noqa: ARG001
    known = source[..., 3] > 127
    mean = source[known, :3].mean(axis=0) if known.any() else np.full(3, 127.5)
    return np.where(known[..., None], source[..., :3], mean.round().astype(np.uint8))


class _MeanColour:
    """The training photos' mean a and b, under the lightness of the source."""

    def __init__(self, training: Sequence[Pair]) -> None:
        means = []
        for pair in _some(training, 100):
            photo = _enlarged(pair.target.read(), (64, 64))
            lab = rgb_to_lab(torch.from_numpy(photo.copy()).movedim(-1, 0).float() / 255)
            means.append(lab[1:].mean(dim=(1, 2)))
        self.mean = torch.stack(means).mean(dim=0) / CHROMA
        self.domain = Domain(name="colour", kind="chroma", channels=2)

    def __call__(self, source: np.ndarray, size: Size) -> np.ndarray:
        chroma = self.mean.view(1, 2, 1, 1).expand(1, 2, *size)
        return np.asarray(decode(chroma, self.domain, torch.from_numpy(source[None].copy()))[0])


class _Nearest:
    """The target of the training pair whose source looks most alike, much reduced."""

    def __init__(self, training: Sequence[Pair], recipe: Recipe, domains: Domains) -> None:
        self.pairs, self.domains = _some(training, MOST_NEIGHBOURS), domains
        derived = recipe.derive.kind != "none"
        self.seen = np.stack(
            [
                self._seen(
                    make_source(pair, recipe, domains, recipe.data.crop)[0]
                    if derived
                    else pair.source.read(domains[0])
                )
                for pair in self.pairs
            ]
        )

    def _seen(self, source: np.ndarray) -> np.ndarray:
        picture = np.ascontiguousarray(shown(source, self.domains[0])[..., :3])
        return _enlarged(picture, (SEEN, SEEN)).astype(np.float32)

    def __call__(self, source: np.ndarray, size: Size) -> np.ndarray:
        distances = np.square(self.seen - self._seen(source)).mean(axis=(1, 2, 3))
        target = self.domains[1]
        nearest = resized(self.pairs[int(distances.argmin())].target.read(target), size, target)
        return as_type(nearest, target.dtype) if target.kind == "values" else nearest


class _Mean:
    """The mean of the training targets, pixel by pixel, of what has data."""

    def __init__(self, training: Sequence[Pair], recipe: Recipe, target: Domain) -> None:
        self.target = target
        targets = np.stack(
            [
                resized(pair.target.read(target), recipe.data.crop, target).astype(np.float64)
                for pair in _some(training, MOST_AVERAGED)
            ]
        )
        there = np.isfinite(targets)
        if target.nodata is not None:
            there &= targets != target.nodata
        total = np.where(there, targets, 0)
        overall = total.sum() / max(1, there.sum())
        count = there.sum(axis=0)
        self.mean = np.where(count, total.sum(axis=0) / np.maximum(count, 1), overall)

    def __call__(self, source: np.ndarray, size: Size) -> np.ndarray:  # noqa: ARG002
        mean = resized(self.mean.astype(np.float32), size, self.target)
        return as_type(mean, self.target.dtype)


def _some(pairs: Sequence[Pair], most: int) -> list[Pair]:
    return [pairs[i] for i in evenly_spread(len(pairs), most)]
