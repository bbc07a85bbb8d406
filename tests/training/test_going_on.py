"""A run goes on, or says why not and what to do; nothing is overwritten unasked."""

import json
import shutil

import pytest
from safetensors.torch import load_file, save_file

from diptych.errors import DiptychError
from diptych.model_file import read_header, read_model, write_model

SHORT = {"train.epochs": 2}


def contents(run) -> dict:
    """All files but what a note of being open leaves."""
    return {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}


@pytest.fixture
def finished(learn):
    return learn(changes=SHORT).path


@pytest.mark.parametrize(
    ("changes", "more"),
    [
        ({"train.epochs": 2}, "as --set train.epochs=4"),
        ({"train.steps": 3}, "as --set train.steps=6"),
        ({"train.minutes": 0.001}, "as --minutes 0.002"),
    ],
)
def test_a_finished_run_says_so_and_how_to_go_on(learn, listener, changes, more):
    run = learn(changes=changes).path
    before = contents(run)
    again = learn(listener, changes=changes)
    assert again.finished
    (note,) = listener.said("this run is finished, at step ")
    assert more in note
    assert "give --out a new directory" in note
    assert (listener.steps, contents(run)) == ([], before)


def test_a_report_that_is_not_there_or_older_than_the_run_is_written(learn, finished):
    (finished / "report.html").unlink()
    learn(changes=SHORT)
    assert (finished / "report.html").is_file()
    learn(changes={"train.epochs": 3, "train.validate_epochs": 1})
    assert "step 15" in (finished / "report.html").read_text("utf-8")


@pytest.mark.parametrize("changes", [SHORT, {"train.epochs": 4}])
def test_without_its_checkpoints_nothing_of_a_run_is_overwritten(learn, finished, changes):
    shutil.rmtree(finished / "checkpoints")
    before = contents(finished)
    with pytest.raises(DiptychError, match="its checkpoints are gone, so it cannot go on") as end:
        learn(changes=changes)
    assert "--init-from" in str(end.value)
    assert contents(finished) == before


def test_a_damaged_checkpoint_is_said_and_the_one_before_it_serves(learn, listener, finished):
    whole = load_file(finished / "latest.safetensors")
    latest = max((finished / "checkpoints").glob("step_*.pt"))
    spoiled = bytearray(latest.read_bytes())
    spoiled[len(spoiled) // 2] ^= 1
    latest.write_bytes(spoiled)
    learn(listener, changes=SHORT)
    assert listener.said(f"{latest}: damaged (")
    assert listener.steps == list(range(1, 11)), "from the one before the first step"
    again = load_file(finished / "latest.safetensors")
    assert all(bool((tensor == again[name]).all()) for name, tensor in whole.items())


# Fine-tuning.


@pytest.fixture
def tune(learn, finished, tmp_path):
    """Begin with the finished run's model; the same again goes on."""

    def tuned(*trackers, epochs=2, init_from=finished):
        changes = {"train.epochs": epochs, "train.validate_epochs": 1}
        out = tmp_path / "tuned"
        return learn(*trackers, out=out, recipe=None, init_from=init_from, changes=changes).path

    tuned()
    return tuned


def test_a_fine_tuning_goes_on_where_its_model_has_gone(tune, listener, finished, tmp_path):
    shutil.rmtree(finished)
    run = tune(listener, epochs=3)
    assert listener.said(f"{finished}, with which the run began, is not there any more; it goes on")
    assert read_header(run / "latest.safetensors").step == 15
    assert listener.steps[0] > 1
    with pytest.raises(DiptychError, match="no such model"):
        tune(init_from=tmp_path / "elsewhere")


def test_or_has_moved(tune, listener, finished, tmp_path):
    moved = shutil.move(finished, tmp_path / "moved")
    run = tune(listener, epochs=3, init_from=moved)
    assert not listener.said("with which the run began")
    assert read_header(run / "latest.safetensors").step == 15


def test_or_has_changed(tune, listener, finished, learn):
    """It was trained on meanwhile, or another lies there."""
    learn(changes={"train.epochs": 4})
    header, weights = read_model(finished / "model.safetensors")
    write_model(finished / "model.safetensors", weights, header.model_copy(update={"step": 1}))
    run = tune(listener, epochs=3)
    assert listener.said(f"{finished}, with which the run began, has changed since; it goes on")
    assert read_header(run / "latest.safetensors").step == 15
    (finished / "model.safetensors").write_bytes(b"not a model at all")
    assert tune(epochs=3)


def test_another_model_is_another_beginning(tune, finished, tmp_path, learn):
    other = learn(out=tmp_path / "other", changes=SHORT | {"train.seed": 1}).path
    with pytest.raises(DiptychError, match=f"began with --init-from {finished}, as that was then"):
        tune(init_from=other)


def test_a_run_from_before_that_kept_less_goes_on_with_its_model(tune, listener, tmp_path):
    kept = tmp_path / "tuned" / "begun_with.json"
    all_of_it = json.loads(kept.read_text())
    kept.write_text(json.dumps({key: all_of_it[key] for key in ("model", "fingerprint")}))
    assert tune(listener, epochs=3)
    kept.write_text("{")
    with pytest.raises(DiptychError, match=r"begun_with\.json: damaged"):
        tune(epochs=3)


def test_a_foreign_file_in_its_place_stops_nothing(tune, finished):
    save_file({}, finished / "model.safetensors")
    assert tune(epochs=3)
