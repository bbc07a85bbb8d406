import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from diptych.data.layouts import find_pairs
from diptych.data.pairs import Pair, PairedData, Picture, cut_panel, resolve_direction
from diptych.data.splits import divide_as_begun, fill_splits
from diptych.errors import DiptychError
from diptych.schema import SPLITS, Data, Recipe


def pairs(count: int, prefix: str = "") -> list[Pair]:
    names = [f"{prefix}{i:03}" for i in range(count)]
    return [Pair(name, Picture(Path("a") / name), Picture(Path("b") / name)) for name in names]


def names(splits: dict[str, list[Pair]]) -> dict[str, list[str]]:
    return {split: [pair.name for pair in splits[split]] for split in SPLITS}


@pytest.mark.parametrize(
    ("given", "expected", "notes"),
    [
        ({"train": 100}, (85, 5, 10), ["test", "val"]),
        ({"train": 100, "test": 7}, (95, 5, 7), ["val"]),
        ({"train": 100, "val": 7}, (90, 7, 10), ["test"]),
        ({"train": 100, "val": 7, "test": 3}, (100, 7, 3), []),
        ({"train": 100, "val": 0}, (85, 5, 10), ["test", "val"]),
        ({"train": 5}, (3, 1, 1), ["test", "val"]),
        ({"test": 7}, (0, 0, 7), []),
        ({}, (0, 0, 0), []),
    ],
)
def test_a_slice_of_train_stands_in_for_a_missing_split(given, expected, notes):
    found = {split: pairs(count, split) for split, count in given.items()}
    splits, said = fill_splits(found, 0)
    assert tuple(len(splits[split]) for split in SPLITS) == expected
    assert [note.split()[1] for note in said] == notes
    for split, note in zip(notes, said, strict=True):
        assert f"no {split} split: {len(splits[split])} of {given['train']} training pairs" in note
        assert "kept out of training" in note
    everything = [name for side in names(splits).values() for name in side]
    given_names = [pair.name for split in SPLITS for pair in found.get(split, [])]
    assert sorted(everything) == sorted(given_names), "every pair is in one split alone"
    for split in SPLITS:
        if split not in notes and split != "train":
            assert splits[split] == found.get(split, [])


@pytest.mark.parametrize(
    ("count", "validated", "val", "test"),
    [(4000, 500, 200, 400), (20_000, 32, 32, 500), (20_000, 9999, 500, 500)],
)
def test_no_more_are_held_out_than_are_of_use(count, validated, val, test):
    splits, notes = fill_splits({"train": pairs(count)}, 0, validated=validated)
    sizes = tuple(len(splits[split]) for split in SPLITS)
    assert sizes == (count - val - test, val, test)
    assert f"{test} of {count} training pairs" in notes[0]


def test_val_stands_in_for_test_where_the_recipe_says_so():
    found = {"train": pairs(100), "val": pairs(7, "val")}
    splits, notes = fill_splits(found, 0, test_on_val=True)
    assert splits == found | {"test": found["val"]}
    assert notes == ["no test split: val stands in, as data.test says"]
    of_its_own = found | {"test": pairs(3, "test")}
    assert fill_splits(of_its_own, 0, test_on_val=True) == (of_its_own, [])
    splits, notes = fill_splits({"train": pairs(100)}, 0, test_on_val=True)
    assert tuple(len(splits[split]) for split in SPLITS) == (95, 5, 5)
    assert splits["val"] == splits["test"]
    assert len(notes) == 2


@pytest.mark.parametrize("split", ["", "val", "test"])
def test_a_run_goes_on_with_the_slices_it_began_with(split, tmp_path):
    """Which had no upper limit once."""
    for place in ("a", "b"):
        (tmp_path / place).mkdir()
    found = {"train": pairs(800), **({split: pairs(9, split)} if split else {})}
    found = {
        name: [
            Pair(p.name, *(Picture(tmp_path / s.path) for s in (p.source, p.target))) for p in some
        ]
        for name, some in found.items()
    }
    for pair in [pair for some in found.values() for pair in some]:
        pair.source.path.touch()
        pair.target.path.touch()

    def paired(**most) -> PairedData:
        splits, notes = fill_splits(found, 0, **most)
        return PairedData(
            tmp_path, "", ("A", "B"), splits, notes=["else", *notes], undivided=found["train"]
        )

    before, now = paired(most=10**6, validated=10**6), paired(validated=8)
    assert (before.splits != now.splits) is (split != "val")
    divide_as_begun(now, 0, before.fingerprint())
    assert now.splits == before.splits
    assert now.notes == before.notes
    divide_as_begun(now, 0, "of other pairs")
    assert now.splits == before.splits


def test_the_slice_follows_from_names_and_seed_alone():
    first = names(fill_splits({"train": pairs(100)}, 0)[0])
    assert names(fill_splits({"train": pairs(100)[::-1]}, 0)[0]) == first
    assert names(fill_splits({"train": pairs(100)}, 1)[0])["test"] != first["test"]
    assert first["test"] != [f"{i:03}" for i in range(10)], "not simply the first"
    assert all(side == sorted(side) for side in first.values())


@pytest.mark.parametrize("count", [1, 2, 4])
def test_too_few_pairs_are_validated_and_tested_on_themselves(count):
    splits, notes = fill_splits({"train": pairs(count)}, 0)
    assert splits["train"] == splits["val"] == splits["test"] == pairs(count)
    assert [note.split()[1] for note in notes] == ["test", "val"]
    assert all("train stands in" in note for note in notes)


@pytest.mark.parametrize(
    ("direction", "ends"),
    [
        ("a_to_b", (0, 1)),
        (" b_to_a ", (1, 0)),
        ("labels -> photo", (1, 0)),
        ("photo->edges", (0, 2)),
        (" edges   ->labels ", (2, 1)),
    ],
)
def test_directions(direction, ends):
    assert resolve_direction(Data(direction=direction), ("photo", "labels", "edges")) == ends


@pytest.mark.parametrize(
    "direction",
    ["", "AtoB", "labels", "labels -> labels", "labels -> x", "photo -> labels -> edges"],
)
def test_a_wrong_direction_names_the_right_ones(direction):
    with pytest.raises(DiptychError) as caught:
        resolve_direction(Data(direction=direction), ("photo", "labels", "edges"))
    assert str(caught.value) == (
        f"data.direction {direction!r}: give a_to_b or b_to_a, or 'photo -> labels' "
        "with any of photo, labels, edges"
    )


def test_names_are_offered_only_where_there_are_any():
    with pytest.raises(DiptychError, match=r"give a_to_b or b_to_a$"):
        resolve_direction(Data(direction="labels -> photo"), ())


@pytest.mark.parametrize("panels", [1, 2, 3])
def test_panels_lie_side_by_side(panels, tmp_path):
    strip = np.random.default_rng(0).integers(0, 256, (5, 4 * panels, 3), np.uint8)
    path = tmp_path / "strip.png"
    Image.fromarray(strip).save(path)
    for i in range(panels):
        picture = Picture(path, i, panels)
        assert np.array_equal(np.asarray(picture.read()), strip[:, 4 * i : 4 * i + 4])
        where = f" panel {i + 1} of {panels}" if panels > 1 else ""
        assert picture.describe() == f"strip.png{where}"


def test_panels_of_unequal_width_are_refused():
    with pytest.raises(DiptychError, match=r"^x/y\.png: 7 pixels wide, which is not 2 panels"):
        cut_panel(np.zeros((2, 7, 3), np.uint8), 0, 2, Path("x/y.png"))


def test_the_fingerprint_changes_with_the_pairs_and_not_with_their_place(tmp_path):
    root = tmp_path / "data"
    for split, count in (("train", 5), ("val", 1), ("test", 1)):
        (root / split).mkdir(parents=True)
        for i in range(count):
            (root / split / f"{split}{i}.png").write_bytes(bytes(i))

    def fingerprint(folder: Path) -> str:
        found: PairedData = find_pairs(folder, Recipe(data=Data(panels=("A", "B"))))
        return found.fingerprint()

    first = fingerprint(root)
    assert fingerprint(shutil.copytree(root, tmp_path / "copy")) == first
    seen = {first}
    (root / "train" / "train0.png").write_bytes(b"changed")
    seen.add(fingerprint(root))
    (root / "train" / "train1.png").rename(root / "train" / "renamed.png")
    seen.add(fingerprint(root))
    (root / "train" / "train2.png").rename(root / "val" / "train2.png")
    seen.add(fingerprint(root))
    (root / "test" / "more.png").touch()
    seen.add(fingerprint(root))
    assert len(seen) == 5


def test_names_need_not_be_unicode():
    odd = [Pair(os.fsdecode(bytes([200 + i])), *[Picture(Path("x"))] * 2) for i in range(8)]
    assert sorted(map(len, fill_splits({"train": odd}, 0)[0].values())) == [1, 1, 6]
