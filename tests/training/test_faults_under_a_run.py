"""What goes wrong around a training: its disk, its clock, its directory. Nothing is lost by it.

At one step each by default; `make torture` has others too.
"""

import os
import random
import shutil
import subprocess
import sys
import time
from collections.abc import Callable

import pytest
from tests.training.test_stop import At, left, same

from diptych.data.store.place import store_folder
from diptych.errors import DiptychError
from diptych.training.checkpoint import checkpoints, step_of

STEPS = random.Random(0).sample(range(1, 20), 8) if "DIPTYCH_KILLS" in os.environ else [8]
OFTEN = {"train.checkpoint_steps": 3}
YEARS = 20 * 366 * 86_400.0


@pytest.fixture(scope="module")
def wholes() -> dict:
    return {}


@pytest.fixture
def whole(learn, wholes, tmp_path_factory):
    """What comes of it where nothing goes wrong: made once."""
    if not wholes:
        wholes["run"] = learn(out=tmp_path_factory.mktemp("whole") / "run", changes=OFTEN).path
    return wholes["run"]


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("years", [YEARS, -YEARS])
def test_a_clock_that_jumps_changes_nothing(
    years, step, learn, listener, whole, tmp_path, monkeypatch
):
    """Files from before it have times that lie ahead, or long ago, as has the store."""
    run, clock = tmp_path / "run", time.time

    def jump() -> None:
        monkeypatch.setattr(time, "time", lambda: clock() + years)
        for folder in (run, store_folder()):
            for path in folder.rglob("*"):
                os.utime(path, (clock() - years, clock() - years))

    assert learn(At(step, jump), changes=OFTEN).finished
    assert same(run, whole)
    assert learn(listener, changes=OFTEN).finished
    assert listener.said("this run is finished")
    assert learn(changes=OFTEN | {"train.epochs": 5}).finished
    assert left(run) == 25


@pytest.fixture
def read_only():
    """Makes a directory read-only for what is opened from then on; gives what undoes it."""
    mounted = []

    def undo() -> None:
        while mounted:
            subprocess.run(["umount", "--lazy", mounted.pop()], check=True)

    def make(folder) -> Callable[[], None]:
        command = ["mount", "--bind", folder, folder]
        if (
            sys.platform != "linux"
            or subprocess.run(command, capture_output=True, check=False).returncode
        ):
            pytest.skip("needs the right to mount a file system")
        mounted.append(folder)
        subprocess.run(["mount", "-o", "remount,bind,ro", folder], check=True)
        return undo

    yield make
    undo()


@pytest.mark.parametrize("step", STEPS)
def test_a_disk_that_becomes_read_only_is_said_and_the_same_goes_on(
    step, learn, whole, read_only, tmp_path
):
    run, undo = tmp_path / "run", []
    with pytest.raises(DiptychError, match="Read-only file system"):
        learn(At(step, lambda: undo.append(read_only(run))), changes=OFTEN)
    undo[0]()
    assert 0 <= step - step_of(checkpoints(run / "checkpoints")[-1]) <= 3
    assert [*run.rglob("*.tmp*")] == []
    assert learn(changes=OFTEN).finished
    assert same(run, whole)


@pytest.mark.parametrize("step", STEPS)
def test_a_directory_that_goes_is_said_and_not_made_again(step, learn, tmp_path):
    run = tmp_path / "run"
    with pytest.raises(DiptychError, match="has gone while it was trained in"):
        learn(At(step, lambda: shutil.rmtree(run)), changes=OFTEN)
    assert not run.exists()


@pytest.mark.parametrize("step", STEPS)
def test_a_second_training_is_refused_and_the_first_goes_on(step, learn, whole, tmp_path):
    refused = []

    def second() -> None:
        with pytest.raises(DiptychError, match="trains in it") as error:
            learn(changes=OFTEN)
        refused.append(str(error.value))

    assert learn(At(step, second), changes=OFTEN).finished
    assert len(refused) == 1
    assert same(tmp_path / "run", whole)
