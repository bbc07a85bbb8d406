import shutil

import numpy as np
import pytest
from PIL import Image

from diptych.data.fitting import Fit
from diptych.data.pairs import COLOURS, Picture
from diptych.data.store import needs as needs_module
from diptych.data.store.decoded import decoded
from diptych.data.store.needs import needs
from diptych.data.store.place import store_folder
from diptych.data.store.wanted import Wanted

SHAPES = [(20, 30), (40, 40), (50, 20)]


@pytest.fixture
def pictures(tmp_path) -> list[Picture]:
    for number, shape in enumerate(SHAPES):
        Image.fromarray(np.zeros((*shape, 3), np.uint8)).save(tmp_path / f"{number}.png")
    return [Picture(tmp_path / f"{number}.png") for number in range(len(SHAPES))]


@pytest.mark.parametrize("kind", ["resize", "shorter", "patches"])
def test_what_it_will_take_is_what_it_takes(kind, pictures):
    fit = Fit(kind, (16, 16))
    wanted = [Wanted(pictures[1:], COLOURS, fit, pictures), Wanted(pictures, COLOURS, fit)]
    before = needs(wanted)
    assert 0 < before.seconds < 60
    assert not store_folder().exists(), "nothing is made"
    decoded(wanted)
    taken = sum(path.stat().st_size for path in store_folder().glob("*.part"))
    after = needs(wanted)
    assert before.missing == before.bytes == after.bytes == taken - 8
    assert (after.missing, after.seconds) == (0, 0)


def test_many_are_told_by_some_of_them(pictures, monkeypatch):
    fit = Fit("patches", (16, 16))
    exact = needs([Wanted(pictures, COLOURS, fit)])
    monkeypatch.setattr(needs_module, "HEADERS", 2)  # the first and the last
    about = needs([Wanted(pictures, COLOURS, fit)])
    first, last = (np.prod(shape) * 3 + 32 for shape in (SHAPES[0], SHAPES[-1]))
    assert about.bytes == (first + last) * 3 // 2
    assert exact.bytes == sum(np.prod(shape) * 3 + 32 for shape in SHAPES)


def test_bad_pictures_are_told_when_they_are_decoded(pictures, tmp_path):
    (tmp_path / "1.png").write_bytes(b"no picture")
    assert needs([Wanted(pictures, COLOURS, Fit("patches", (16, 16)))]).bytes > 0


def test_room_is_what_is_free_and_what_could_be_left(pictures, monkeypatch):
    wanted = [Wanted(pictures, COLOURS, Fit("resize", (16, 16)))]
    decoded(wanted)
    kept = sum(path.stat().st_size for path in store_folder().glob("*.part"))
    monkeypatch.setattr(shutil, "disk_usage", lambda _: type("Usage", (), {"free": 1000})())
    assert needs(wanted).room == 1000 + kept
    assert needs(wanted, store_folder() / "not" / "there").room == 1000
