import numpy as np
import pytest

from diptych.errors import DiptychError
from diptych.evaluation.labels.confusion import (
    SegmentationScores,
    confusion_matrix,
    segmentation_scores,
)
from diptych.evaluation.scores import Scorer
from diptych.evaluation.units import score_in_domain
from diptych.images.domain import Domain


def test_scores_by_hand():
    truth = np.array([[[0, 0, 0, 1]], [[3, 3, 3, 3]]])
    seen = np.array([[[0, 0, 1, 1]], [[1, 2, 3, 3]]])
    rows = [[2, 1, 0, 0], [0, 1, 0, 0], [0, 0, 0, 0], [0, 1, 1, 2]]
    assert confusion_matrix(seen, truth, 4).tolist() == rows
    assert segmentation_scores(seen, truth, 4) == SegmentationScores(
        pixel_accuracy=5 / 8,
        class_accuracy=pytest.approx((2 / 3 + 1 + 2 / 4) / 3),  # class 2 is not in the truth
        class_iou=pytest.approx((2 / 3 + 1 / 3 + 0 + 2 / 4) / 4),  # but in the prediction
    )


def test_scores_are_of_the_whole_set():
    """Not a mean over pictures, where a class that fills one picture counts as much again."""
    truth, seen = np.zeros((2, 2, 2), np.uint8), np.zeros((2, 2, 2), np.uint8)
    truth[0, 0, 0] = seen[1] = 1
    scores = segmentation_scores(seen, truth, 2)
    assert scores.pixel_accuracy == 3 / 8
    assert scores.class_accuracy == pytest.approx((3 / 7 + 0) / 2)


def test_perfect_scores_and_many_classes():
    classes = np.arange(256, dtype=np.uint8).reshape(1, 16, 16)
    assert segmentation_scores(classes, classes, 256) == SegmentationScores(1, 1, 1)


def test_labels_of_one_picture_have_the_same_scores():
    classes = Domain(name="classes", kind="labels", channels=4)
    truth = np.array([[[0], [0], [0], [1]], [[3], [3], [3], [3]]], np.uint8)
    seen = np.array([[[0], [0], [1], [1]], [[1], [2], [3], [3]]], np.uint8)
    (scores,) = score_in_domain(Scorer(), seen[None], truth[None], classes)
    assert scores["accuracy"] == 5 / 8
    assert scores["iou"] == pytest.approx((2 / 3 + 1 / 3 + 0 + 2 / 4) / 4)


def test_scores_of_different_shapes():
    with pytest.raises(DiptychError, match="one shape"):
        segmentation_scores(np.zeros((1, 2, 3), int), np.zeros((1, 3, 2), int), 2)
    with pytest.raises(DiptychError, match="and a pixel"):
        segmentation_scores(np.zeros((0, 2, 3), int), np.zeros((0, 2, 3), int), 2)


def test_pixels_without_a_class_have_no_part_in_scores():
    classes = Domain(name="B", kind="labels", channels=3, nodata=255)
    truth = np.zeros((1, 16, 16, 1), np.uint8)
    truth[:, 8:] = 255
    seen = np.zeros_like(truth)
    seen[:, 4:] = 1
    (scores,) = score_in_domain(Scorer(), seen, truth, classes)
    assert (scores["accuracy"], scores["iou"]) == (0.5, 0.25)
    seen[:, 8:] = 2
    assert score_in_domain(Scorer(), seen, truth, classes) == [scores]
    truth[:] = 255
    (scores,) = score_in_domain(Scorer(), seen, truth, classes)
    assert not {"accuracy", "iou"} & scores.keys()
