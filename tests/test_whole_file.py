import contextlib
import errno
import os
import threading
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from diptych.errors import DiptychError, DiskFullError
from diptych.images.mux import WRITABLE
from diptych.images.writing import save_image, write_values
from diptych.whole_file import whole_file, write_whole


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
    full = pytest.raises(DiskFullError, match=r"a\.txt: cannot be written: No space")
    with full, whole_file(path) as aside:
        aside.write_text("ne")
        raise OSError(errno.ENOSPC, "No space left on device")
    assert files_below(tmp_path) == []


@pytest.mark.parametrize("writing", ["bytes", "large", "png", "webp", "npy", "tif"])
def test_a_disk_that_is_full_is_told_from_other_faults(writing, small_disk):
    noise = np.random.default_rng(0).integers(0, 256, (1500, 1500, 3), np.uint8)
    ways = {
        "bytes": lambda path: write_whole(path, bytes(2**20 - 1)),
        "large": lambda path: write_whole(path, bytes(2**23)),
        "png": lambda path: save_image(Image.fromarray(noise), path),
        "webp": lambda path: save_image(Image.fromarray(noise), path),
        "npy": lambda path: write_values(path, noise.astype(np.float32)),
        "tif": lambda path: write_values(path, noise),
    }
    path = small_disk / f"a.{writing}"
    path.write_text("old")
    with pytest.raises(DiskFullError) as caught:
        ways[writing](path)
    assert str(caught.value) == f"{path}: cannot be written: No space left on device"
    assert path.read_text() == "old"
    assert files_below(small_disk) == [path.name]


@pytest.mark.parametrize("name", ["n" * 255, f"{'n' * 251}.png", f"a.{'n' * 253}", "é" * 127])
def test_names_may_be_as_long_as_the_system_has_them(name, tmp_path):
    with whole_file(tmp_path / name) as aside:
        assert len(os.fsencode(aside.name)) < 50
        aside.write_text("new")
    write_whole(tmp_path / name, "newer")
    assert (tmp_path / name).read_text() == "newer"


@pytest.mark.parametrize("ending", [".png", ".tiff", ".safetensors", ".onnx", *WRITABLE])
def test_the_ending_stays(ending, tmp_path):
    with whole_file(tmp_path / f"a.b{ending}") as aside:
        assert aside.suffix == ending
        assert aside.name.startswith(".")


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o664, 0o444])
def test_a_file_hands_down_its_permissions(mode, tmp_path):
    path = tmp_path / "a"
    path.write_text("old")
    path.chmod(mode)
    write_whole(path, "new")
    assert path.stat().st_mode & 0o777 == mode
    before = os.umask(0o027)
    try:
        write_whole(tmp_path / "b", "new")
    finally:
        os.umask(before)
    assert (tmp_path / "b").stat().st_mode & 0o777 == 0o640


def test_a_link_in_its_place_is_replaced_and_never_followed(tmp_path):
    (tmp_path / "other").write_text("other")
    (tmp_path / "a").symlink_to(tmp_path / "other")
    write_whole(tmp_path / "a", "new")
    assert not (tmp_path / "a").is_symlink()
    assert (tmp_path / "other").read_text() == "other"


@pytest.mark.parametrize("planted", ["link", "file"])
def test_what_takes_the_place_of_the_temporary_file_is_not_taken_for_it(planted, tmp_path):
    path, other = tmp_path / "a", tmp_path / "other"
    other.write_text("other")
    taken = pytest.raises(DiptychError, match="another file took its place")
    with taken, whole_file(path) as aside:
        aside.unlink()
        aside.symlink_to(other) if planted == "link" else aside.write_text("planted")
    assert files_below(tmp_path) == ["other"]


def test_a_temporary_name_that_is_taken_is_not_written_to(tmp_path, monkeypatch):
    monkeypatch.setattr("secrets.token_hex", lambda _: "0")
    (tmp_path / "other").write_text("other")
    (tmp_path / ".0.tmp").symlink_to(tmp_path / "other")
    with pytest.raises(DiptychError, match="File exists"):
        write_whole(tmp_path / "a", "new")
    assert (tmp_path / "other").read_text() == "other"
    assert (tmp_path / ".0.tmp").is_symlink(), "it is another's"


def test_writers_of_one_file_never_mix(tmp_path):
    path, contents = tmp_path / "a", [bytes([letter]) * 50_000 for letter in b"abcd"]

    def write(content: bytes) -> None:
        for _ in range(20):
            with whole_file(path) as aside, aside.open("wb") as file:
                for start in range(0, len(content), 10_000):
                    file.write(content[start : start + 10_000])

    threads = [threading.Thread(target=write, args=(content,)) for content in contents]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        with contextlib.suppress(FileNotFoundError):
            assert path.read_bytes() in contents
    assert files_below(tmp_path) == ["a"]
