import numpy as np
import pytest
import torch
from torchmetrics.functional.classification import (
    multiclass_accuracy,
    multiclass_jaccard_index,
)

from diptych.errors import DiptychError
from diptych.evaluation.labels.confusion import (
    SegmentationScores,
    confusion_matrix,
    segmentation_scores,
)
from diptych.evaluation.scores import Scorer
from diptych.evaluation.summary import Interval, PictureScores, differences, summarise
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
    assert scores["class_accuracy"] == pytest.approx((2 / 3 + 1 + 2 / 4) / 3)
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


def labelled(seen: np.ndarray, truth: np.ndarray, classes: int) -> list[PictureScores]:
    domain = Domain(name="classes", kind="labels", channels=classes)
    return score_in_domain(Scorer(), seen[..., None], truth[..., None], domain)


def drawn(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Predictions and truth of five classes, of which some pictures have but two or three."""
    random = np.random.default_rng(0)
    truth = random.integers(0, 5, (count, 32, 32)) % random.integers(2, 6, (count, 1, 1))
    seen = np.where(random.random(truth.shape) < 0.7, truth, random.integers(0, 5, truth.shape))
    return seen.astype(np.uint8), truth.astype(np.uint8)


def test_scores_of_a_set_are_those_of_the_field():
    seen, truth = drawn(6)
    found = summarise(labelled(seen, truth, 5))
    pair = torch.from_numpy(seen).long(), torch.from_numpy(truth).long()
    options = {"num_classes": 5, "average": "macro"}
    assert found["iou"].mean == pytest.approx(multiclass_jaccard_index(*pair, **options).item())
    assert found["class_accuracy"].mean == pytest.approx(
        multiclass_accuracy(*pair, **options).item()
    )
    assert found["accuracy"].mean == (seen == truth).mean()


def test_a_class_that_hardly_shows_in_a_picture_does_not_count_as_much_there_as_in_all_others():
    """By pictures' means a stray pixel halves a picture's IoU."""
    truth = np.zeros((9, 32, 32), np.uint8)
    truth[0] = 1
    seen = truth.copy()
    seen[1:, 0, 0] = 1
    scores = labelled(seen, truth, 2)
    assert np.mean([image["iou"] for image in scores]) < 0.56
    assert summarise(scores)["iou"].mean == pytest.approx((8 * 1023 / 8192 + 1024 / 1032) / 2)


def test_perfect_classes_score_exactly_1_and_leave_no_doubt():
    _, truth = drawn(4)
    found = summarise(labelled(truth, truth, 5))
    for name in ("accuracy", "class_accuracy", "iou"):
        assert found[name] == Interval(1, 1, 1, 4)


def test_the_interval_of_a_set_is_that_of_the_jackknife():
    seen, truth = drawn(5)
    scores = labelled(seen, truth, 5)
    without = [
        segmentation_scores(np.delete(seen, i, 0), np.delete(truth, i, 0), 5).class_iou
        for i in range(5)
    ]
    error = np.std(without) * np.sqrt(4)
    found = summarise(scores)["iou"]
    assert (found.high - found.low) / 2 == pytest.approx(2.7764 * error)
    other = labelled(np.roll(seen, 1, axis=2), truth, 5)
    higher = differences(scores, other)["iou"]
    assert higher.mean == pytest.approx(found.mean - summarise(other)["iou"].mean)
    assert 0 < higher.low < higher.mean
