"""Files of pairs are changed, cut short or removed under a run, or their folder goes."""

import os
import shutil

import pytest
from PIL import Image
from tests.training.test_stop import At, same

from diptych.data.store.place import store_folder
from diptych.errors import DiptychError
from diptych.training.checkpoint import latest_checkpoint

OFTEN = {"train.checkpoint_steps": 1}
NAME = "train/03.png"


def rewrite(folder):
    """Another picture, whose file has another size."""
    Image.effect_noise((96, 48), 80).convert("RGB").save(folder / NAME)


def touch(folder):
    """Another picture may be in a file of the same size."""
    os.utime(folder / NAME)


def cut(folder):
    os.truncate(folder / NAME, 50)


def remove(folder):
    (folder / NAME).unlink()


def remove_all(folder):
    shutil.rmtree(folder)


@pytest.fixture(autouse=True)
def always_looked_at(monkeypatch):
    """However long a look at the files takes on a busy machine."""
    monkeypatch.setattr("diptych.data.originals.SHARE", 0)


@pytest.fixture
def whole(learn, made_pairs, tmp_path):
    """What comes of pairs that nobody touches."""
    kept = shutil.copytree(made_pairs, tmp_path / "kept")
    return learn(out=tmp_path / "whole", data=kept, changes=OFTEN).path


@pytest.mark.parametrize(
    ("act", "words", "goes_on"),
    [
        (rewrite, f"{NAME} has changed since", False),
        pytest.param(touch, f"{NAME} has changed since", True, marks=pytest.mark.slow),
        pytest.param(cut, f"{NAME} was cut short since", False, marks=pytest.mark.slow),
        pytest.param(remove, f"{NAME} has gone since", False, marks=pytest.mark.slow),
        (remove_all, "has gone, and 11 more of the pairs' files since", False),
    ],
)
def test_a_night_goes_on_with_what_it_read_and_says_so(
    act, words, goes_on, learn, listener, made_pairs, whole, tmp_path
):
    run = learn(At(8, lambda: act(made_pairs)), listener, changes=OFTEN)
    assert run.finished
    assert same(run.path, whole), "as if nothing had been"
    assert (run.path / "report.html").is_file()
    (note,) = listener.said("since they were read")
    assert words in note
    assert note.endswith("they were read; training goes on with what it read")
    more = OFTEN | {"train.epochs": 5}
    if goes_on:
        learn(listener, changes=more)
        (note,) = listener.said("it goes on with them as they are now")
        assert f"{NAME} was changed or copied since the run read them" in note
    else:
        with pytest.raises(DiptychError):
            learn(changes=more)
        assert latest_checkpoint(run.path / "checkpoints")["training"]["step"] == 20


def test_what_is_removed_is_missing_in_the_report_alone(learn, listener, made_pairs):
    run = learn(At(8, lambda: remove_all(made_pairs)), listener)
    report = (run.path / "report.html").read_text("utf-8")
    assert "no training pair is held against the results: " in report


def test_a_store_that_goes_is_not_missed(learn, whole, tmp_path):
    run = learn(At(8, lambda: shutil.rmtree(store_folder())), changes=OFTEN)
    assert run.finished
    assert same(run.path, whole)


def test_of_many_files_one_line_is_said_once(learn, listener, made_pairs):
    def act() -> None:
        for path in sorted((made_pairs / "train").iterdir())[:3]:
            path.unlink()

    learn(At(3, act), listener, changes=OFTEN)
    (note,) = listener.said("since they were read")
    assert "00.png has gone, and 2 more of the pairs' files since they were read" in note


def test_a_stopped_run_says_what_changed_meanwhile(learn, listener, made_pairs):
    """Of the same size, which its fingerprint does not tell."""
    run = learn(changes={"train.epochs": 2})
    touch(made_pairs)
    learn(listener, changes={"train.epochs": 3})
    (note,) = listener.said("since the run read them")
    assert note.startswith(str(made_pairs / NAME))
    assert latest_checkpoint(run.path / "checkpoints")["training"]["step"] == 15
    learn(listener, changes={"train.epochs": 4})
    assert len(listener.said("since the run read them")) == 1, "once"
