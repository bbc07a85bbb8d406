import os
import shutil
from collections import namedtuple
from pathlib import Path

import numpy as np
import pytest

from diptych.data.pairs import COLOURS
from diptych.data.store import space
from diptych.data.store.claim import Claim
from diptych.data.store.locks import HOUR, WEEK, make_known, others_use
from diptych.data.store.part import Writer, open_part
from diptych.data.store.place import GIGABYTE, bound
from diptych.data.store.space import empty, in_words, kept_files, make_room, sweep
from diptych.errors import DiptychError

BYTES = 1000 + 32 + 8
Usage = namedtuple("Usage", "total used free")


@pytest.fixture
def store(tmp_path) -> Path:
    """Four parts, the first not used for four days, the last for one."""
    folder = tmp_path / "decoded"
    folder.mkdir()
    for days in range(1, 5):
        with (folder / named(days)).open("wb") as file:
            writer = Writer(file)
            writer.add(np.zeros((10, 100, 1), np.uint8), (1, 1))
            writer.finish()
        used(folder / named(days), days * 24 * HOUR)
    make_known(folder)
    return folder


def named(digit: object) -> str:
    return f"{str(digit) * 32}.part"


def used(path: Path, seconds: float) -> None:
    """Let its last use be so long ago."""
    then = path.stat().st_mtime - seconds
    os.utime(path, (then, then))


def disk(monkeypatch, store: Path, total: int) -> None:
    """Let the disk hold so many bytes."""

    def usage(_: object) -> Usage:
        held = sum(path.stat().st_size for path in store.glob("*.part"))
        return Usage(total, held, total - held)

    monkeypatch.setattr(shutil, "disk_usage", usage)


def left(folder: Path) -> list[str]:
    return sorted(path.stem[0] for path in folder.glob("*.part"))


@pytest.mark.parametrize(
    ("needed", "expected"),
    [(0, "1234"), (BYTES, "1234"), (BYTES + 1, "123"), (4 * BYTES, "1"), (9 * BYTES, "")],
)
def test_the_least_recently_used_goes_first_above_the_bound(needed, expected, store, monkeypatch):
    monkeypatch.setenv("DIPTYCH_CACHE_LIMIT", str(5 * BYTES / GIGABYTE))
    make_room(store, needed)
    assert "".join(left(store)) == expected


@pytest.mark.parametrize(("total", "expected"), [(100, "1234"), (8, "123"), (6, "12")])
def test_the_bound_is_half_of_what_the_disk_has(total, expected, store, monkeypatch):
    monkeypatch.delenv("DIPTYCH_CACHE_LIMIT", raising=False)
    disk(monkeypatch, store, total * BYTES)
    make_room(store, BYTES)
    assert "".join(left(store)) == expected
    assert bound(400 * GIGABYTE, 0) == 50 * GIGABYTE


def test_more_than_the_bound_is_made_where_the_disk_has_room(store, monkeypatch):
    disk(monkeypatch, store, 10 * BYTES)
    with pytest.raises(DiptychError, match=r"decoded: the decoded pictures take 0\.0 MB, and 0\.0"):
        make_room(store, 11 * BYTES)
    assert len(left(store)) == 4, "nothing is removed in vain"
    make_room(store, 9 * BYTES)


def test_what_a_process_uses_stays(store, monkeypatch):
    monkeypatch.setenv("DIPTYCH_CACHE_LIMIT", "0")
    part = open_part(store / named(4), 1, COLOURS.model_copy(update={"kind": "gray"}))
    assert part is not None
    make_room(store, 0)
    assert left(store) == ["4"]
    assert empty(store) == 0
    del part
    assert empty(store) == BYTES
    assert left(store) == []


def test_what_another_machine_used_within_the_week_stays(store, monkeypatch):
    monkeypatch.setenv("DIPTYCH_CACHE_LIMIT", "0")
    used(store / named(1), WEEK)
    assert not others_use(store)
    (store / ".01234567.machine").touch()
    assert others_use(store)
    make_room(store, 0)
    assert left(store) == ["2", "3", "4"]
    used(store / ".01234567.machine", WEEK)
    make_room(store, 0)
    assert left(store) == []


def test_files_of_earlier_versions_count_and_go(store, monkeypatch):
    monkeypatch.setenv("DIPTYCH_CACHE_LIMIT", str(5 * BYTES / GIGABYTE))
    a, b = f"{'a' * 32}.npy", f"{'b' * 32}.pixels"
    own = ["array.npy", "c.txt"]
    for name in (a, b, *own):
        (store.parent / name).write_bytes(bytes(BYTES))
        used(store.parent / name, 10 * 24 * HOUR)
    assert len(kept_files(store)) == 6
    make_room(store, 0)
    left_there = {path.name for path in store.parent.iterdir() if path.is_file()}
    assert left_there in ({a, *own}, {b, *own})
    (store / "film.part").write_bytes(bytes(BYTES))
    empty(store)
    assert sorted(path.name for path in store.parent.iterdir() if path.is_file()) == own
    assert left(store) == ["f"], "a person's own files are not ours"


def test_what_dead_builders_left_is_swept(store):
    living, dead = Claim.of(store, named(1)), Claim.of(store, named(2))
    dead.file.close()
    young, old = f".{'3' * 32}.01234567.aside", f".{'4' * 32}.01234567.aside"
    by_chance = f".{'5' * 32}.0123456789abcdef.aside"
    for name, seconds in ((young, 0), (old, HOUR + 9), (by_chance, HOUR + 9), (".my.aside", 1e6)):
        (store / name).touch()
        used(store / name, seconds)
    sweep(store)
    assert {path.name for path in store.glob(".*.aside")} == {living.path.name, young, ".my.aside"}
    living.drop()


@pytest.mark.parametrize("wrong", ["much", "-1", "nan", "inf", "50 GB"])
def test_a_bound_that_is_no_number_is_named(wrong, store, monkeypatch):
    monkeypatch.setenv("DIPTYCH_CACHE_LIMIT", wrong)
    with pytest.raises(DiptychError) as caught:
        make_room(store, 0)
    assert str(caught.value) == f"DIPTYCH_CACHE_LIMIT {wrong!r}: a number of gigabytes, as 50"


def test_a_reservation_where_the_file_system_has_none(monkeypatch, tmp_path):
    with (tmp_path / "a").open("wb") as file:
        space.reserve(file.fileno(), 100)
        assert (tmp_path / "a").stat().st_size == 100

        def cannot(*_: object) -> None:
            raise OSError(95, "not supported")

        monkeypatch.setattr(os, "posix_fallocate", cannot)
        space.reserve(file.fileno(), 200)


def test_bytes_in_words():
    assert [in_words(count) for count in (0, 12_345_678, 123_000_000, 5 * 10**10)] == [
        "0.0 MB",
        "12.3 MB",
        "0.1 GB",
        "50.0 GB",
    ]
