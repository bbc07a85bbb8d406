"""Where a run's discriminator is to be had, and what a run shows of it on its way."""

import json
import shutil

import numpy as np
import pytest
from PIL import Image

from diptych.config import recipe_from
from diptych.errors import DiptychError
from diptych.evaluation.curves import read_log, run_curves
from diptych.model_file import read_header, read_model, write_model
from diptych.training import judge as judges
from diptych.training.checkpoint import latest_checkpoint
from diptych.training.judge import judge_of

LATE = {"loss.adversarial_from": 0.5, "train.epochs": 4, "train.validate_epochs": 1}


def widths(run) -> list[int]:
    """Of the previews, in their order."""
    found = []
    for path in sorted((run / "previews").glob("*.png")):
        with Image.open(path) as sheet:
            found.append(sheet.width)
    return found


def test_previews_and_film_show_it_in_sheets_of_one_size(learn):
    run = learn(changes=LATE).path
    assert widths(run) == [5 * (128 + 6) + 6] * len(widths(run))
    entries = [entry for entry in read_log(run / "log.jsonl") if "scores" in entry]
    told = ["taken_for_real" in entry for entry in entries]
    assert told == [False] * (len(told) - 2) + [True] * 2, "from half of the run on"
    assert {*entries[-1]["taken_for_real"]} == {"target", "translated"}
    labels = [curve.label for curve in run_curves(run / "log.jsonl")]
    assert labels[-2:] == ["Targets taken for real", "Translated taken for real"]
    page = (run / "report.html").read_text("utf-8")
    assert 'id="show-patches"' in page
    assert f"as it was at step {entries[-1]['step']}" in page


def test_one_key_hides_it_and_may_be_changed_on_the_way(learn, tmp_path):
    shown, hidden = (
        learn(changes={"train.preview_patches": on, "train.epochs": 1}, out=tmp_path / str(on))
        for on in (True, False)
    )
    assert widths(hidden.path)[0] < widths(shown.path)[0]
    more = learn(changes={"train.preview_patches": False, "train.epochs": 2}, out=tmp_path / "True")
    assert more.finished
    with Image.open(more.path / "progress.gif") as film:
        assert film.n_frames == len(widths(more.path))


def judge_parts(run):
    """Header, network and weights of the discriminator in the last checkpoint."""
    header = read_header(run / "model.safetensors")
    training = latest_checkpoint(run / "checkpoints")["training"]
    recipe = recipe_from(header.recipe, "")
    return header, *judges.discriminator_in(run, header, recipe, training)


def arrays(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (2, 32, 32, 3), np.uint8)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {
            "discriminator.name": "projected",
            "discriminator.receptive_field": 70,
            "loss.features": 5,
        },
        {"loss.adversarial": "gan"},
    ],
    ids=["patchgan", "projected", "gan"],
)
def test_that_of_a_checkpoint_decides_as_the_one_in_training_did(learn, monkeypatch, changes):
    seen = []
    make = judges.judge_in_training

    def kept(state, domains, judged_from):
        judge = make(state, domains, judged_from)
        if judge is not None:
            seen[:] = judge(*map(arrays, range(3)))
        return judge

    monkeypatch.setattr("diptych.training.train.judge_in_training", kept)
    run = learn(changes=changes | {"train.epochs": 1}).path
    judge = judge_of(run)
    assert judge.about == "as it was at step 5"
    for ours, theirs in zip(judge(*map(arrays, range(3))), seen, strict=True):
        assert ours.target.mean == pytest.approx(theirs.target.mean, abs=1e-3)
        np.testing.assert_allclose(ours.translated.places(), theirs.translated.places(), atol=2e-3)


def test_a_model_file_may_bring_its_own(learn, tmp_path):
    run = learn(changes={"train.epochs": 1}).path
    header, weights = read_model(run / "model.safetensors")
    _, network, own, _ = judge_parts(run)
    brought = header.model_copy(update={"discriminator": network})
    write_model(tmp_path / "both.safetensors", weights, brought, own)
    judge = judge_of(tmp_path / "both.safetensors")
    assert judge.about == "that of both.safetensors"
    ours, theirs = (each(*map(arrays, range(3))) for each in (judge, judge_of(run)))
    assert [pair.target.mean for pair in ours] == [pair.target.mean for pair in theirs]


def test_where_there_is_none_a_line_says_why(learn, tmp_path, monkeypatch):
    run = learn(changes=LATE | {"train.epochs": 2}).path
    with pytest.raises(DiptychError, match=r"without its discriminator.*name the run directory"):
        judge_of(run / "model.safetensors")
    latest = judges.latest_checkpoint

    def before_it_began(folder):
        checkpoint = latest(folder)
        checkpoint["training"]["judged_from"] = None
        return checkpoint

    with monkeypatch.context() as patch:
        patch.setattr(judges, "latest_checkpoint", before_it_began)
        with pytest.raises(DiptychError, match=r"has not begun.*adversarial_from = 0\.5"):
            judge_of(run)
    shutil.rmtree(run / "checkpoints")
    with pytest.raises(DiptychError, match="its checkpoints are gone, and the discriminator"):
        judge_of(run)
    alone = learn(
        changes={"loss.adversarial": "none", "train.epochs": 1}, out=tmp_path / "alone"
    ).path
    with pytest.raises(DiptychError, match=r"without a discriminator \(loss.adversarial = 'none'"):
        judge_of(alone)
    assert widths(alone) == [3 * (32 + 6) + 6] * len(widths(alone))


def test_evaluate_writes_it_for_any_pairs(learn, made_pairs, run, tmp_path):
    trained = learn(changes={"train.epochs": 1}).path
    words = ["evaluate", str(trained), "--data", str(made_pairs), "--split", "all"]
    status, out, errors = run(*words, "--patches", tmp_path / "patches", "--report", tmp_path)
    assert status == 0, errors
    written = (tmp_path / "patches" / "patches.jsonl").read_text("utf-8")
    lines = [json.loads(line) for line in written.splitlines()]
    pictures = sorted(path.name for path in (tmp_path / "patches").glob("*.png"))
    assert pictures == sorted(line["file"] for line in lines)
    assert f"of {len(lines)} pairs" in out
    assert "Taken for real by the discriminator, as it was at step 5" in out
    assert 'id="show-patches"' in (tmp_path / "report.html").read_text("utf-8")
    status, _, errors = run(
        "evaluate", trained / "model.safetensors", *words[2:], "--patches", tmp_path / "no"
    )
    assert (status, errors.count("\n")) == (2, 1)
    assert "--patches:" in errors
    assert not (tmp_path / "no").exists()
    status, out, _ = run(
        "evaluate", trained / "model.safetensors", *words[2:], "--report", tmp_path / "page"
    )
    assert status == 0
    note = "without what the discriminator sees"
    assert note in " ".join(out.split())
    assert note in (tmp_path / "page" / "report.html").read_text("utf-8")
    assert 'id="show-patches"' not in (tmp_path / "page" / "report.html").read_text("utf-8")
    status, _, errors = run(
        "evaluate", "--translated", made_pairs, *words[2:], "--patches", tmp_path / "no"
    )
    assert status == 2
    assert "pictures bring no discriminator" in errors
