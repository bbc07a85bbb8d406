"""Picture files that hypothesis makes up, beside those of `tests/test_damaged_files.py`."""

import numpy as np
import pytest
from hypothesis import strategies as st
from tests.fuzz import damaged, fuzzed, give
from tests.test_damaged_files import WAYS, originals

from diptych.images.limits import VARIABLE
from diptych.images.video_frames import open_clip

FILES = originals()


@pytest.fixture(autouse=True)
def few_pixels(monkeypatch):
    """So that what is within the limit takes little."""
    monkeypatch.setenv(VARIABLE, "1000000")


@pytest.mark.parametrize("name", FILES)
@fuzzed(draw=st.data())
def test_pictures(name, draw, tmp_path):
    path = tmp_path / name
    path.write_bytes(draw.draw(damaged([FILES[name]])))
    for way in WAYS:
        give(lambda way=way: way(path), names=path)


CODECS = {"mp4": "libx264", "webm": "libvpx", "avi": "mpeg4", "mkv": "libx264", "mov": "mpeg4"}


@pytest.fixture
def clip(ending, make_clip, tmp_path) -> bytes:
    pictures = np.random.default_rng(0).integers(0, 256, (4, 32, 48, 3), np.uint8)
    path = make_clip(tmp_path / f"whole.{ending}", pictures, codec=CODECS[ending], audio="")
    return path.read_bytes()


@pytest.mark.parametrize("ending", CODECS)
@fuzzed(draw=st.data())
def test_videos(ending, draw, clip, tmp_path):
    path = tmp_path / f"clip.{ending}"
    path.write_bytes(draw.draw(damaged([clip])))

    def frames() -> int:
        return sum(1 for _ in open_clip(path).frames())

    give(frames, names=path)


def test_a_title_that_is_not_utf_8_found_before(make_clip, tmp_path):
    """As older programs wrote them."""
    pictures = np.zeros((2, 32, 48, 3), np.uint8)
    path = make_clip(tmp_path / "clip.webm", pictures, codec="libvpx", audio="")
    content = path.read_bytes()
    path.write_bytes(content.replace(b"Lavf", b"L\xe4vf"))
    assert open_clip(path).count == 2
