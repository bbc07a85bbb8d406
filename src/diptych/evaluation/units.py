"""Scores of what is no picture: values in units of their own, and classes.

They come beside the scores of the pictures that a person would see (`images.display`).
"""

import numpy as np
import torch

from diptych.errors import DiptychError
from diptych.evaluation.labels.confusion import segmentation_scores
from diptych.evaluation.scores import Scorer
from diptych.images.display import displayed
from diptych.images.domain import Domain
from diptych.images.encoding import data_mask


def score_in_domain(
    scorer: Scorer, translated: np.ndarray, target: np.ndarray, domain: Domain
) -> list[dict[str, float]]:
    """One dict of scores for each of `(N, H, W, C)`, keyed as `summary.METRICS`.

    Values: `mae` and `rmse` in their own units. Labels: `accuracy`, and `iou`, the mean over the
    classes that either has. Both where target and translated have data, and absent for a picture
    where they have none; in pictures the target stands there on both sides. Raises DiptychError
    where sizes differ.
    """
    if translated.shape != target.shape:
        raise DiptychError(
            f"translated {translated.shape} and targets {target.shape} (N, H, W, C) differ"
        )
    shown, right = displayed(translated, domain), displayed(target, domain)
    if domain.is_picture:
        return scorer(shown, right)
    known = _has_data(translated, domain) & _has_data(target, domain)
    scores = scorer(np.where(known.any(axis=-1, keepdims=True), shown, right), right)
    own = _errors if domain.kind == "values" else _agreement
    return [
        image | (own(ours[compared], theirs[compared], domain) if compared.any() else {})
        for image, ours, theirs, compared in zip(scores, translated, target, known, strict=True)
    ]


def _has_data(values: np.ndarray, domain: Domain) -> np.ndarray:
    mask = data_mask(torch.from_numpy(values.astype(np.float32)), domain)
    return np.ones(values.shape, bool) if mask is None else mask.numpy()


def _errors(translated: np.ndarray, target: np.ndarray, _: Domain) -> dict[str, float]:
    difference = translated.astype(np.float64) - target
    return {
        "mae": float(np.abs(difference).mean()),
        "rmse": float(np.sqrt(np.square(difference).mean())),
    }


def _agreement(translated: np.ndarray, target: np.ndarray, domain: Domain) -> dict[str, float]:
    scores = segmentation_scores(translated[None], target[None], domain.channels)
    return {"accuracy": scores.pixel_accuracy, "iou": scores.class_iou}
