"""What anybody has for nothing: pictures to hold a model's results against.

The bare source where it could pass for a result; bicubic enlargement; the mean colour; the target
of the training pair whose source looks most alike.
"""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from PIL import Image

from diptych.config import Recipe
from diptych.data.pairs import Pair, evenly_spread
from diptych.data.prepare import make_source
from diptych.images.encoding import CHROMA, decode
from diptych.images.files import resize
from diptych.images.lab import rgb_to_lab

# From a source `(H, W, 3 or 4)` uint8 and a (height, width), a picture of that size, uint8.
Baseline = Callable[[np.ndarray, tuple[int, int]], np.ndarray]

MOST_NEIGHBOURS = 1000  # training pairs that are looked at, evenly spread
SEEN = 16  # pixels a side at which sources are compared


def baselines(
    recipe: Recipe, domains: tuple[str, str], training: Sequence[Pair]
) -> dict[str, Baseline]:
    """The baselines that fit the recipe's task, under the names that tables show."""
    kind = recipe.derive.kind
    if kind == "degrade" and recipe.derive.scale > 1:
        return {"bicubic": _enlarged}
    if kind == "lightness":
        return {"mean colour": _MeanColour(training)} if training else {}
    if kind == "holes":
        return {"mean colour in the hole": _filled}
    found: dict[str, Baseline] = {f"bare {domains[0]}": _enlarged}
    if kind != "degrade" and training:
        found["nearest training pair"] = _Nearest(training, recipe)
    return found


def _enlarged(source: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    return np.asarray(resize(Image.fromarray(source), (size[1], size[0])))


def _filled(source: np.ndarray, size: tuple[int, int]) -> np.ndarray:  # noqa: ARG001
    known = source[..., 3] > 127
    mean = source[known, :3].mean(axis=0) if known.any() else np.full(3, 127.5)
    return np.where(known[..., None], source[..., :3], mean.round().astype(np.uint8))


class _MeanColour:
    """The training photos' mean a and b, under the lightness of the source."""

    def __init__(self, training: Sequence[Pair]) -> None:
        means = []
        for pair in _some(training, 100):
            photo = np.asarray(resize(pair.target.read(), (64, 64)))
            lab = rgb_to_lab(torch.from_numpy(photo.copy()).movedim(-1, 0).float() / 255)
            means.append(lab[1:].mean(dim=(1, 2)))
        self.mean = torch.stack(means).mean(dim=0) / CHROMA

    def __call__(self, source: np.ndarray, size: tuple[int, int]) -> np.ndarray:
        chroma = self.mean.view(1, 2, 1, 1).expand(1, 2, *size)
        return np.asarray(decode(chroma, "chroma", torch.from_numpy(source[None].copy()))[0])


class _Nearest:
    """The target of the training pair whose source looks most alike, much reduced."""

    def __init__(self, training: Sequence[Pair], recipe: Recipe) -> None:
        self.pairs = _some(training, MOST_NEIGHBOURS)
        derived = recipe.derive.kind != "none"
        self.seen = np.stack(
            [
                self._seen(
                    make_source(pair, recipe, recipe.data.crop_size)[0]
                    if derived
                    else np.asarray(pair.source.read())
                )
                for pair in self.pairs
            ]
        )

    @staticmethod
    def _seen(source: np.ndarray) -> np.ndarray:
        small = resize(Image.fromarray(source[..., :3]), (SEEN, SEEN))
        return np.asarray(small).astype(np.float32)

    def __call__(self, source: np.ndarray, size: tuple[int, int]) -> np.ndarray:
        distances = np.square(self.seen - self._seen(source)).mean(axis=(1, 2, 3))
        nearest = self.pairs[int(distances.argmin())].target.read()
        return np.asarray(resize(nearest, (size[1], size[0])))


def _some(pairs: Sequence[Pair], most: int) -> list[Pair]:
    return [pairs[i] for i in evenly_spread(len(pairs), most)]
