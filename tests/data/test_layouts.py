import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from diptych.config import load_recipe
from diptych.data.derive import DERIVATIONS
from diptych.data.layouts import find_pairs, look_for_pairs
from diptych.data.pairs import PairedData
from diptych.errors import DiptychError
from diptych.schema import SPLITS, Data, Recipe

COUNTS = {"train": 3, "val": 2, "test": 1}
WORDS = [
    ("train", "val", "test"),
    ("training", "validation", "testing"),
    ("train", "valid", "test"),
]


def make(root: Path, *names: str) -> Path:
    """Files by these names: finding pairs opens none of them."""
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    return root


def write_both(path: Path, number: int = 0, size: int = 64) -> None:
    """A picture that holds a shape and, beside it, its mask."""
    random = np.random.default_rng(number)
    rows, columns = np.mgrid[:size, :size]
    photo = np.full((size, size, 3), random.integers(90, 160, 3), np.uint8)
    for _ in range(3):
        x, y = random.integers(size // 6, size - size // 6, 2)
        photo[np.hypot(columns - x, rows - y) < size // 7] = random.integers(180, 256, 3)
    mask = (photo != photo[0, 0]).any(axis=2, keepdims=True).repeat(3, 2) * np.uint8(255)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.concatenate([photo, mask], 1)).save(path)


def write_split(folder: Path, count: int) -> list[str]:
    """So many pictures that hold both, the first in a subfolder; their names."""
    names = ["sub/0", *(str(i) for i in range(1, count))]
    for number, name in enumerate(names):
        write_both(folder / f"{name}.png", number)
    return sorted(names)


def make_split(folder: Path, count: int, ending: str = "png") -> list[str]:
    """So many pictures, the first in a subfolder; their names."""
    names = ["sub/0", *(str(i) for i in range(1, count))]
    make(folder, *(f"{name}.{ending}" for name in names))
    return sorted(names)


def files(found: PairedData, split: str) -> list[tuple[str, str, str]]:
    return [
        (
            pair.name,
            pair.source.path.relative_to(found.root).as_posix(),
            pair.target.path.relative_to(found.root).as_posix(),
        )
        for pair in found.splits[split]
    ]


def one_line(root: Path, **data) -> str:
    with pytest.raises(DiptychError) as caught:
        find_pairs(root, Recipe(data=Data(**data)))
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("words", WORDS)
def test_side_by_side_in_splits(words, tmp_path):
    names = {
        split: write_split(tmp_path / word, COUNTS[split])
        for split, word in zip(SPLITS, words, strict=True)
    }
    found = find_pairs(tmp_path, Recipe(data=Data()))
    assert {split: [pair.name for pair in found.splits[split]] for split in SPLITS} == names
    assert found.notes == []
    assert found.domains == ("A", "B")
    assert found.strip == (2, 0, 1)
    pair = found.splits["train"][0]
    assert pair.source.path == pair.target.path == tmp_path / words[0] / "1.png"
    assert (pair.source.panel, pair.target.panel, pair.source.panels) == (0, 1, 2)


def test_side_by_side_without_splits(tmp_path):
    write_split(tmp_path, 30)
    found = find_pairs(tmp_path, Recipe(data=Data(direction="b_to_a")))
    assert {split: len(found.splits[split]) for split in SPLITS} == {
        "train": 26,
        "val": 1,
        "test": 3,
    }
    assert (found.strip, found.domains) == ((2, 1, 0), ("B", "A"))


@pytest.mark.parametrize("words", WORDS)
@pytest.mark.parametrize(
    ("spelling", "a", "b", "domains"),
    [
        ("{side}/{word}", "A", "B", ()),
        ("{word}/{side}", "A", "B", ()),
        ("{word}{side}", "A", "B", ()),
        ("{word}_{side}", "A", "B", ()),
        ("{side}/{word}", "a", "b", ()),
        ("{side}/{word}", "photo", "labels", ("photo", "labels")),
        ("{word}/{side}", "photo", "labels", ("photo", "labels")),
        ("{word}_{side}", "photo", "labels", ("photo", "labels")),
        ("{word}/{side}", "A", "B", ("photo", "labels")),
    ],
)
def test_two_folders_in_the_usual_spellings(spelling, a, b, domains, words, tmp_path):
    for split, word in zip(SPLITS, words, strict=True):
        make_split(tmp_path / spelling.format(side=a, word=word), COUNTS[split])
        make_split(tmp_path / spelling.format(side=b, word=word), COUNTS[split], "jpg")
    forth = find_pairs(tmp_path, Recipe(data=Data(domains=domains)))
    direction = f"{domains[1]} -> {domains[0]}" if domains else "b_to_a"
    back = find_pairs(tmp_path, Recipe(data=Data(domains=domains, direction=direction)))
    for split, word in zip(SPLITS, words, strict=True):
        sides = [spelling.format(side=side, word=word) for side in (a, b)]
        names = sorted(["sub/0", "1", "2"][: COUNTS[split]])
        expected = [(name, f"{sides[0]}/{name}.png", f"{sides[1]}/{name}.jpg") for name in names]
        assert files(forth, split) == expected
        assert files(back, split) == [(name, target, source) for name, source, target in expected]
    assert forth.domains == (domains or ("A", "B"))
    assert back.domains == forth.domains[::-1]
    assert forth.strip is back.strip is None
    assert forth.notes == back.notes == []


@pytest.mark.parametrize(
    ("folders", "data"),
    [
        (("A", "B"), {}),
        (("a", "b"), {}),
        (("photo", "labels"), {"domains": ("photo", "labels")}),
        (("left/in", "right"), {"source": "left/in", "target": "right"}),
    ],
)
def test_two_folders_without_splits(folders, data, tmp_path):
    for folder in folders:
        make_split(tmp_path / folder, 12)
    found = find_pairs(tmp_path, Recipe(data=Data(**data)))
    assert [len(found.splits[split]) for split in SPLITS] == [10, 1, 1]
    pairs = [entry for split in SPLITS for entry in files(found, split)]
    assert sorted(pairs) == sorted(
        (name, f"{folders[0]}/{name}.png", f"{folders[1]}/{name}.png")
        for name in ["sub/0", *map(str, range(1, 12))]
    )


@pytest.mark.parametrize("direction", ["a_to_b", "b_to_a", "labels -> photo"])
def test_two_folders_named_in_the_recipe_need_no_direction(direction, tmp_path):
    for word in ("train", "val", "testing"):
        make(tmp_path, f"noisy/{word}/1.png", f"clean/{word}/1.jpg")
    found = find_pairs(
        tmp_path, Recipe(data=Data(source="noisy", target="clean", direction=direction))
    )
    assert files(found, "test") == [("1", "noisy/testing/1.png", "clean/testing/1.jpg")]
    assert found.domains == ("noisy", "clean")
    assert found.notes == []


def test_named_folders_may_lie_elsewhere(tmp_path):
    for folder in ("here/clean", "there/noisy"):
        make_split(tmp_path / folder, 5)
    make(tmp_path, "there/noisy/alone.png")
    data = Data(source=str(tmp_path / "there" / "noisy"), target="clean")
    found = find_pairs(tmp_path / "here", Recipe(data=data))
    assert sum(len(found.splits[split]) for split in SPLITS) == 5
    assert str(tmp_path / "there" / "noisy" / "alone.png") in found.notes[0]


def test_a_named_folder_that_is_missing_is_named_by_its_key(tmp_path):
    make(tmp_path, "noisy/1.png")
    message = one_line(tmp_path, source="noisy", target="clear")
    assert message == f"data.target: {tmp_path / 'clear'} is not a folder"


def write_strip(path: Path, *colours: tuple[int, int, int]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    strip = np.concatenate([np.full((4, 6, 3), colour, np.uint8) for colour in colours], 1)
    Image.fromarray(strip).save(path)


def test_strips_of_several_panels(tmp_path):
    colours = [(10, 0, 0), (0, 20, 0), (0, 0, 30), (40, 40, 40)]
    write_strip(tmp_path / "train" / "1.png", *colours)
    panels = ("aerial", "street", "aerial segmentation", "street segmentation")
    for direction, source, target in (
        ("a_to_b", 0, 1),
        ("street -> aerial", 1, 0),
        ("street segmentation->street", 3, 1),
    ):
        found = find_pairs(tmp_path, Recipe(data=Data(panels=panels, direction=direction)))
        (pair,) = found.splits["train"]
        for picture, panel in ((pair.source, source), (pair.target, target)):
            pixels = picture.read()
            assert pixels.shape == (4, 6, 3)
            assert (pixels == colours[panel]).all()
        assert found.strip == (4, source, target)
        assert found.domains == (panels[source], panels[target])
    message = one_line(tmp_path, panels=panels, direction="street -> space")
    assert "'street -> space'" in message
    assert ", ".join(panels) in message


def test_a_strip_that_does_not_divide_is_named_with_its_width(tmp_path):
    write_strip(tmp_path / "train" / "1.png", (1, 2, 3))
    data = Data(panels=("a", "b", "c", "d"))
    (pair,) = find_pairs(tmp_path, Recipe(data=data)).splits["train"]
    with pytest.raises(DiptychError, match=r"1\.png: 6 pixels wide, which is not 4 panels"):
        pair.source.read()


def test_a_picture_without_a_partner_is_left_out_and_named(tmp_path):
    make(tmp_path, "train/A/1.png", "train/B/1.jpg", "train/B/sub/2.png")
    make(tmp_path, *(f"train/A/x{i}.png" for i in range(7)))
    found = find_pairs(tmp_path, Recipe(data=Data()))
    assert [pair.name for pair in found.splits["train"]] == ["1"]
    ours = ", ".join(str(Path(f"train/A/x{i}.png")) for i in range(5))
    assert found.notes[:2] == [
        f"{ours} and 2 more left out: no partner in B",
        f"{Path('train/B/sub/2.png')} left out: no partner in A",
    ]


@pytest.mark.parametrize(
    ("names", "folder"),
    [
        (["A/1.png", "A/1.jpg", "B/1.png"], "A"),
        (["A/1.png", "B/1.png", "B/1.PNG"], "B"),
        (["train/A/1.png", "train/B/1.png", "train/B/1.jpg"], "train/B"),
    ],
)
def test_files_that_would_be_one_pair_are_named(names, folder, tmp_path):
    message = one_line(make(tmp_path, *names))
    both = [name for name in names if name.startswith(folder)]
    assert "would be the same pair" in message
    assert all(Path(name).name in message for name in both)
    assert str(tmp_path / folder) in message


def test_folders_that_share_no_name_are_an_error(tmp_path):
    make(tmp_path, "A/train/one.png", "B/train/two.png", "A/val/1.png", "B/val/1.png")
    message = one_line(tmp_path)
    assert "no two pictures share a name" in message
    assert str(tmp_path / "A" / "train") in message
    assert "no two pictures share a name" in one_line(tmp_path, source="A/train", target="B/train")


@pytest.mark.parametrize(
    ("names", "data", "part"),
    [
        ([], {}, "there are no pictures"),
        (["train/notes.txt", "test/.1.png"], {}, "there are no pictures, but 1 .txt"),
    ],
)
def test_where_nothing_is_found_it_says_what_would_be_right(names, data, part, tmp_path):
    message = one_line(make(tmp_path, *names), **data)
    assert message.startswith(f"{tmp_path}: no pairs found: ")
    assert message.endswith(part)


def test_no_folder_at_all(tmp_path):
    make(tmp_path, "file")
    for name in ("file", "none"):
        assert one_line(tmp_path / name) == (
            f"{tmp_path / name}: no such folder of pairs, "
            "nor a table (.csv, .jsonl, .parquet) or shards (.tar)"
        )


def test_two_folders_of_unknown_names_are_not_cut_in_two(tmp_path):
    """In `train` they could be taken for pictures that hold both."""
    for split in ("train", "test"):
        for side in ("clean", "noisy"):
            make(tmp_path, *(f"{split}/{side}/{i}.png" for i in range(8)))
    make(tmp_path, "train/noisy/alone.png")
    assert find_pairs(tmp_path, Recipe()).domains == ("noisy", "clean")
    found = find_pairs(
        tmp_path, Recipe(data=Data(domains=("clean", "noisy"), direction="noisy -> clean"))
    )
    assert files(found, "test")[0] == ("0", "test/noisy/0.png", "test/clean/0.png")
    found = find_pairs(tmp_path, Recipe(data=Data(panels=("A", "B"))))
    assert len(found.splits["test"]) == 16


def test_subfolders_of_side_by_side_pictures_may_share_a_few_names(tmp_path):
    for number in range(9):
        write_both(tmp_path / f"train/cats/{number}.png", number)
    write_both(tmp_path / "train/dogs/1.png", 10)
    write_both(tmp_path / "val/1.png", 11)
    assert len(find_pairs(tmp_path, Recipe(data=Data())).splits["train"]) == 9


def test_no_training_pairs_is_noted_and_nothing_stands_in(tmp_path):
    write_both(tmp_path / "test/1.png")
    found = find_pairs(tmp_path, Recipe(data=Data()))
    assert {split: len(found.splits[split]) for split in SPLITS} == {
        "train": 0,
        "val": 0,
        "test": 1,
    }
    assert found.notes == ["no train split: there is nothing to train on"]


def test_linked_folders_and_names_of_any_kind(tmp_path):
    stems = ["b.1", "\u00fc \u00e9", "'quotes\"", "[x]*", os.fsdecode(b"no unicode \xff")]
    try:
        make(tmp_path / "elsewhere", *(f"{stem}.PNG" for stem in stems))
    except (OSError, UnicodeError):
        pytest.skip("a file system that takes fewer names")
    (tmp_path / "data").mkdir()
    for side in ("A", "B"):
        (tmp_path / "data" / side).symlink_to(tmp_path / "elsewhere")
    found = find_pairs(tmp_path / "data", Recipe(data=Data()))
    assert sorted(pair.name for split in SPLITS for pair in found.splits[split]) == sorted(stems)
    assert len(found.fingerprint()) == 16


# --- photos alone, names, shapes of their own ---


@pytest.mark.parametrize("name", ["superres", "colorize", "inpaint", "sketch"])
def test_photos_are_their_own_targets(name, tmp_path):
    make(tmp_path, *(f"train/{i}.jpg" for i in range(4)), "validation/sub/a.png", "test/b.tif")
    recipe = load_recipe(name)
    found = find_pairs(tmp_path, recipe)
    assert {split: len(found.splits[split]) for split in SPLITS} == {
        "train": 4,
        "val": 1,
        "test": 1,
    }
    assert found.domains == DERIVATIONS[recipe.derive.kind].domains
    assert found.notes == []
    assert found.strip is None
    for pair in (pair for split in SPLITS for pair in found.splits[split]):
        assert pair.source == pair.target
    assert files(found, "val") == [("sub/a", "validation/sub/a.png", "validation/sub/a.png")]


def test_photos_anywhere_below_a_folder(tmp_path):
    make(tmp_path, *(f"holidays/{i}.jpg" for i in range(30)), "cat.png", ".hidden/a.png")
    found = find_pairs(tmp_path, load_recipe("superres"))
    assert counts(found) == [27, 1, 3]
    assert {note.partition(":")[0] for note in found.notes} == {"no val split", "no test split"}


@pytest.mark.parametrize("split", ["", "train/"])
def test_two_folders_of_the_same_names_are_no_photos(split, tmp_path):
    make(tmp_path, *(f"{split}{side}/{i}.png" for side in ("noisy", "clean") for i in range(4)))
    with pytest.raises(DiptychError, match="clean and noisy hold the same names; this recipe"):
        find_pairs(tmp_path, load_recipe("denoise"))
    # Two folders of photos with names of their own are photos.
    make(tmp_path / "own", "cats/1.png", "cats/2.png", "dogs/3.png", "dogs/4.png", "dogs/1.png")
    assert len(find_pairs(tmp_path / "own", load_recipe("denoise")).splits["test"]) == 1


def test_names_are_those_of_source_and_target_whichever_way_they_lie(tmp_path):
    for split in SPLITS:
        write_both(tmp_path / split / "1.jpg")
    for direction, strip in (("a_to_b", (2, 0, 1)), ("b_to_a", (2, 1, 0))):
        found = find_pairs(tmp_path, load_recipe("edges2shoes", {"data.direction": direction}))
        assert found.domains == ("edges", "photo")
        assert found.strip == strip


def test_shapes_of_their_own_are_those_of_the_targets(tmp_path):
    for side, size in (("A", (77, 14)), ("B", (16, 20))):
        (tmp_path / side).mkdir()
        for name in "abc":
            Image.new("RGB", size).save(tmp_path / side / f"{name}.png")
    for direction, size in (("a_to_b", (16, 20)), ("b_to_a", (77, 14))):
        data = Data(direction=direction, shapes="own")
        assert find_pairs(tmp_path, Recipe(data=data)).own_size == size
        same = Data(direction=direction)
        assert find_pairs(tmp_path, Recipe(data=same)).own_size is None


# --- real pairs ---


def counts(found: PairedData) -> list[int]:
    return [len(found.splits[split]) for split in SPLITS]


def test_facades(shared_data):
    found = find_pairs(shared_data / "facades", load_recipe("facades"))
    assert counts(found) == [380, 20, 106]
    assert found.domains == ("labels", "photo")
    assert [note.partition(":")[0] for note in found.notes] == ["no val split"]
    names = [pair.name for pair in found.splits["train"] + found.splits["val"]]
    assert sorted(names, key=int) == [str(i) for i in range(1, 401)]
    pair = found.splits["test"][0]
    source, target = pair.source.read(), pair.target.read()
    assert source.shape == target.shape == (256, 256, 3)
    blue = [
        np.asarray(image)[..., 2].astype(int) - np.asarray(image)[..., 0]
        for image in (source, target)
    ]
    assert blue[0].mean() > 60 > blue[1].mean(), "label maps are mostly blue"


def test_maps_has_no_test_split(shared_data):
    found = find_pairs(shared_data / "maps", Recipe(data=Data(domains=("satellite", "map"))))
    assert counts(found) == [987, 100, 109]
    assert [note.partition(":")[0] for note in found.notes] == ["no test split"]


@pytest.mark.parametrize("name", ["cvusa", "dayton"])
def test_strips_of_four_panels(name, shared_data):
    panels = ("aerial", "street", "aerial segmentation", "street segmentation")
    data = Data(panels=panels, direction="street -> aerial")
    found = find_pairs(shared_data / "crossview" / name, Recipe(data=data))
    assert counts(found) == [4, 4, 2], "four pairs are too few to spare one"
    assert found.domains == ("street", "aerial")
    pair = found.splits["test"][0]
    with Image.open(pair.source.path) as strip:
        whole = np.asarray(strip.convert("RGB"))
    assert np.array_equal(np.asarray(pair.source.read()), whole[:, 256:512])
    assert np.array_equal(np.asarray(pair.target.read()), whole[:, :256])


def test_folders_of_other_names_are_found_and_turned_as_the_recipe_says(shared_data):
    folder = shared_data / "ct_mri"
    assert find_pairs(folder, Recipe()).domains == ("CT", "MRI")
    by_name = find_pairs(folder, Recipe(data=Data(direction="MRI -> CT")))
    found = find_pairs(folder, Recipe(data=Data(source="MRI", target="CT")))
    assert counts(found) == [53, 3, 6]
    assert found.domains == by_name.domains == ("MRI", "CT")
    assert found.splits == by_name.splits
    for pair in found.splits["val"]:
        assert pair.source.path.parts[-2:] == ("MRI", pair.target.path.name)


def test_folders_named_as_the_domains(shared_data):
    found = find_pairs(shared_data / "polyu", Recipe(data=Data(domains=("noisy", "clean"))))
    assert counts(found) == [43, 2, 5]
    pair = found.splits["train"][0]
    noisy, clean = (np.asarray(side.read(), float) for side in (pair.source, pair.target))
    assert 0 < np.abs(noisy - clean).mean() < 12, "the same scene"


def test_one_who_looks_for_faults_is_told_all_of_them(tmp_path):
    make(tmp_path, "train/A/1.png", "train/A/1.jpg", "train/B/1.png", "train/B/2.png")
    make(tmp_path, "val/A/x.png", "val/B/y.png")
    found = look_for_pairs(tmp_path, Recipe())
    assert [fault.files for fault in found.faults] == [
        (tmp_path / "train/A/1.jpg", tmp_path / "train/A/1.png"),
        (),
    ]
    assert "would be the same pair" in found.faults[0].message
    assert "no two pictures share a name" in found.faults[1].message
    assert sorted(found.alone) == [
        tmp_path / name for name in ("train/B/2.png", "val/A/x.png", "val/B/y.png")
    ]
    assert files(found, "train") == [("1", "train/A/1.jpg", "train/B/1.png")]
    assert one_line(tmp_path) == found.faults[0].message
