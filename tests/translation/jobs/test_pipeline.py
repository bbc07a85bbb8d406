import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tests.translation.jobs.of_function import OfFunction

from diptych.errors import DiptychError, DiskFullError
from diptych.images.rgb import read_image
from diptych.images.values import bytes_of
from diptych.translation.jobs import threads
from diptych.translation.jobs.file_plan import plan_files
from diptych.translation.jobs.pipeline import Outcome, translate_files


def write(folder: Path, count: int, size: tuple[int, int] = (6, 4), start: int = 0) -> Path:
    folder.mkdir(exist_ok=True)
    for i in range(start, start + count):
        Image.new("RGB", size, (i, 2 * i, 100)).save(folder / f"{i:03}.png")
    return folder


def read(path: Path) -> np.ndarray:
    return np.asarray(read_image(path))


def translated(folder: Path, translate=np.invert, **options) -> Outcome:
    plan = plan_files([str(folder)], folder.parent / "out")
    return translate_files(OfFunction(translate, at_once=4), plan, **options)


def test_neighbours_of_one_size_go_through_together(tmp_path):
    folder = write(tmp_path / "in", 6)
    write(folder, 2, (3, 5), start=6)
    write(folder, 1, start=8)
    given, told = [], []

    def invert(sources: np.ndarray) -> np.ndarray:
        given.append(sources.shape[:3])
        return ~sources

    outcome = translated(folder, invert, on_progress=lambda *at: told.append(at))
    assert outcome == Outcome(translated=9)
    assert given == [(4, 4, 6), (2, 4, 6), (2, 5, 3), (1, 4, 6)]
    assert told == [(i, 9) for i in range(1, 10)]
    for path in folder.iterdir():
        assert np.array_equal(read(tmp_path / "out" / path.name), ~read(path))


def test_pictures_far_from_the_scale_of_the_training_are_told_of(tmp_path):
    folder = write(tmp_path / "in", 2, (64, 70))
    write(folder, 1, (33, 40), start=5)
    plan = plan_files([str(folder)], tmp_path / "out")
    translator = OfFunction(np.invert)
    recipe = {"data": {"fit": "shorter"}}
    translator.header = translator.header.model_copy(update={"recipe": recipe})
    (note,) = translate_files(translator, plan).notes
    assert note == (
        f"{folder / '000.png'}: 64x70 is 2.0 times larger than the 32x35 that the model learned "
        "at: --at-trained-scale translates at that, and brings the result back (and 1 more)"
    )
    assert translate_files(translator.scaled(), plan, overwrite=True).notes == []
    assert read(tmp_path / "out" / "001.png").shape == (70, 64, 3)


def test_a_failure_within_a_batch_is_named_and_its_neighbours_done(tmp_path):
    folder = write(tmp_path / "in", 5)
    (folder / "001.png").write_text("no picture")

    def fail(sources: np.ndarray) -> np.ndarray:
        if (sources[:, 0, 0, 0] == 3).any():
            raise DiptychError("too dark")
        return ~sources

    outcome = translated(folder, fail)
    assert outcome.translated == 3
    damaged, dark = outcome.failures
    assert damaged.startswith(f"{folder / '001.png'}: ")
    assert dark == f"{folder / '003.png'}: too dark"
    names = [f"00{i}.png" for i in (0, 2, 4)]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == names


@pytest.mark.parametrize("where", ["read", "run", "write"])
def test_whatever_goes_wrong_with_one_the_rest_goes_on(where, tmp_path, monkeypatch):
    before = getattr(OfFunction, where)

    def broken(self, first, *others: object) -> object:
        if (first[..., 0] == 3).any() if where == "run" else "003" in str(first):
            raise ZeroDivisionError("by nought")
        return before(self, first, *others)

    monkeypatch.setattr(OfFunction, where, broken)
    folder = write(tmp_path / "in", 5)
    outcome = translated(folder)
    assert outcome.failures == [f"{folder / '003.png'}: ZeroDivisionError: by nought"]
    assert outcome.translated == 4
    assert len(list((tmp_path / "out").iterdir())) == 4


@pytest.mark.parametrize("where", ["read", "run", "write"])
@pytest.mark.parametrize("error", [MemoryError, KeyboardInterrupt, SystemExit])
def test_an_interrupt_and_lost_memory_end_all(where, error, tmp_path, monkeypatch):
    def broken(*_: object) -> None:
        raise error

    monkeypatch.setattr(OfFunction, where, broken)
    with pytest.raises(error):
        translated(write(tmp_path / "in", 3))


def test_a_full_disk_ends_all_with_one_line(small_disk, tmp_path):
    folder = write(tmp_path / "in", 40)

    def noise(sources: np.ndarray) -> np.ndarray:
        return np.random.default_rng(0).integers(0, 256, (len(sources), 200, 200, 3), np.uint8)

    plan = plan_files([str(folder)], small_disk / "out")
    with pytest.raises(DiskFullError) as caught:
        translate_files(OfFunction(noise), plan)
    assert str(caught.value).endswith(".png: cannot be written: No space left on device")
    whole = [path.name for path in (small_disk / "out").iterdir()]
    assert 0 < len(whole) < 8
    assert not [name for name in whole if name.startswith(".")]


def test_no_more_is_read_ahead_than_there_is_room_for(tmp_path, monkeypatch):
    monkeypatch.setattr(threads, "AHEAD", 3 * 24 * 3)
    folder = write(tmp_path / "in", 8)
    write(folder, 1, (20, 20), start=8)
    write(folder, 2, start=9)
    begun, done = [], []

    def remember(path: Path) -> np.ndarray:
        begun.append(path.stem)
        return read(path)

    def translate(sources: np.ndarray) -> np.ndarray:
        time.sleep(0.02)  # for the thread to read what it may
        done.append(len(begun) - len(done))
        return ~sources

    translator = OfFunction(translate)
    translator.read = remember
    translate_files(translator, plan_files([str(folder)], tmp_path / "out"))
    assert begun == [f"{i:03}" for i in range(11)]
    assert 1 < max(done) <= 3
    assert done[8] == 1, "a large one is read in its turn, and nothing beside it"


def test_what_is_read_ahead_is_counted_in_bytes(tmp_path):
    """Many channels of wide numbers take more than their pixels say."""
    np.save(tmp_path / "a.npy", np.zeros((20, 30, 50), np.float64))
    Image.new("L", (30, 20)).save(tmp_path / "b.png")
    (tmp_path / "c.png").write_bytes(b"no picture")
    assert bytes_of(tmp_path / "a.npy") == 20 * 30 * 50 * 8
    assert bytes_of(tmp_path / "b.png") == 20 * 30 * 3, "as it is read: in colours"
    assert bytes_of(tmp_path / "c.png") is None


def test_no_more_waits_to_be_written_than_there_is_room_for(monkeypatch):
    monkeypatch.setattr(threads, "BEHIND", 250)
    go, waiting, most = threading.Event(), 0, 0
    threading.Timer(0.2, go.set).start()

    def written(error: BaseException | None) -> None:
        nonlocal waiting
        waiting -= 100
        assert error is None

    with threads.write_behind() as submit:
        for _ in range(6):
            waiting += 100
            submit(100, go.wait, written)
            most = max(most, waiting)
            assert waiting <= 250
    assert most == 200
    assert waiting == 0


CUT_OFF = """
import signal, sys, time
from pathlib import Path
import numpy as np
from tests.translation.jobs.of_function import OfFunction
from diptych.translation.jobs.file_plan import plan_files
from diptych.translation.jobs.pipeline import translate_files

signal.signal(signal.SIGINT, signal.default_int_handler)  # where tests run in the background
calls = []

def translate(sources):
    calls.append(len(sources))
    print("on", flush=True)
    time.sleep(60 if len(calls) == 8 else 0.05)  # the eighth waits for Ctrl-C
    return np.random.default_rng(0).integers(0, 256, (len(sources), 700, 700, 3), np.uint8)

translate_files(OfFunction(translate), plan_files([sys.argv[1]], Path(sys.argv[2])))
"""


def test_what_ctrl_c_leaves_is_whole(tmp_path):
    folder, out = write(tmp_path / "in", 60), tmp_path / "out"
    command = [sys.executable, "-c", CUT_OFF, str(folder), str(out)]
    root = Path(__file__).parents[3]
    program = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, cwd=root)
    for _ in range(8):
        program.stdout.readline()
    program.send_signal(signal.SIGINT)
    program.communicate(timeout=60)
    assert program.returncode != 0
    made = list(out.iterdir())
    assert 0 < len(made) < 60
    for path in made:
        assert not path.name.startswith(".")
        assert read(path).shape == (700, 700, 3)
