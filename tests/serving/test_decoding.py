"""No file takes the server down or hangs it: it is decoded in a process that is replaced."""

import os
import signal
import threading
import time
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from diptych.errors import DiptychError
from diptych.images.arrays import read_array
from diptych.images.domain import Domain, plain
from diptych.images.geo import geo_tags
from diptych.serving.picture_decoder import Decoder

PHOTO = plain("photo")


@pytest.fixture(scope="module")
def shared():
    decoder = Decoder()
    yield decoder
    decoder.close()


@pytest.fixture
def photo(tmp_path) -> Path:
    values = np.random.default_rng(0).integers(0, 256, (40, 48, 3), np.uint8)
    Image.fromarray(values).save(tmp_path / "a.png")
    return tmp_path / "a.png"


def test_what_comes_back_is_what_reading_gives(shared, photo, tmp_path):
    np.testing.assert_array_equal(shared.read(photo, PHOTO), read_array(photo, PHOTO))
    bands = np.random.default_rng(0).normal(size=(20, 30, 5)).astype(np.float32)
    path = tmp_path / "bands.tif"
    place = [(33550, 12, 3, (0.5, 0.25, 0.0), True), (33922, 12, 6, (0, 0, 0, 9.1, 4e6, 0), True),
             (34737, 2, 0, "WGS 84|", True)]  # fmt: skip
    tifffile.imwrite(path, bands, photometric="minisblack", planarconfig="contig", extratags=place)
    domain = Domain(name="b", kind="values", channels=5, dtype="float32", range=((-3, 3),))
    np.testing.assert_array_equal(shared.read(path, domain), bands)
    for size in ((20, 30), (40, 60)):
        assert shared.geo_tags(path, size) == geo_tags(path, size) != []
    assert shared.geo_tags(photo, (40, 48)) == []
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.png", "bands.tif"], "nothing stays"


def test_errors_are_those_of_reading(shared, tmp_path):
    bad = tmp_path / "bad.png"
    bad.write_bytes(b"no picture")
    for path in (bad, tmp_path / "none.png"):
        with pytest.raises(DiptychError) as inside:
            read_array(path, PHOTO)
        with pytest.raises(DiptychError) as beside:
            shared.read(path, PHOTO)
        assert str(beside.value) == str(inside.value)


def test_a_process_that_was_killed_is_replaced_and_the_request_answered(photo):
    decoder = Decoder()
    try:
        expected = decoder.read(photo, PHOTO)
        for _ in range(2):
            before = decoder.process
            os.kill(before.pid, signal.SIGKILL)
            np.testing.assert_array_equal(decoder.read(photo, PHOTO), expected)
            assert decoder.process.pid != before.pid
            assert not before.is_alive()
    finally:
        decoder.close()


def test_a_file_that_ends_it_again_and_again_is_named(photo, tmp_path):
    """Killed from outside as soon as it works: a stand-in for what a library may crash on."""
    decoder, done = Decoder(), threading.Event()
    try:
        decoder.read(photo, PHOTO)
        slow = tmp_path / "slow.png"
        slow.write_bytes(b"P2 12000 12000 255\n" + b"1 " * 20_000_000)

        def kill() -> None:
            while not done.wait(0.2):
                process = decoder.process
                if process is not None and process.pid:
                    os.kill(process.pid, signal.SIGSEGV)

        killer = threading.Thread(target=kill)
        killer.start()
        with pytest.raises(DiptychError, match=r"slow\.png: cannot be read: damaged, or it takes"):
            decoder.read(slow, Domain(name="g", kind="values", channels=1))
        done.set()
        killer.join()
        assert decoder.read(photo, PHOTO).shape == (40, 48, 3)
    finally:
        done.set()
        decoder.close()


def test_what_takes_too_long_is_ended_and_said(photo, tmp_path):
    decoder = Decoder(seconds=1)
    try:
        decoder.read(photo, PHOTO)
        slow = tmp_path / "slow.png"
        slow.write_bytes(b"P2 12000 12000 255\n" + b"1 " * 20_000_000)
        begun = time.monotonic()
        with pytest.raises(DiptychError, match=r"slow\.png: takes longer than 1 seconds to read"):
            decoder.read(slow, Domain(name="g", kind="values", channels=1))
        assert time.monotonic() - begun < 10
        assert decoder.read(photo, PHOTO).shape == (40, 48, 3)
    finally:
        decoder.close()


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="limits memory by Linux's way")
def test_what_takes_too_much_is_refused_and_the_process_goes_on(photo, tmp_path, monkeypatch):
    monkeypatch.setenv("DIPTYCH_MAX_PIXELS", "400000000")
    large = tmp_path / "large.npy"
    np.lib.format.open_memmap(large, "w+", np.float64, (12000, 12000)).flush()  # a hole
    decoder = Decoder(room=2**28)
    try:
        with pytest.raises(DiptychError, match=r"large\.npy: cannot be read: Unable to allocate"):
            decoder.read(large, Domain(name="g", kind="values", channels=1, dtype="float64"))
        assert decoder.read(photo, PHOTO).shape == (40, 48, 3)
    finally:
        decoder.close()
