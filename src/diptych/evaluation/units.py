"""Scores of what is no picture: values in units of their own, and classes.

They come beside the scores of the pictures that a person would see (`images.display`).
"""

import numpy as np
import torch

from diptych.errors import DiptychError
from diptych.evaluation.labels.confusion import area_scores, areas
from diptych.evaluation.scores import Scorer, Seen
from diptych.evaluation.summary import OF_CLASSES, PictureScores
from diptych.images.display import displayed
from diptych.images.domain import Domain
from diptych.images.encoding import data_mask


def score_in_domain(
    scorer: Scorer,
    translated: np.ndarray,
    target: np.ndarray,
    domain: Domain,
    seen: Seen | None = None,
) -> list[PictureScores]:
    """The scores of each of `(N, H, W, C)`; `seen`: what the scorer saw of the targets before.

    Values: `mae` and `rmse` in their own units. Labels: `accuracy`, `class_accuracy` and `iou`, as
    `area_scores` has them, and the areas that those of a set are made of. Both where target and
    translated have data, and absent for a picture where they have none; in pictures the target
    stands there on both sides. Raises DiptychError where sizes differ.
    """
    if translated.shape != target.shape:
        raise DiptychError(
            f"translated {translated.shape} and targets {target.shape} (N, H, W, C) differ"
        )
    shown, right = displayed(translated, domain), displayed(target, domain)
    known = None
    if not domain.is_picture:
        known = _has_data(translated, domain) & _has_data(target, domain)
        shown = np.where(known.any(axis=-1, keepdims=True), shown, right)
    found = scorer(shown, right) if seen is None else scorer.against(shown, seen)
    scores = [PictureScores(each) for each in found]
    if known is None:
        return scores
    own = _errors if domain.kind == "values" else _agreement
    return [
        own(image, ours[compared], theirs[compared], domain) if compared.any() else image
        for image, ours, theirs, compared in zip(scores, translated, target, known, strict=True)
    ]


def _has_data(values: np.ndarray, domain: Domain) -> np.ndarray:
    mask = data_mask(torch.from_numpy(values.astype(np.float32)), domain)
    return np.ones(values.shape, bool) if mask is None else mask.numpy()


def _errors(
    scores: PictureScores, translated: np.ndarray, target: np.ndarray, _: Domain
) -> PictureScores:
    difference = translated.astype(np.float64) - target
    scores["mae"] = float(np.abs(difference).mean())
    scores["rmse"] = float(np.sqrt(np.square(difference).mean()))
    return scores


def _agreement(
    scores: PictureScores, translated: np.ndarray, target: np.ndarray, domain: Domain
) -> PictureScores:
    scores.areas = areas(translated[None], target[None], domain.channels)
    scores.update(zip(OF_CLASSES, area_scores(scores.areas).tolist(), strict=True))
    return scores
