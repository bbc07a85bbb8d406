"""What anybody has for nothing: results to hold a model's against.

The bare source where it could pass for a result; bicubic enlargement; the mean colour; the target
of the training pair whose source looks most alike; the mean of the training targets.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial

import numpy as np
import torch

from diptych.data.domains import Domains
from diptych.data.fitting import Fit, Size, fit_to_look
from diptych.data.pairs import Pair, evenly_spread
from diptych.data.prepare import prepared
from diptych.evaluation.scores import Scorer, Seen
from diptych.evaluation.summary import PictureScores
from diptych.evaluation.units import score_in_domain
from diptych.images.arrays import as_type, resized
from diptych.images.display import displayed
from diptych.images.domain import Domain
from diptych.images.encoding import CHROMA, decode
from diptych.images.lab import rgb_to_lab
from diptych.images.rgb import as_array, as_image, in_colours, resize
from diptych.schema import Recipe

# From an array of the source's domain and a size, an array of the target's domain of that size.
Baseline = Callable[[np.ndarray, Size], np.ndarray]

MOST_TRAINING = 1000  # training pairs that any looks at, evenly spread
MOST_AVERAGED = 200
MOST_COLOURED = 100
REDUCED = 16  # pixels a side at which sources are compared


def baselines(recipe: Recipe, domains: Domains, training: Sequence[Pair]) -> dict[str, Baseline]:
    """The baselines that fit the recipe's task, under the names that tables show.

    Of more than `MOST_TRAINING` pairs these look at so many, evenly spread.
    """
    training = evenly_spread(training, MOST_TRAINING)
    kind = recipe.derive.kind
    if kind == "degrade" and recipe.derive.scale > 1:
        return {"bicubic": _enlarged}
    if kind == "lightness":
        return {"mean colour": _mean_colour(training, domains)} if training else {}
    if kind == "holes":
        return {"mean colour in the hole": _filled}
    fitting: dict[str, Baseline] = {}
    if all(domain.is_picture for domain in domains):
        fitting[f"bare {domains[0].name}"] = partial(_bare, domains=domains)
    if kind != "degrade" and training:
        fitting["nearest training pair"] = _nearest(training, recipe, domains)
        if domains[1].kind == "values":
            fitting["mean of the training targets"] = _mean(training, recipe, domains)
    return fitting


def score_baselines(
    baselines: Mapping[str, Baseline],
    sources: Sequence[np.ndarray],
    targets: np.ndarray,
    scorer: Scorer,
    domain: Domain,
    seen: Seen | None = None,
) -> dict[str, list[PictureScores]]:
    """The scores of what each makes of every source; `targets` `(N, H, W, C)` are of `domain`.

    `seen`: what the scorer saw of the targets before.
    """
    height, width = targets.shape[1:3]
    made = {
        name: np.stack([baseline(source, (height, width)) for source in sources])
        for name, baseline in baselines.items()
    }
    return {name: score_in_domain(scorer, own, targets, domain, seen) for name, own in made.items()}


def _enlarged(source: np.ndarray, size: Size) -> np.ndarray:
    return as_array(resize(as_image(source), (size[1], size[0])))


def _bare(source: np.ndarray, size: Size, domains: Domains) -> np.ndarray:
    picture = as_image(displayed(source, domains[0]))
    return _enlarged(as_array(in_colours(picture, domains[1].kind)), size)


def _filled(source: np.ndarray, size: Size) -> np.ndarray:  # noqa: ARG001
    whole = source[..., 3] > 127
    mean = source[whole, :3].mean(axis=0) if whole.any() else np.full(3, 127.5)
    return np.where(whole[..., None], source[..., :3], mean.round().astype(np.uint8))


def _mean_colour(training: Sequence[Pair], domains: Domains) -> Baseline:
    """The training photos' mean a and b, under the lightness of the source."""
    means = []
    for pair in evenly_spread(training, MOST_COLOURED):
        _, photo = prepared(pair, domains, Fit("resize", (64, 64)))
        lab = rgb_to_lab(torch.from_numpy(photo.copy()).movedim(-1, 0).float() / 255)
        means.append(lab[1:].mean(dim=(1, 2)))
    mean = torch.stack(means).mean(dim=0).view(1, 2, 1, 1) / CHROMA

    def coloured(source: np.ndarray, size: Size) -> np.ndarray:
        lightness = torch.from_numpy(source[None].copy())
        return np.asarray(decode(mean.expand(1, 2, *size), domains[1], lightness)[0])

    return coloured


def _nearest(training: Sequence[Pair], recipe: Recipe, domains: Domains) -> Baseline:
    """The target of the training pair whose source looks most alike, much reduced."""

    def reduced(source: np.ndarray) -> np.ndarray:
        picture = displayed(source, domains[0])[..., :3]
        return _enlarged(picture, (REDUCED, REDUCED)).astype(np.float32)

    target = domains[1]
    at_size = partial(prepared, domains=domains, same_shape=recipe.data.shapes == "same")
    fit = fit_to_look(recipe.data, recipe.data.crop)
    sources = np.stack(
        [reduced(at_size(pair, fit=fit, settings=recipe.derive)[0]) for pair in training]
    )

    def nearest(source: np.ndarray, size: Size) -> np.ndarray:
        distances = np.square(sources - reduced(source)).mean(axis=(1, 2, 3))
        _, result = at_size(training[int(distances.argmin())], fit=fit_to_look(recipe.data, size))
        return as_type(result, target.dtype) if target.kind == "values" else result

    return nearest


def _mean(training: Sequence[Pair], recipe: Recipe, domains: Domains) -> Baseline:
    """The mean of the training targets, pixel by pixel, of what has data."""
    domain, same = domains[1], recipe.data.shapes == "same"
    chosen = evenly_spread(training, MOST_AVERAGED)
    fit = fit_to_look(recipe.data, recipe.data.crop)
    targets = np.stack(
        [prepared(pair, domains, fit, same_shape=same)[1] for pair in chosen]
    ).astype(np.float64)
    has_data = np.isfinite(targets)
    if domain.void is not None:
        has_data &= targets != domain.void
    total = np.where(has_data, targets, 0)
    overall = total.sum() / max(1, has_data.sum())
    count = has_data.sum(axis=0)
    mean = np.where(count, total.sum(axis=0) / np.maximum(count, 1), overall).astype(np.float32)
    return lambda _, size: as_type(resized(mean, size, domain), domain.dtype)
