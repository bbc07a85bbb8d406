import numpy as np
import pytest
from PIL import Image

from diptych.brought_folder import brought
from diptych.data.layouts import find_pairs
from diptych.errors import DiptychError
from diptych.images.rgb import read_image
from diptych.places import Place
from diptych.schema import Recipe


def fill(system, folder) -> None:
    for path in folder.rglob("*"):
        if path.is_file():
            system.pipe(f"/in/{path.relative_to(folder).as_posix()}", path.read_bytes())


def test_names_stand_at_once_and_files_come_when_they_are_opened(made_pairs, memory):
    fill(memory, made_pairs)
    here = find_pairs(made_pairs, Recipe())
    with brought(Place("memory://in")) as files:
        there = find_pairs(files.root, Recipe())
        assert {s: [p.name for p in ps] for s, ps in there.splits.items()} == {
            s: [p.name for p in ps] for s, ps in here.splits.items()
        }
        one, same = there.splits["train"][0].target, here.splits["train"][0].target
        assert one.path.stat().st_size == 0
        assert np.array_equal(one.read(), same.read())
        assert one.size == same.size
        copy = files(one.path)
        assert copy.is_file()
        assert files(one.path) == copy  # once
        files.let_go([one.path])
        assert not copy.exists()
        assert np.array_equal(one.read(), same.read())  # comes again
    assert not files.root.exists()


def test_lines_speak_of_the_place(memory):
    memory.pipe("/in/a.png", b"no picture")
    with (
        pytest.raises(DiptychError, match=r"^memory://in/a.png: not a picture"),
        brought(Place("memory://in")) as files,
    ):
        read_image(files.root / "a.png")


def test_a_file_that_has_gone_is_named(memory):
    memory.pipe("/in/a.png", b"no picture")
    with brought(Place("memory://in")) as files:
        memory.rm("/in/a.png")
        with pytest.raises(DiptychError) as caught:
            read_image(files.root / "a.png")
        assert files.in_words(str(caught.value)).startswith("memory://in/a.png: ")


def test_files_elsewhere_are_opened_as_they_are(memory, tmp_path):
    memory.pipe("/in/a.png", b"no picture")
    Image.new("RGB", (3, 2)).save(tmp_path / "b.png")
    with brought(Place("memory://in")):
        assert read_image(tmp_path / "b.png").size == (3, 2)


@pytest.mark.parametrize("names", [[], ["a", "a/b.png"]])
def test_what_cannot_be_a_folder_is_one_line(names, monkeypatch):
    monkeypatch.setattr(Place, "names", lambda _: names)
    with pytest.raises(DiptychError, match=r"^memory://in"), brought(Place("memory://in")):
        pass
