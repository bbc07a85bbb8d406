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
    """One dict of scores for each of `(N, H, W, C)`, keyed as `scores.METRICS`.

    Values: `mae` and `rmse` in their own units where the target has data (absent for a picture that
    has none). Labels: `accuracy`, and `iou`, the mean over the classes that either has. Raises
    DiptychError where sizes differ.
    """
    if translated.shape != target.shape:
        raise DiptychError(
            f"translated {translated.shape} and targets {target.shape} (N, H, W, C) differ"
        )
    scores = scorer(displayed(translated, domain), displayed(target, domain))
    if domain.is_picture:
        return scores
    own = _errors if domain.kind == "values" else _agreement
    return [
        image | own(ours, theirs, domain)
        for image, ours, theirs in zip(scores, translated, target, strict=True)
    ]


def _errors(translated: np.ndarray, target: np.ndarray, domain: Domain) -> dict[str, float]:
    compared = np.ones(target.shape, bool)  # where either holds nothing there is nothing to
    for values in (translated, target):
        has_data = data_mask(torch.from_numpy(values.astype(np.float32))[None], domain)
        if has_data is not None:
            compared &= has_data[0].numpy()
    difference = (translated.astype(np.float64) - target)[compared]
    if not difference.size:
        return {}
    return {
        "mae": float(np.abs(difference).mean()),
        "rmse": float(np.sqrt(np.square(difference).mean())),
    }


def _agreement(translated: np.ndarray, target: np.ndarray, domain: Domain) -> dict[str, float]:
    scores = segmentation_scores(translated[None], target[None], domain.channels)
    return {"accuracy": scores.pixel_accuracy, "iou": scores.class_iou}
