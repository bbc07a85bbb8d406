"""One training at a time in a run directory; the dead hold nothing."""

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from diptych.errors import DiptychError
from diptych.training import lock as locks
from diptych.training.lock import Lock

ENDLESS = {"train.epochs": 100_000, "train.checkpoint_steps": 5, "train.validate_epochs": 1000}


@pytest.fixture
def quick(monkeypatch):
    """Signs of life come quickly."""
    monkeypatch.setattr(locks, "BEAT", 0.25)


@pytest.fixture
def place(tmp_path) -> Path:
    return tmp_path / "run" / "training.lock"


def taken(place: Path) -> Lock:
    lock = Lock(place)
    lock.take()
    return lock


def alter(place: Path, **changes) -> None:
    place.write_text(json.dumps(json.loads(place.read_text()) | changes) + "\n")


def test_a_second_training_is_refused_and_a_killed_one_is_not_in_the_way(
    command, until, tmp_path, learn, listener
):
    first = command(changes=ENDLESS)
    until(lambda: list((tmp_path / "run" / "checkpoints").glob("step_*.pt")))
    second = command(changes=ENDLESS)
    _, said = second.communicate(timeout=300)
    assert second.returncode == 2
    assert f"run: process {first.pid} on " in said
    assert "trains in it; wait for that, or stop it" in said
    assert said.count("\n") == 1
    with pytest.raises(DiptychError, match=f"process {first.pid} "):
        learn(changes=ENDLESS)
    assert first.poll() is None
    first.kill()
    first.wait()
    assert (tmp_path / "run" / "training.lock").exists()
    learn(listener, changes={"train.minutes": 0.001})
    assert listener.said("going on from step")
    assert not (tmp_path / "run" / "training.lock").exists()


def test_the_same_process_is_refused_too(place):
    lock = taken(place)
    with pytest.raises(DiptychError, match=f"process {os.getpid()} on .* trains in it"):
        taken(place)
    lock.close()
    taken(place).close()
    assert not place.exists()


def test_one_that_was_killed_and_waits_for_its_parent_is_dead(place):
    """A zombie still has its number."""
    code = f"""
import time
from pathlib import Path
from diptych.training.lock import Lock
Lock(Path({str(place)!r})).take()
print("taken", flush=True)
time.sleep(60)
"""
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as process:
        process.stdout.readline()
        with pytest.raises(DiptychError, match=f"process {process.pid} "):
            taken(place)
        process.send_signal(signal.SIGKILL)
        time.sleep(0.2)
        taken(place).close()


def test_another_process_with_the_same_number_is_no_owner(place):
    """As in a container that was started again, where every training is process 1."""
    taken(place)
    alter(place, started="1")
    taken(place).close()


@pytest.mark.usefixtures("quick")
def test_on_another_machine_a_sign_of_life_tells(place):
    """Whatever its clock says."""
    first = taken(place)
    first._me |= {"host": "elsewhere", "machine": "another", "since": "2199-01-01 00:00+00:00"}
    time.sleep(0.6)
    notes = []
    with pytest.raises(DiptychError, match=r"process \d+ on elsewhere \(since 2199"):
        locks.Lock(place).take(notes.append)
    os.utime(place, (0, 0))
    with pytest.raises(DiptychError, match="elsewhere"):
        taken(place)
    first._released.set()
    time.sleep(0.6)
    lock = Lock(place)
    lock.take(notes.append)
    assert "elsewhere" in notes[-1]
    assert "waiting 1 s for a sign of life" in notes[-1]
    with pytest.raises(DiptychError, match=r"has taken over; this training ends"):
        first.check()
    first.close()
    lock.check()
    lock.close()


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("content", [b"", b"\xff\x00", b"[1]", b'{"process": "../../etc"}'])
def test_a_damaged_lock_is_watched_too(place, content):
    place.parent.mkdir()
    place.write_bytes(content)
    taken(place).close()


@pytest.mark.usefixtures("quick")
def test_the_lock_in_a_copy_of_a_run_is_nobodys(place, tmp_path):
    lock = taken(place)
    shutil.copytree(place.parent, tmp_path / "copy")
    taken(tmp_path / "copy" / "training.lock").close()
    lock.check()
    lock.close()


def test_of_many_that_find_a_dead_owner_one_gets_it(place):
    taken(place)
    alter(place, started="1")
    start, owners, refused = threading.Barrier(8), [], []

    def contend() -> None:
        lock = Lock(place)
        start.wait()
        try:
            lock.take()
            time.sleep(0.2)
            lock.check()
            owners.append(lock)
        except DiptychError as error:
            refused.append(str(error))

    threads = [threading.Thread(target=contend) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(owners), len(refused)) == (1, 7)
    owners[0].close()
    assert [*place.parent.iterdir()] == []


def test_a_lock_that_was_removed_comes_back_and_a_directory_that_was_does_not(place):
    lock = taken(place)
    place.unlink()
    lock.check()
    assert place.exists()
    shutil.rmtree(place.parent)
    with pytest.raises(DiptychError, match="has gone while it was trained in"):
        lock.check()
    lock.close()
    assert not place.parent.exists()


def test_what_a_killed_training_left_half_written_is_removed(learn, tmp_path):
    run = tmp_path / "run"
    (run / "checkpoints").mkdir(parents=True)
    left = [
        run / ".recipe.0123456789abcdef.tmp.toml",
        run / "checkpoints" / ".step_00000005.0123456789abcdef.tmp.pt",
    ]
    mine = run / ".model.0123456789abcdef.tmp.onnx"
    left[0].write_text("half")
    with pytest.raises(DiptychError, match="holds something that is not a run"):
        learn(changes={"train.steps": 1})
    shutil.rmtree(run / "checkpoints")
    (run / "begun_with.json").write_text("{}\n")
    learn(changes={"train.steps": 1})
    assert not left[0].exists()
    left[1].write_text("half")
    mine.write_text("of another program")
    learn(changes={"train.steps": 2})
    assert not left[1].exists()
    assert mine.exists()
