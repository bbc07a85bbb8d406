import json

import numpy as np
import pytest
from PIL import Image

from diptych.config import load_recipe
from diptych.data.domains import find_domains
from diptych.data.layouts import find_pairs
from diptych.errors import DiptychError
from diptych.evaluation.labels import fcn
from diptych.evaluation.labels.fcn import CEILING, label_judge
from diptych.experiments.arms import EXPERIMENTS, find_experiment
from diptych.experiments.experiment_page import (
    published_table,
    results_table,
    write_experiment_page,
)
from diptych.experiments.reproduce import reproduce, write_results

COLOURS = np.array([[0, 0, 170], [0, 200, 0], [220, 60, 0]], np.uint8)
TINY = {
    "data.load_size": 64,
    "data.crop_size": 64,
    "generator.base_channels": 2,
    "discriminator.base_channels": 2,
    "train.steps": 2,
    "train.batch_size": 2,
}


@pytest.fixture
def labelled(tmp_path):
    """Photo | labels: stripes of three classes, the photo a noisy version in other colours."""
    random = np.random.default_rng(0)
    root = tmp_path / "stripes"
    for split, count in (("train", 8), ("test", 3)):
        (root / split).mkdir(parents=True)
        for i in range(count):
            classes = np.repeat(random.integers(0, 3, (8, 8)), 8, axis=0).repeat(8, axis=1)
            labels = COLOURS[classes]
            photo = (255 - labels // 2 + random.integers(-20, 20, labels.shape)).clip(0, 255)
            pair = np.concatenate([photo.astype(np.uint8), labels], axis=1)
            Image.fromarray(pair).save(root / split / f"{i}.png")
    return root


def judge(data, recipe, file, **options):
    paired = find_pairs(data, recipe)
    return label_judge(paired, find_domains(paired, recipe), recipe, (64, 64), file, **options)


def tiny(name, **more):
    return load_recipe(find_experiment(name).recipe, TINY | more)


@pytest.mark.slow
def test_every_arm_is_trained_scored_and_kept(labelled, tmp_path):
    out, recipe = tmp_path / "out", tiny("losses")
    # Trained shortly beforehand: the experiment takes the segmenter that it finds.
    judge(labelled, recipe, out / "segmenter.safetensors", steps=30)
    done = reproduce("losses", labelled, out, recipe, device="cpu")
    assert done is not None
    assert [arm.name for arm in done.arms] == ["L1", "GAN", "cGAN", "L1+GAN", "L1+cGAN"]
    assert (done.split, done.pairs) == ("test", (7, 3))
    for arm in done.arms:
        assert arm.steps == 2
        assert arm.scores["l1"].count == 3
        assert set(arm.segmentation) == {CEILING, "translated"}
        assert set(arm.histograms) == {"L", "a", "b"}
    assert len({arm.segmentation[CEILING] for arm in done.arms}) == 1, "one judge for all"
    assert len({arm.scores["l1"].mean for arm in done.arms}) > 1
    assert done.recipe.train.precision == "fp32", "on every machine"

    before = {path: path.stat().st_mtime_ns for path in out.rglob("checkpoints/*")}
    again = reproduce("losses", labelled, out, recipe, device="cpu")
    assert again is not None
    assert [arm.scores for arm in again.arms] == [arm.scores for arm in done.arms]
    assert {path: path.stat().st_mtime_ns for path in before} == before, "nothing trained twice"

    write_results(tmp_path / "results.json", done)
    content = json.loads((tmp_path / "results.json").read_text("utf-8"))
    assert content["arms"][0]["segmentation"]["translated"].keys() == {
        "pixel_accuracy",
        "class_accuracy",
        "class_iou",
    }
    write_experiment_page(tmp_path / "report.html", done)
    page = (tmp_path / "report.html").read_text("utf-8")
    assert "http" not in page.replace("http-equiv", "")
    assert page.count("<img") == 3 * (5 + 2)
    assert "The paper, for comparison only" in page

    table = results_table(done)
    assert [row[0] for row in table.rows] == ["real photos", *EXPERIMENTS["losses"].arms]
    assert {len(row) for row in table.rows} == {len(table.headings)}
    brief = results_table(done, brief=True)
    assert {len(row) for row in brief.rows} == {len(brief.headings)}
    assert sum(max(len(row[i]) for row in brief.rows) + 2 for i in range(len(brief.headings))) <= 80
    paper = published_table(done)
    assert paper is not None
    assert ["L1+cGAN", "0.66", "0.23", "0.17"] in [list(row) for row in paper.rows]


@pytest.mark.slow
def test_larger_pictures_are_scored_beside_those_of_the_crop(labelled, tmp_path, monkeypatch):
    train = fcn.train_segmenter  # some steps of it: how well it tells labels does not matter here
    monkeypatch.setattr(
        fcn, "train_segmenter", lambda *a, **given: train(*a, **given | {"steps": 5})
    )
    recipe = tiny("maps512", **{"data.domains": ("satellite", "map")})
    done = reproduce("maps512", labelled, tmp_path / "out", recipe, device="cpu")
    assert done is not None
    assert [(arm.name, arm.size) for arm in done.arms[:2]] == [
        ("satellite -> map", 64),
        ("satellite -> map, at 128 px", 128),
    ]
    assert done.arms[1].rows[0].translated.shape == (128, 128, 3)
    write_experiment_page(tmp_path / "report.html", done)


def test_an_arm_that_does_not_fit_stops_all_of_them_first(labelled, tmp_path):
    recipe = tiny("receptive-fields", **{"data.crop_size": 32, "data.load_size": 32})
    with pytest.raises(DiptychError, match="receptive_field 286 is too deep"):
        reproduce("receptive-fields", labelled, tmp_path / "out", recipe, device="cpu")
    assert not (tmp_path / "out").exists()


def test_a_dry_run_says_what_every_arm_takes_and_trains_nothing(run, labelled, tmp_path):
    changes = [word for key, value in TINY.items() for word in ("--set", f"{key}={value}")]
    words = ["reproduce", "losses", "--data", labelled, "--out", tmp_path / "out", *changes]
    status, said, _ = run(*words, "--dry-run")
    assert status == 0
    for arm in find_experiment("losses").arms:
        assert f"  {arm:8}  about 0 s for 2 steps" in said
    assert "8 train" in said
    assert "  together  " in said
    assert said.endswith("Nothing was trained: this was a dry run.\n")
    assert not (tmp_path / "out").exists()


def test_an_unknown_experiment_names_the_known():
    with pytest.raises(DiptychError, match="one of losses, generators, receptive-fields, maps512"):
        find_experiment("loss")


def test_pictures_without_labels_have_no_such_score(shared_data, tmp_path):
    recipe = load_recipe("sketch")
    with pytest.raises(DiptychError, match="no labels to score by"):
        judge(shared_data / "bsds500", recipe, tmp_path / "s.safetensors")


def test_a_segmenter_of_other_pairs_is_refused(labelled, tmp_path):
    recipe, file = tiny("losses"), tmp_path / "segmenter.safetensors"
    judge(labelled, recipe, file, steps=2)
    (labelled / "train" / "7.png").unlink()
    with pytest.raises(DiptychError, match="a segmenter of other pairs"):
        judge(labelled, recipe, file)
