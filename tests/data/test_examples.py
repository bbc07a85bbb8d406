import io
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from diptych.config import load_recipe
from diptych.data.kept.keeping import keep
from diptych.data.layouts import find_pairs
from diptych.errors import DiptychError


def flat(value: int) -> np.ndarray:
    return np.full((8, 8, 3), value, np.uint8)


def encoded(value: int, form: str = "PNG") -> bytes:
    file = io.BytesIO()
    Image.fromarray(flat(value)).save(file, form)
    return file.getvalue()


def some(count: int = 6, **more) -> list[dict]:
    return [{"a": flat(i), "b": flat(100 + i)} | more for i in range(count)]


class Known:
    """Examples with an identity, which count how often somebody goes through them."""

    def __init__(self, examples: list[dict], identity: str = "one") -> None:
        self.examples, self.identity, self.passes = examples, identity, 0

    location = "a:/strange name"

    def __iter__(self):
        self.passes += 1
        return iter(self.examples)


def test_every_form_of_picture_becomes_a_pair(tmp_path):
    path = tmp_path / "here.png"
    path.write_bytes(encoded(9))
    forms = [flat(9), encoded(9), Image.fromarray(flat(9)), path, str(path)]
    table = keep([{"a": form, "b": encoded(1)} for form in forms])
    pairs = find_pairs(table, load_recipe()).splits
    kept = sorted((p for split in pairs.values() for p in split), key=lambda p: p.name)
    assert [pair.name for pair in kept] == [f"{i:06}" for i in range(5)]
    for pair in kept:
        np.testing.assert_array_equal(pair.source.read(), flat(9))
    assert kept[3].source.path == path
    stored = kept[1].source.path
    assert (stored.read_bytes(), stored.suffix) == (encoded(9), ".png")


def test_splits_and_names():
    examples = [
        {"a": flat(1), "b": flat(2), "split": split, "name": name}
        for split in ("train", "Validation", "testing")
        for name in ("one", "place/two", 3)
    ]
    pairs = find_pairs(keep(examples), load_recipe()).splits
    assert list(pairs) == ["test", "val", "train"]
    for split in pairs.values():
        assert sorted(pair.name for pair in split) == ["3", "one", "place/two"]


def test_without_an_identity_the_same_content_is_kept_once(tmp_path):
    first = keep(some())
    made = {path: path.stat().st_mtime_ns for path in first.parent.rglob("*")}
    assert keep(iter(some())) == first
    assert {path: path.stat().st_mtime_ns for path in first.parent.rglob("*")} == made
    others = [
        some(5),
        some(c=flat(0)),
        some(split="val"),
        [{"a": e["b"], "b": e["a"]} for e in some()],
    ]
    assert len({keep(other) for other in others} | {first}) == 5
    # Of a file, its time of change is looked at.
    path = tmp_path / "a.png"
    path.write_bytes(encoded(1))
    before = keep([{"a": path}])
    path.write_bytes(encoded(2))
    assert keep([{"a": path}]) != before


def test_with_an_identity_they_are_gone_through_once():
    known = Known(some())
    table = keep(known)
    assert keep(known) == table
    assert known.passes == 1
    assert table.parent.name.startswith("a-strange-name-")
    assert keep(Known(some(), "two")) != table
    nameless = type("Nameless", (), {"identity": "one", "__iter__": lambda _: iter(some())})
    assert keep(nameless()) == keep(nameless())


@pytest.mark.parametrize(
    "stop", [DiptychError("damaged"), KeyboardInterrupt(), ZeroDivisionError()]
)
def test_nothing_is_left_of_half_a_block(stop, monkeypatch, tmp_path):
    monkeypatch.setenv("DIPTYCH_CACHE", str(tmp_path))

    def broken():
        yield from some(3)
        raise stop

    counted: list[tuple[int, int]] = []
    known = Known([])
    known.__class__ = type("Broken", (Known,), {"__iter__": lambda self: broken()})
    with pytest.raises(type(stop)):
        keep(known, lambda *count: counted.append(count))
    assert counted == [(1, 0), (2, 0), (3, 0), (3, 3)]
    assert [path.name for path in (tmp_path / "kept").rglob("*.*")] == ["source.json"]
    with pytest.raises(type(stop)):
        keep(broken())
    assert [path.name for path in (tmp_path / "kept").rglob("*.*")] == ["source.json"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"b": None}, "data, example 2, b: nothing: give a path"),
        ({"b": b"<html>"}, "data, example 2, b: not a picture of a known format"),
        ({"c": flat(0)}, "data, example 2: has a and b and c; the first has a and b"),
        ({"split": "later"}, "data, example 2: split 'later' is none of train, val, test"),
        ({"name": "000000"}, "data, example 2: the same name, '000000', as data, example 1"),
        ({"name": "../a"}, "data, example 2: the name '../a' would lead out of a folder"),
        ({"name": "x\\..\\a"}, "would lead out of a folder"),
        ({"name": "/a"}, "would lead out of a folder"),
        ({"name": "C:a"}, "would lead out of a folder"),
    ],
)
def test_an_odd_example_is_named(changes, message):
    examples = some(3)
    examples[1] |= changes
    with pytest.raises(DiptychError) as caught:
        keep(examples)
    assert message in str(caught.value)


def test_what_is_no_example_is_said():
    with pytest.raises(DiptychError, match="data: no examples"):
        keep([])
    with pytest.raises(DiptychError, match="example 1: a tuple, not a mapping"):
        keep([(flat(0), flat(1))])
    with pytest.raises(DiptychError, match="example 2: a NoneType, not a mapping"):
        keep([*some(1), None])
    with pytest.raises(DiptychError, match="example 1: has no pictures"):
        keep([{"split": "train"}])


def test_the_name_of_a_domain_leads_nowhere():
    table = keep([{"../../a": flat(1), "b/c\\é": flat(2)}])
    (row,) = map(json.loads, table.read_text().splitlines())
    for cell in (row["../../a"], row["b/c\\é"]):
        assert (table.parent / cell).resolve().parent == table.parent / "00000" / "00000"


def test_a_cache_that_cannot_be_written_is_named(monkeypatch, tmp_path):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("DIPTYCH_CACHE", str(tmp_path / "file"))
    with pytest.raises(DiptychError, match="file/kept: cannot be written"):
        keep(some())
    assert Path(tmp_path / "file").is_file()
