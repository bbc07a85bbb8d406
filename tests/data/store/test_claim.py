import os

import pytest

from diptych.data.store import claim as claims
from diptych.data.store.claim import STUCK, Claim

NAME = "abc.part"


def held(folder) -> Claim:
    claim = Claim.of(folder, NAME)
    assert claim is not None
    return claim


def test_one_makes_a_part_and_another_sees_it(tmp_path):
    first = held(tmp_path)
    assert Claim.of(tmp_path, NAME) is None
    Claim.of(tmp_path, "other.part").drop()
    first.file.write(b"whole")
    first.file.flush()
    first.become(tmp_path / NAME)
    first.drop()
    assert (tmp_path / NAME).read_bytes() == b"whole"
    held(tmp_path).drop()
    assert [path.name for path in tmp_path.glob("*abc*")] == [NAME]


def test_what_is_dropped_is_gone_and_free(tmp_path):
    held(tmp_path).drop()
    assert not list(tmp_path.iterdir())
    held(tmp_path).drop()


def test_who_has_died_holds_nothing(tmp_path):
    dead = held(tmp_path)
    dead.file.write(b"half")
    dead.file.close()  # as a killed process leaves it
    (left,) = tmp_path.iterdir()
    again = held(tmp_path)
    assert again.path == left, "and what it left lies nowhere twice"
    assert left.stat().st_size == 0
    again.drop()


def test_who_writes_nothing_is_not_waited_for(tmp_path):
    first = held(tmp_path)
    os.utime(first.path, (0, first.path.stat().st_mtime - STUCK - 1))
    second = held(tmp_path)
    assert second.path != first.path
    for one in (first, second):
        one.become(tmp_path / NAME)
    assert [path.name for path in tmp_path.iterdir()] == [NAME]


@pytest.mark.parametrize("reason", ["another machine", "no locks"])
def test_where_locks_do_not_reach_each_has_a_file_of_its_own(reason, tmp_path, monkeypatch):
    first = held(tmp_path)
    if reason == "another machine":
        monkeypatch.setattr(claims, "machine", lambda: "ffffffff")
    else:
        first.drop()
        monkeypatch.setattr(claims, "lock", lambda *_, **__: None)
        first = held(tmp_path)
    second = held(tmp_path)
    assert first.path != second.path
    for one in (first, second):
        one.become(tmp_path / NAME)
    assert [path.name for path in tmp_path.iterdir()] == [NAME]
