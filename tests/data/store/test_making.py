"""Several who make the same at once, and who dies of it."""

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from diptych.data import pairs
from diptych.data.fitting import Fit
from diptych.data.pairs import COLOURS, Picture
from diptych.data.store import claim, making, wanted
from diptych.data.store.decoded import decoded
from diptych.data.store.place import store_folder
from diptych.data.store.wanted import Wanted
from diptych.errors import DiptychError

COUNT, SIDE = 12, 64
FIT = Fit("resize", (SIDE, SIDE))


@pytest.fixture
def pictures(tmp_path, monkeypatch) -> list[Picture]:
    """So many, two in each part at most."""
    monkeypatch.setattr(wanted, "most_at", lambda _: 2)
    (tmp_path / "data").mkdir()
    for number in range(COUNT):
        Image.new("RGB", (SIDE, SIDE), (number, 0, 0)).save(tmp_path / f"data/{number:02}.png")
    return [Picture(path) for path in sorted((tmp_path / "data").iterdir())]


def firsts(pictures: list[Picture], folder: Path | None = None, **options) -> list[int]:
    """What the store gives of each: its number, if it is right."""
    (found,) = decoded([Wanted(pictures, COLOURS, FIT)], folder, **options)
    return [int(picture[-1, -1, 0]) for picture in found]


def names(folder: Path) -> set[str]:
    return {path.suffix for path in folder.iterdir()}


@pytest.mark.parametrize("other_machine", [False, True])
def test_two_at_once_end_right(other_machine, pictures, monkeypatch):
    read, opened = pairs.read_array, Counter()

    def slowly(path, domain):
        opened[path] += 1
        time.sleep(0.005)
        return read(path, domain)

    monkeypatch.setattr(pairs, "read_array", slowly)
    monkeypatch.setattr(making, "PAUSE", 0.01)
    if other_machine:  # each sees none of the other's locks
        monkeypatch.setattr(claim, "machine", lambda: f"{threading.get_ident():x}")
    results: dict[int, list[int]] = {}
    threads = [
        threading.Thread(target=lambda i=i: results.update({i: firsts(pictures)})) for i in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert list(results.values()) == [list(range(COUNT))] * 3
    assert names(store_folder()) == {".part", ".machine"}
    if not other_machine:
        assert set(opened.values()) == {1}, "the work is shared"


@pytest.mark.slow  # another process has to begin
def test_what_a_dead_builder_left_is_swept_and_gone_on_with(pictures):
    code = f"""
import os, signal
from pathlib import Path
from diptych.data.fitting import Fit
from diptych.data.pairs import COLOURS, Picture
from diptych.data.store import wanted
from diptych.data.store.decoded import decoded
wanted.most_at = lambda _: 2
pictures = [Picture(path) for path in sorted(Path({str(pictures[0].path.parent)!r}).iterdir())]
def die(done, total):
    if done == 5:
        os.kill(os.getpid(), signal.SIGKILL)
decoded([wanted.Wanted(pictures, COLOURS, Fit("resize", ({SIDE}, {SIDE})))], None, die)
"""
    died = subprocess.run([sys.executable, "-c", code], check=False)
    assert died.returncode == -signal.SIGKILL
    assert names(store_folder()) == {".part", ".machine", ".aside"}
    whole = len(list(store_folder().glob("*.part")))
    told: list[int] = []
    assert firsts(pictures, on_progress=lambda done, total: told.append(total)) == list(
        range(COUNT)
    )
    assert told[0] < COUNT
    assert whole >= 1
    assert names(store_folder()) == {".part", ".machine"}


# --- a full disk ---


@contextmanager
def small_disk(place: Path, size: str) -> Iterator[Path]:
    place.mkdir()
    mount = shutil.which("mount")
    if not mount or os.geteuid() != 0:
        pytest.skip("needs root, to mount a small disk")
    done = subprocess.run(
        [mount, "-t", "tmpfs", "-o", f"size={size}", "tmpfs", place],
        check=False,
        capture_output=True,
    )
    if done.returncode:
        pytest.skip(f"no small disk here: {done.stderr.decode()}")
    try:
        yield place
    finally:
        subprocess.run(["umount", "-l", place], check=True)


def test_a_disk_that_is_too_small_is_told_before_anything_is_made(pictures, tmp_path):
    with small_disk(tmp_path / "disk", "100k") as disk:
        with pytest.raises(DiptychError) as caught:
            firsts(pictures, disk / "decoded")
        assert str(caught.value) == (
            f"{disk / 'decoded'}: the decoded pictures take 0.1 MB, and 0.1 MB are free there: let "
            "DIPTYCH_CACHE name a folder on a larger disk, lower data.load_size, or see "
            "`diptych cache`"
        )
        assert names(disk / "decoded") <= {".machine"}


def test_a_disk_that_fills_meanwhile_is_told_in_one_line(pictures, tmp_path):
    with small_disk(tmp_path / "disk", "300k") as disk:
        folder = disk / "decoded"

        def fill(done: int, total: int) -> None:
            if done == 4:
                (disk / "other").write_bytes(bytes(shutil.disk_usage(disk).free))

        with pytest.raises(DiptychError) as caught:
            firsts(pictures, folder, on_progress=fill)
        assert str(caught.value) == f"{folder}: cannot be written: No space left on device"
        assert names(folder) <= {".part", ".machine"}
        (disk / "other").unlink()
        told: list[int] = []
        assert firsts(pictures, folder, on_progress=lambda *at: told.append(at[1]))[-1] == COUNT - 1
        assert told[0] < COUNT, "what was made before is there"


def test_room_is_reserved_where_the_system_can(pictures, monkeypatch):
    reserved: list[int] = []
    monkeypatch.setattr(making, "reserve", lambda _, count: reserved.append(count))
    firsts(pictures)
    assert sum(reserved) == COUNT * (SIDE * SIDE * 3 + 32)
    monkeypatch.delattr(os, "posix_fallocate")
    assert np.array_equal(firsts(pictures[1:]), range(1, COUNT))


def test_a_file_that_changes_while_it_is_read_is_not_kept_as_what_it_was(pictures, monkeypatch):
    read = pairs.read_array

    def changing(path, domain):
        array = read(path, domain)
        if path.name == "05.png":
            Image.new("RGB", (SIDE, SIDE), (77, 0, 0)).save(path)
        return array

    monkeypatch.setattr(pairs, "read_array", changing)
    with pytest.raises(DiptychError, match=r"05\.png: has changed while it was read"):
        firsts(pictures)
    monkeypatch.undo()
    assert firsts(pictures) == [77 if number == 5 else number for number in range(COUNT)]
