"""The confusion matrix of classes, and the scores of the paper's tables that come from it."""

import warnings
from dataclasses import dataclass

import numpy as np

from diptych.errors import DiptychError


@dataclass(frozen=True)
class SegmentationScores:
    """Of a set of pictures, each from 0 to 1, as the paper's tables have them."""

    pixel_accuracy: float  # share of the pixels that are right
    class_accuracy: float  # share of a class's pixels that are right, mean over classes
    class_iou: float  # intersection over union of a class's areas, mean over classes


def confusion_matrix(predicted: np.ndarray, truth: np.ndarray, count: int) -> np.ndarray:
    """How many pixels of each true class (rows) were taken for each class (columns).

    Of integers `(N, H, W)` or `(N, H, W, 1)` below `count`, of classes, comes int64
    `(count, count)`, over all pixels of all pictures. Raises DiptychError where the shapes differ,
    or there is no pixel.
    """
    if predicted.shape != truth.shape or not truth.size:
        raise DiptychError(
            f"predicted classes {predicted.shape} and true ones {truth.shape} (N, H, W) "
            "have to have one shape, and a pixel"
        )
    confusion = np.zeros((count, count), np.int64)
    for ours, theirs in zip(predicted, truth, strict=True):  # what bounds the memory
        places = theirs.astype(np.int64).ravel() * count + ours.ravel()
        confusion += np.bincount(places, minlength=count**2).reshape(count, count)
    return confusion


def areas(predicted: np.ndarray, truth: np.ndarray, count: int) -> np.ndarray:
    """What all scores come from, `(3, count)`: of each class the pixels that are right, that the
    truth has and that the prediction has. Those of several pictures add up to those of the set.

    Arguments and errors are those of `confusion_matrix`.
    """
    confusion = confusion_matrix(predicted, truth, count)
    return np.stack([confusion.diagonal(), confusion.sum(axis=1), confusion.sum(axis=0)])


def area_scores(areas: np.ndarray) -> np.ndarray:
    """Of `(..., 3, count)`: `(..., 3)`, pixel accuracy, class accuracy, class IoU.

    The mean of the accuracy is over the classes that the truth has: of others there is nothing to
    find. The mean of the IoU is over those that the truth or the prediction has: a class that is
    seen where it never is counts 0. NaN where there is no pixel.
    """
    right, actual, claimed = np.moveaxis(areas, -2, 0)
    pixels = right.sum(axis=-1) / _or_nan(actual.sum(axis=-1))
    each = [right / _or_nan(whole) for whole in (actual, actual + claimed - right)]
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Mean of empty slice", RuntimeWarning)
        return np.stack([pixels, *(np.nanmean(shares, axis=-1) for shares in each)], axis=-1)


def segmentation_scores(predicted: np.ndarray, truth: np.ndarray, count: int) -> SegmentationScores:
    """Scores from one confusion matrix over all pixels of all pictures (Long et al., FCN, 2015).

    Arguments and errors are those of `confusion_matrix`; the means are those of `area_scores`.
    """
    return scores_of(areas(predicted, truth, count))


def scores_of(areas: np.ndarray) -> SegmentationScores:
    """The scores of a set of whose `areas` these are the sum."""
    return SegmentationScores(*area_scores(areas).tolist())


def _or_nan(counts: np.ndarray) -> np.ndarray:
    return np.where(counts > 0, counts, np.nan)
