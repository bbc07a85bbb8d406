import math
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from scipy import stats

from diptych.errors import DiptychError
from diptych.evaluation.scores import Scorer, default_scorer
from diptych.evaluation.summary import (
    METRICS,
    Interval,
    chosen_alike,
    chosen_by,
    differences,
    interval_of,
    main_metric,
    selection_score,
    summarise,
)

ALWAYS = {"l1", "psnr", "ssim", "features"}  # measured without any download


def pictures(n: int, height: int = 16, width: int = 16, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (n, height, width, 3), np.uint8)


@pytest.fixture
def with_weights(shared_data: Path, monkeypatch: pytest.MonkeyPatch) -> Scorer:
    monkeypatch.setenv("DIPTYCH_WEIGHTS", str(shared_data / "weights"))
    return default_scorer()


@pytest.fixture
def no_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DIPTYCH_WEIGHTS", raising=False)
    monkeypatch.setattr("platformdirs.user_data_path", lambda name: tmp_path)


def test_metrics_describe_every_score(with_weights: Scorer) -> None:
    (scores,) = with_weights(pictures(1), pictures(1, seed=1))
    assert list(scores) == [name for name in METRICS if name in ALWAYS | {"lpips"}]
    (with_border,) = Scorer(border=4)(pictures(1), pictures(1, seed=1))
    assert set(with_border) == ALWAYS | {"psnr_y"}
    assert all(METRICS[name].name == name for name in METRICS)


def test_better_says_which_way_a_better_picture_moves(with_weights: Scorer) -> None:
    target = np.kron(pictures(1, 8, 8), np.ones((1, 8, 8, 1), np.uint8))
    noise = np.random.default_rng(1).normal(0, 1, target.shape)
    close, far = (
        with_weights(np.clip(target + noise * s, 0, 255).astype(np.uint8), target)[0]
        for s in (5, 50)
    )
    for name in close:
        metric = METRICS[name]
        assert (close[name] < far[name]) == (metric.better == "lower")
    assert selection_score(close) < selection_score(far)


def test_scores_what_the_lpips_package_scores(shared_data: Path, with_weights: Scorer) -> None:
    pairs = []
    for number in (1, 2, 3):
        with Image.open(shared_data / "facades" / "test" / f"{number}.jpg") as image:
            pairs.append(np.asarray(image.convert("RGB")))
    pair = np.stack(pairs)
    scores = with_weights(pair[:, :, :256], pair[:, :, 256:])
    assert [s["lpips"] for s in scores] == pytest.approx([0.747390, 0.733903, 0.633790], abs=1e-5)


def test_each_image_scores_alone_however_they_are_chunked(monkeypatch: pytest.MonkeyPatch) -> None:
    x, y = pictures(5), pictures(5, seed=1)
    whole, scorer = Scorer()(x, y), Scorer()
    same = [pytest.approx(scores, rel=1e-5) for scores in whole]  # a network's sums are in fp32
    monkeypatch.setattr(Scorer, "_BUDGET", 2 * 16 * 16)
    assert scorer(x, y) == same
    monkeypatch.setattr(Scorer, "_BUDGET", 1)
    assert scorer(x, y) == same
    assert scorer(x[3:4], y[3:4]) == same[3:4]


def test_takes_read_only_and_reversed_arrays_and_none_at_all() -> None:
    x, y = pictures(2), pictures(2, seed=1)
    scorer = Scorer()
    expected = scorer(x[..., ::-1].copy(), y[..., ::-1].copy())
    x.flags.writeable = False
    assert scorer(x[..., ::-1], y[..., ::-1]) == expected
    assert scorer(x[:0], y[:0]) == []


@pytest.mark.parametrize(("height", "width"), [(1, 1), (4, 40), (30, 31)])
def test_small_pictures_get_every_score(with_weights: Scorer, height: int, width: int) -> None:
    x, y = pictures(2, height, width), pictures(2, height, width, seed=1)
    for scores in with_weights(x, y):
        assert all(math.isfinite(value) for value in scores.values())
        assert scores["lpips"] > 0
        assert scores["features"] > 0
    perfect = {"l1": 0, "psnr": 100, "ssim": 1, "features": 0, "lpips": 0}
    assert with_weights(x, x)[0] == pytest.approx(perfect)


def test_scoring_leaves_no_graph_and_the_random_state_alone(with_weights: Scorer) -> None:
    before = torch.get_rng_state()
    with_weights(pictures(1), pictures(1, seed=1))
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize(
    ("x", "y", "message"),
    [
        (pictures(2), pictures(3), "differ in number or size"),
        (pictures(2).astype(np.float32), pictures(2), "8-bit pictures"),
        (pictures(2), pictures(2)[0], "8-bit pictures"),
        (pictures(2)[..., :1], pictures(2)[..., :1], "8-bit pictures"),
    ],
)
def test_says_which_pictures_it_takes(x: np.ndarray, y: np.ndarray, message: str) -> None:
    with pytest.raises(DiptychError, match=message):
        Scorer()(x, y)


@pytest.mark.usefixtures("no_weights")
def test_without_weights_scores_without_lpips() -> None:
    (scores,) = default_scorer()(pictures(1), pictures(1, seed=1))
    assert scores.keys() == ALWAYS


def test_targets_seen_once_give_the_same_scores_to_whatever_is_held_against_them() -> None:
    scorer, x, y = Scorer(border=2), pictures(3), pictures(3, seed=1)
    seen = scorer.look_at(y)
    alone = [scorer(x[i : i + 1], y[i : i + 1])[0] for i in range(3)]
    for again in (scorer.against(x, seen), scorer(x, y)):
        for one, other in zip(again, alone, strict=True):
            assert one == pytest.approx(other, rel=1e-5)
    (some,) = scorer.against(x[2:], seen[[2]])
    assert some == pytest.approx(alone[2], rel=1e-5)


@pytest.mark.parametrize("count", [2, 3, 5, 10, 11, 12, 30, 500])
def test_interval_is_students_t(count: int) -> None:
    values = np.random.default_rng(count).normal(0.4, 0.1, count)
    interval = interval_of(values)
    low, high = stats.t.interval(0.95, count - 1, values.mean(), stats.sem(values))
    assert interval.count == count
    assert interval.mean == pytest.approx(values.mean())
    assert (interval.low, interval.high) == pytest.approx((low, high), rel=1e-4)


def test_no_interval_ends_where_no_score_can_be() -> None:
    few = summarise([{"ssim": 0.2, "l1": 0.1, "psnr": 9.0}, {"ssim": 0.9, "l1": 0.3, "psnr": 20.0}])
    assert (few["ssim"].low, few["ssim"].high) == (-1, 1)
    assert few["l1"].low == few["psnr"].low == 0
    assert few["psnr"].high > 80  # which has no end
    gains = differences([{"ssim": 0.2}, {"ssim": 0.9}], [{"ssim": 0.9}, {"ssim": 0.1}])
    assert gains["ssim"].low < -1  # of differences


def test_interval_holds_the_true_mean_95_times_in_100() -> None:
    samples = np.random.default_rng(0).normal(0.4, 0.1, (4000, 6))
    intervals = map(interval_of, samples)
    held = np.mean([i.low <= 0.4 <= i.high for i in intervals])
    assert held == pytest.approx(0.95, abs=0.01)


def test_summary_of_one_image_of_none_and_of_uneven_ones() -> None:
    assert summarise([{"l1": 0.25}]) == {"l1": Interval(0.25, 0.25, 0.25, 1)}
    assert summarise([]) == {}
    uneven = summarise([{"l1": 0.1, "lpips": 0.3}, {"l1": 0.3}])
    assert (uneven["l1"].count, uneven["lpips"].count) == (2, 1)


def test_pictures_are_chosen_by_the_feature_distance_whatever_else_was_measured() -> None:
    assert selection_score({"l1": 0.1, "ssim": 0.7, "features": 0.6}) == 0.6
    assert selection_score({"l1": 0.1, "ssim": 0.7, "features": 0.6, "lpips": 0.4}) == 0.6
    assert selection_score({"features": 0.6, "mae": 3.5, "rmse": 4}) == 3.5
    assert selection_score({"features": 0.6, "accuracy": 0.9, "iou": 0.75}) == 0.25
    for by_pixels in ({"l1": 0.1, "ssim": 0.7}, {"l1": 0.1, "ssim": 0.7, "lpips": 0.4}, {}):
        assert chosen_by(by_pixels) is None
        with pytest.raises(ValueError, match="no model is chosen by"):
            selection_score(by_pixels)


def test_an_iou_from_before_is_not_compared_with_that_of_a_set() -> None:
    of_set = {"features": 0.6, "accuracy": 0.9, "class_accuracy": 0.8, "iou": 0.7}
    of_pictures = {"features": 0.6, "accuracy": 0.9, "iou": 0.75}
    assert chosen_alike(of_set, of_set)
    assert chosen_alike(of_pictures, of_pictures)
    assert not chosen_alike(of_pictures, of_set)
    assert not chosen_alike({"features": 0.6}, {"mae": 0.6})


def test_results_are_judged_by_what_nothing_learned_from_where_it_is_there() -> None:
    assert main_metric({"ssim": 0.7, "features": 0.6, "lpips": 0.4}) == "lpips"
    assert main_metric({"ssim": 0.7, "features": 0.6}) == "features"
    assert main_metric({"l1": 0.1, "ssim": 0.7}) == "ssim"
