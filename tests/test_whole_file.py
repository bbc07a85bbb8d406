import os
from pathlib import Path

import pytest

from diptych.errors import DiptychError
from diptych.whole_file import whole_file


def files_below(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_the_old_file_stands_until_the_new_one_is_flushed(tmp_path, monkeypatch):
    path = tmp_path / "a.txt"
    path.write_text("old")
    flushed = []
    monkeypatch.setattr(os, "fsync", lambda number: flushed.append(path.read_text()))
    with whole_file(path) as aside:
        assert aside.parent == path.parent, "a rename across file systems is none"
        assert aside.suffix == ".txt", "the ending may choose a format"
        aside.write_text("new")
        assert path.read_text() == "old"
    assert flushed == ["old"]
    assert path.read_text() == "new"
    assert files_below(tmp_path) == ["a.txt"]


def test_missing_folders_are_made(tmp_path):
    with whole_file(tmp_path / "b" / "c" / "d") as aside:
        aside.write_bytes(b"1")
    assert (tmp_path / "b" / "c" / "d").read_bytes() == b"1"


@pytest.mark.parametrize("error", [KeyboardInterrupt, DiptychError, RuntimeError])
def test_what_fails_halfway_leaves_the_old_file_and_nothing_else(error, tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")
    with pytest.raises(error, match="halfway"), whole_file(path) as aside:  # noqa: PT012
        aside.write_text("ne")
        raise error("halfway")
    assert path.read_text() == "old"
    assert files_below(tmp_path) == ["a.txt"]


@pytest.mark.parametrize("place", ["file/a.txt", "file/b/a.txt", "folder", f"{'n' * 300}.txt"])
def test_what_cannot_be_written_is_named_in_one_line(place, tmp_path):
    (tmp_path / "file").write_text("old")
    (tmp_path / "folder").mkdir()
    with pytest.raises(DiptychError) as caught, whole_file(tmp_path / place) as aside:
        aside.write_text("new")
    assert str(caught.value).startswith(f"{tmp_path / place}: cannot be written: ")
    assert "\n" not in str(caught.value)
    assert files_below(tmp_path) == ["file"]


def test_a_full_disk_is_named_and_half_a_file_removed(tmp_path):
    path = tmp_path / "a.txt"
    full = pytest.raises(DiptychError, match=r"a\.txt: cannot be written: No space")
    with full, whole_file(path) as aside:
        aside.write_text("ne")
        raise OSError(28, "No space left on device")
    assert files_below(tmp_path) == []
