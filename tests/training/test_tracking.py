"""Trackers by name: what their packages wrote, read back; none of their faults ends a run."""

import json
import os
import socket
import struct
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tests.training.small import Listener

from diptych.config import flat
from diptych.errors import DiptychError
from diptych.model_file import read_header, read_model
from diptych.training.tracking import DASHBOARDS, reporting, trackers_named
from diptych.training.tracking.dashboard import Dashboard
from diptych.training.tracking.reporting import Reporting

MORE = {"train.epochs": 6}  # of four; of five steps each


class Kept(Dashboard):
    """Remembers what it is told."""

    def __init__(self):
        self.config, self.figures, self.pictures, self.results = {}, {}, {}, {}
        self.identities, self.ends = [], []

    def begin(self, out, identity, config):
        self.identities.append(identity)
        self.config = config
        return "here"

    def add_figures(self, step, figures):
        self.figures[step] = self.figures.get(step, {}) | figures

    def add_picture(self, step, path):
        self.pictures[step] = path.read_bytes()

    def add_results(self, results):
        self.results = results

    def end(self, finished):
        self.ends.append(finished)


def told(dashboard: Dashboard) -> tuple[Reporting, list[str]]:
    notes: list[str] = []
    return Reporting("kept", dashboard, notes.append), notes


def test_a_run_is_told_whole_and_goes_on_as_the_same(learn):
    kept = Kept()
    run = learn(told(kept)[0])
    assert kept.ends == [True]
    assert kept.config["train.epochs"] == 4
    assert kept.config["pairs.train"] > 0
    logged = [json.loads(line) for line in (run.path / "log.jsonl").read_text().splitlines()]
    for entry in logged:
        for name, score in entry.get("scores", {}).items():
            assert kept.figures[entry["step"]][f"validation/{name}"] == score
        if "g_l1" in entry:
            assert kept.figures[entry["step"]]["train/g_l1"] == entry["g_l1"]
    previews = {int(path.stem[5:]): path for path in (run.path / "previews").iterdir()}
    assert kept.pictures == {step: path.read_bytes() for step, path in previews.items()}
    assert kept.results["model"] == str(run.model)
    assert kept.results["best/l1"] == run.scores["l1"] == read_header(run.model).scores["l1"]

    again = Kept()
    learn(told(again)[0], changes=MORE)
    assert again.identities == kept.identities
    assert max(again.figures) == 30


def test_the_same_is_learned_with_a_tracker_as_without(learn, tmp_path):
    alone = learn(out=tmp_path / "alone")
    tracked = learn(told(Kept())[0], out=tmp_path / "tracked")
    assert tensors_of(alone.model) == tensors_of(tracked.model)


def tensors_of(model: Path) -> dict[str, bytes]:
    return {name: tensor.numpy().tobytes() for name, tensor in read_model(model)[1].items()}


@pytest.mark.parametrize("method", ["begin", "add_figures", "add_picture", "add_results", "end"])
def test_one_that_fails_ends_no_run_and_is_a_single_note(learn, monkeypatch, method):
    def fail(*_):
        raise ConnectionError("no route to the host")

    monkeypatch.setattr(Kept, method, fail)
    tracker, notes = told(Kept())
    assert learn(tracker).finished
    assert [note for note in notes if note != "kept: here"] == [
        "kept: no longer told of this run, which goes on (no route to the host)"
    ]


def test_one_that_hangs_holds_a_run_up_for_a_while_at_its_end(learn, monkeypatch):
    monkeypatch.setattr(reporting, "PATIENCE", 0.1)
    let_go = threading.Event()
    monkeypatch.setattr(Kept, "add_figures", lambda *_: let_go.wait(60))
    tracker, notes = told(Kept())
    assert learn(tracker).finished
    let_go.set()
    assert any("did not take all" in note for note in notes)


def test_a_run_that_is_stopped_says_so(learn):
    class StopAt(Listener):
        def stepped(self, step, progress, seconds):
            if step == 3:
                raise OSError("gone")

    kept = Kept()
    with pytest.raises(DiptychError, match="gone"):
        learn(StopAt(), told(kept)[0])
    assert kept.ends == [False]
    assert not kept.results


def test_names_that_are_none_are_said():
    with pytest.raises(
        DiptychError, match="no such tracker; there are wandb, mlflow, trackio, tens"
    ):
        trackers_named("wandbb", print)
    assert trackers_named(" tensorboard,", print) == []


@pytest.mark.parametrize("name", DASHBOARDS)
def test_a_missing_package_is_said_before_anything_is_begun(name, monkeypatch):
    monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(DiptychError, match=rf"pip install 'diptych\[{name}\]'"):
        trackers_named(name, print)


def test_none_is_imported_unasked():
    code = "import sys, diptych.training.tracking; print(*sys.modules)"
    modules = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert not set(DASHBOARDS) & set(modules.stdout.split())


def test_tensorboard_has_the_figures_the_recipe_and_the_previews(learn):
    run = learn()
    board = EventAccumulator(str(run.path / "tensorboard"), size_guidance={"images": 0}).Reload()
    tags = board.Tags()
    assert {"train/g_l1", "validation/l1"} <= set(tags["scalars"])
    (recipe,) = board.Tensors("recipe/text_summary")
    assert b"crop_size = 32" in recipe.tensor_proto.string_val[0]
    previews = sorted((run.path / "previews").iterdir())
    assert [image.step for image in board.Images("previews")] == [
        int(path.stem[5:]) for path in previews
    ]


# The packages themselves, where they are installed.


@pytest.fixture
def really(tmp_path, monkeypatch, learn):
    """Learn, stop, and go on, told to the package of a name; its folder is the working one."""
    monkeypatch.chdir(tmp_path)
    for name in [*os.environ]:
        if name.startswith(("WANDB", "MLFLOW", "TRACKIO")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/mlflow.db")
    monkeypatch.setenv("TRACKIO_DIR", str(tmp_path / "trackio"))

    def learned(name: str):
        pytest.importorskip(name, reason=f"needs the package {name}")
        notes: list[str] = []
        learn(*trackers_named(name, notes.append))
        run = learn(*trackers_named(name, notes.append), changes=MORE)
        assert not [note for note in notes if "no longer told" in note], notes
        return run

    return learned


# They warn of what they call in one another.
QUIETLY = pytest.mark.filterwarnings("ignore")


def records_of(file: Path) -> list[bytes]:
    """What a log of LevelDB's format holds, as wandb writes it: blocks of 32 KiB, after 7 bytes."""
    stored, place, records = file.read_bytes(), 7, [b""]
    while place + 7 <= len(stored):
        room = -place % 32768
        if room < 7:
            place += room
            continue
        length, kind = struct.unpack("<HB", stored[place + 4 : place + 7])
        records[-1] += stored[place + 7 : place + 7 + length]
        place += 7 + length
        if kind in {1, 4}:  # whole, or its last part
            records.append(b"")
    return records[:-1]


def values_of(items) -> dict:
    return {item.key or ".".join(item.nested_key): json.loads(item.value_json) for item in items}


@QUIETLY
def test_wandb_offline(really):
    run = really("wandb")
    from wandb.proto.wandb_internal_pb2 import Record

    files = sorted(run.path.glob("wandb/offline-run-*/*.wandb"))
    records = [Record.FromString(record) for file in files for record in records_of(file)]
    begun = [record.run for record in records if record.run.run_id]
    assert len(files) == 2
    assert len({one.run_id for one in begun}) == 1
    assert {one.project for one in begun} == {"diptych"}
    configs = [values_of(one.config.update) for one in begun if one.config.update]
    assert [config["train.epochs"] for config in configs if "train.epochs" in config] == [4, 6]
    rows = [values_of(record.history.item) for record in records if record.history.item]
    losses = {row["step"]: row["train/g_l1"] for row in rows if "train/g_l1" in row}
    assert losses.keys() == {5, 10, 15, 20, 25, 30}
    assert any("validation/l1" in row for row in rows)
    shown = {row["step"] for row in rows if any(name.startswith("previews") for name in row)}
    assert {0, 30} <= shown
    kept = {path.read_bytes() for path in run.path.glob("wandb/*/files/media/images/*.png")}
    assert (run.path / "previews" / "step_00000030.png").read_bytes() in kept
    summaries = [values_of(record.summary.update) for record in records]
    (model,) = {summary["model"] for summary in summaries if "model" in summary}
    assert model == str(run.model)


@QUIETLY
def test_mlflow_in_a_database(really):
    run = really("mlflow")
    from mlflow import MlflowClient

    client = MlflowClient()
    experiment = client.get_experiment_by_name("diptych")
    (kept,) = client.search_runs([experiment.experiment_id])
    assert kept.info.status == "FINISHED"
    assert kept.data.params["data.crop_size"] == "32"
    assert kept.data.params["train.epochs"] == "4"
    assert kept.data.tags["now.train.epochs"] == "6"
    assert kept.data.tags["model"] == str(run.model)
    assert kept.data.metrics["best/l1"] == pytest.approx(run.scores["l1"])
    losses = client.get_metric_history(kept.info.run_id, "train/g_l1")
    assert {one.step for one in losses} == {5, 10, 15, 20, 25, 30}
    pictures = client.list_artifacts(kept.info.run_id, "previews")
    assert len(pictures) == len(list((run.path / "previews").iterdir()))


@QUIETLY
def test_mlflow_without_its_server_is_one_note(learn, monkeypatch, tmp_path):
    pytest.importorskip("mlflow", reason="needs the package mlflow")
    monkeypatch.chdir(tmp_path)
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{port}")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    notes: list[str] = []
    assert learn(*trackers_named("mlflow", notes.append)).finished
    (note,) = notes
    assert note.startswith("mlflow: no longer told of this run")
    assert "\n" not in note


@QUIETLY
def test_trackio_on_this_machine(really):
    run = really("trackio")
    from trackio.sqlite_storage import SQLiteStorage

    (name,) = SQLiteStorage.get_runs("diptych")
    rows = SQLiteStorage.get_logs("diptych", name)
    assert {row["step"] for row in rows if "train/g_l1" in row} == {5, 10, 15, 20, 25, 30}
    assert SQLiteStorage.get_run_config("diptych", name)["data.crop_size"] == 32
    assert {row["step"] for row in rows if "previews" in row} >= {0, 30}
    assert any(row.get("model") == str(run.model) for row in rows)
    kept = {path.read_bytes() for path in Path("trackio").rglob("*.png")}
    assert kept


def test_the_recipe_is_told_key_by_key(learn):
    kept = Kept()
    run = learn(told(kept)[0])
    from diptych.training.run_directory import RunDirectory

    assert flat(RunDirectory(run.path).stored_recipe()).items() <= kept.config.items()
