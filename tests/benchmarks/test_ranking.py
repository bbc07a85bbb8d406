import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy import stats

from diptych.evaluation.scores import Scorer, default_scorer

sys.path.append(str(Path(__file__).parents[2] / "benchmarks"))

import ranking


def test_spearman_as_scipy_has_it_with_equals_too():
    random = np.random.default_rng(0)
    for x, y in (random.normal(size=(2, 30)), random.integers(0, 5, (2, 30))):
        assert ranking.spearman(x, y) == pytest.approx(stats.spearmanr(x, y).statistic, abs=6e-4)
    assert np.isnan(ranking.spearman(np.ones(3), np.arange(3)))


def test_agreement_worked_out_by_hand():
    lpips = np.array([[0.1, 0.2], [0.3, 0.4], [0.5, 0.6]])  # three runs, two targets
    ranks = {"lpips": lpips, "features": 2 * lpips, "ssim": 1 - lpips, "l1": lpips[[1, 0, 2]]}
    perfect = {"pictures": 1, "of_one_target": 1, "runs": 1, "twos_alike": 1, "regret": 0}
    assert ranking.agreement(ranks, "features") == perfect
    assert ranking.agreement(ranks, "ssim") == perfect, "higher is better there"
    other = ranking.agreement(ranks, "l1")
    assert other["runs"] == other["of_one_target"] == 0.5
    assert other["twos_alike"] == pytest.approx(2 / 3, abs=1e-3)
    assert other["regret"] == 0.2, "it would choose the second"


def draw(folder: Path, sigma: float) -> dict[str, np.ndarray]:
    folder.mkdir(parents=True)
    pictures = {}
    for number in range(2):
        right = np.kron(
            np.random.default_rng(number).integers(0, 256, (8, 8, 3)), np.ones((6, 6, 1))
        )
        noise = np.random.default_rng(9).normal(0, sigma, right.shape)
        pictures[f"{number}"] = np.clip(right + noise, 0, 255).astype(np.uint8)
        Image.fromarray(pictures[f"{number}"]).save(folder / f"{number}.png")
    return pictures


@pytest.fixture
def scorer(shared_data: Path, monkeypatch) -> Scorer:
    monkeypatch.setenv("DIPTYCH_WEIGHTS", str(shared_data / "weights"))
    return default_scorer()


def test_runs_that_were_stored_and_folders_score_alike(tmp_path, scorer):
    targets = draw(tmp_path / "targets", 0)
    for arm, sigma in (("good", 5), ("fair", 20), ("bad", 60)):
        results = draw(tmp_path / "arms" / arm, sigma)
        stored = tmp_path / "out" / "set" / arm / "pictures.npz"
        stored.parent.mkdir(parents=True)
        both = {"result": results, "target": targets}
        np.savez(stored, **{f"{k}:{name}": p for k, of in both.items() for name, p in of.items()})
    folders = sorted((tmp_path / "arms").iterdir())
    (one,) = ranking.scored(ranking.folder_runs(folders, tmp_path / "targets"), scorer).values()
    (other,) = ranking.scored(ranking.stored_runs([tmp_path / "out"]), scorer).values()
    assert one["targets"] == other["targets"] == 2
    assert list(one["runs"]) == ["bad", "fair", "good"]
    for arm, scores in one["runs"].items():
        assert scores == other["runs"][f"set/{arm}"]
    ranks = {key: np.array([run[key] for run in one["runs"].values()]) for key in scores}
    assert ranking.agreement(ranks, "features")["runs"] == 1


def test_what_is_missing_is_named(tmp_path):
    draw(tmp_path / "targets", 0)
    draw(tmp_path / "arm", 5)
    (tmp_path / "arm" / "1.png").unlink()
    with pytest.raises(ranking.DiptychError, match="arm: nothing for the target 1"):
        list(ranking.folder_runs([tmp_path / "arm"], tmp_path / "targets"))
