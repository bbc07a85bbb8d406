"""Folders as people keep them: found unaided, with the right pairs, or refused with one line."""

import json
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from diptych.data.layouts import find_pairs
from diptych.data.pairs import PairedData
from diptych.errors import DiptychError
from diptych.schema import SPLITS, Data, Recipe

HELD = 6  # pairs of each line of a layout


def photo(number: int, size: tuple[int, int] = (64, 64)) -> Image.Image:
    """Discs on a ground, each number its own."""
    random = np.random.default_rng(number)
    width, height = size
    rows, columns = np.mgrid[:height, :width]
    picture = np.full((height, width, 3), random.integers(60, 140, 3), np.uint8)
    for _ in range(4):
        x, y = random.integers(8, width - 8), random.integers(8, height - 8)
        picture[np.hypot(columns - x, rows - y) < random.integers(4, 12)] = random.integers(
            150, 256, 3
        )
    return Image.fromarray(picture)


def mask(number: int) -> Image.Image:
    picture = np.asarray(photo(number))
    return Image.fromarray((picture != picture[0, 0]).any(axis=2).astype(np.uint8) * 255)


def write(path: Path, image: Image.Image) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path)


def lay(root: Path, *lines: tuple[str, str]) -> dict[str, set[tuple[str, str]]]:
    """Write a layout: a line has a pattern for each side; the pairs that it means."""
    for number, (first, second) in enumerate(lines):
        for i in range(1, HELD + 1):
            write(root / first.format(i), photo(100 * number + i))
            write(root / second.format(i), mask(100 * number + i))
    return {
        first: {(first.format(i), second.format(i)) for i in range(1, HELD + 1)}
        for first, second in lines
    }


def pairs_of(found: PairedData, *splits: str) -> set[tuple[str, str]]:
    return {
        tuple(side.path.relative_to(found.root).as_posix() for side in (p.source, p.target))
        for split in splits or SPLITS
        for p in found.splits[split]
    }


CITY = "{}/aachen/aachen_{{:06}}_000019_{}.png"
PUBLISHED = {
    "camvid": [
        ("train/0001TP_{:06}.png", "trainannot/0001TP_{:06}.png"),
        ("val/0016E5_{:05}.png", "valannot/0016E5_{:05}.png"),
    ],
    "images and masks": [("images/{}.jpg", "masks/{}.png")],
    "splits inside": [
        ("images/train/{}.jpg", "labels/train/{}.png"),
        ("images/val/v{}.jpg", "labels/val/v{}.png"),
    ],
    "splits outside": [("train/images/{}.jpg", "train/masks/{}.png")],
    "masks by another name": [("train/images/{}.jpg", "train/masks/{}_mask.png")],
    "carvana": [("train/0cde_{:02}.jpg", "train_masks/0cde_{:02}_mask.gif")],
    "cityscapes": [
        (
            CITY.format("leftImg8bit/train", "leftImg8bit"),
            CITY.format("gtFine/train", "gtFine_color"),
        )
    ],
    "cmp": [("base/cmp_b{:04}.jpg", "base/cmp_b{:04}.png")],
    "in and out": [("{}_in.png", "{}_out.png")],
    "A and B": [("{}_A.png", "{}_B.png")],
    "voc": [("JPEGImages/2007_{:06}.jpg", "SegmentationClass/2007_{:06}.png")],
    "input and target": [("input/{}.png", "target/{}.png")],
    "capitals": [("Train/A/{}.png", "Train/B/{}.png"), ("TestA/x{}.png", "TestB/x{}.png")],
}
OTHERS = {
    "one folder a pair": [("{:03}/photo.jpg", "{:03}/label.png")],
    "beginnings": [("sat_{}.png", "map_{}.png")],
    "numbers": [("photos/img{}.jpg", "annotations/{:04}.png")],
    "div2k": [
        ("DIV2K_train_LR_x4/{:04}x4.png", "DIV2K_train_HR/{:04}.png"),
        ("DIV2K_valid_LR_x4/{:04}x4.png", "DIV2K_valid_HR/{:04}.png"),
    ],
    "scenes": [("scene{}/input/a.png", "scene{}/gt/a.png")],
    "one deeper": [("data/images/{}.jpg", "data/labels/masks/{}.png")],
    "dev": [("dev/noisy/{}.png", "dev/clean/{}.png"), ("train/noisy/{}.png", "train/clean/{}.png")],
    "years": [("train2017/{:012}.jpg", "annotations/train2017/{:012}.png")],
    "words of their own": [("winter/{}.png", "summer/{}.png")],
    "one inside the other": [("{}.jpg", "mask/{}.png")],
    "scenes of the same names": [
        ("seq1/rgb/{}.png", "seq1/depth/{}.png"),
        ("seq2/rgb/{}.png", "seq2/depth/{}.png"),
    ],
    "sidd": [("Data/000{}/NOISY_SRGB_010.PNG", "Data/000{}/GT_SRGB_010.PNG")],
    "isic": [
        ("ISIC_Training_Input/ISIC_{:07}.jpg", "ISIC_Training_GroundTruth/ISIC_{:07}_mask.png")
    ],
    "camel case": [("frame{}Photo.png", "frame{}Mask.png")],
}
WORDS = [("images", "masks"), ("Input", "GroundTruth"), ("rgb", "seg"), ("before", "after")]
PLACES = ["{split}/{side}/{name}", "{side}/{split}/{name}", "{split}_{side}/{name}"]
NAMES = [("{:04}", "{:04}"), ("im_{}", "im_{}_gt"), ("src-{}", "dst-{}")]


def made() -> dict[str, list[tuple[str, str]]]:
    """Every word for sides, in every place, with names of every kind."""
    layouts = {}
    for (words, place), names in product(zip(WORDS * 3, PLACES * 4, strict=True), NAMES):
        layouts[f"{words[0]} {place} {names[1]}"] = [
            tuple(
                place.format(split=split, side=side, name=f"{name}.png")
                for side, name in zip(words, names, strict=True)
            )
            for split in ("Training", "valid")
        ]
    return layouts


LAYOUTS = PUBLISHED | OTHERS | made()


@pytest.mark.parametrize("name", LAYOUTS)
def test_the_pairs_of_a_layout_both_ways(name, tmp_path):
    meant = lay(tmp_path, *LAYOUTS[name])
    found = find_pairs(tmp_path, Recipe())
    wanted = set().union(*meant.values())
    turned = {pair[::-1] for pair in wanted}
    if name == "words of their own":  # of which no one is the usual source
        wanted, turned = turned, wanted
    assert pairs_of(found) == wanted
    assert found.rule
    assert len(set(found.domains)) == 2
    back = find_pairs(tmp_path, Recipe(data=Data(direction="b_to_a")))
    assert pairs_of(back) == turned
    assert back.domains == found.domains[::-1]
    by_name = Data(direction=f"{found.domains[1]} -> {found.domains[0]}")
    assert pairs_of(find_pairs(tmp_path, Recipe(data=by_name))) == turned
    for first, pairs in meant.items():
        if "val" in first or "dev" in first:
            assert pairs_of(found, "val") == pairs or pairs_of(back, "val") == pairs
        if "test" in first.lower():
            assert pairs_of(found, "test") == pairs


def test_the_recipe_of_facades_reads_what_was_published(tmp_path):
    lay(tmp_path, *PUBLISHED["cmp"])
    data = Data(domains=("photo", "labels"), direction="labels -> photo")
    found = find_pairs(tmp_path, Recipe(data=data))
    assert found.domains == ("labels", "photo")
    assert all(first.endswith(".png") for first, _ in pairs_of(found))


def test_other_files_of_cityscapes_are_left_out_and_said(tmp_path):
    meant = lay(tmp_path, *PUBLISHED["cityscapes"])
    folder = tmp_path / "gtFine" / "train" / "aachen"
    for i in range(1, HELD + 1):
        for kind in ("labelIds", "instanceIds"):
            write(folder / f"aachen_{i:06}_000019_gtFine_{kind}.png", mask(i))
        (folder / f"aachen_{i:06}_000019_gtFine_polygons.json").write_text("{}")
    found = find_pairs(tmp_path, Recipe())
    assert pairs_of(found) == set().union(*meant.values())
    assert any("12 pictures in gtFine/train/aachen left out" in note for note in found.notes)
    assert any("6 .json" in note for note in found.notes)


def line(root: Path, **data) -> str:
    with pytest.raises(DiptychError) as caught:
        find_pairs(root, Recipe(data=Data(**data)))
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_of_three_sides_it_is_asked_which(tmp_path):
    lay(tmp_path, ("images/{}.jpg", "masks/{}.png"), ("images/{}.jpg", "depth/{}.png"))
    said = line(tmp_path)
    assert "depth, images and masks" in said
    assert "--set 'data.domains=" in said
    chosen = find_pairs(tmp_path, Recipe(data=Data(domains=("images", "depth"))))
    assert chosen.domains == ("images", "depth")
    assert any("left out" in note and "masks" in note for note in chosen.notes)
    assert find_pairs(tmp_path, Recipe(data=Data(direction="masks -> images"))).domains == (
        "masks",
        "images",
    )


@pytest.mark.parametrize(
    ("first", "second", "result"),
    [
        ("images/{}.jpg", "labels/{}_label.png", "translated/{}.png"),
        ("images/{}.jpg", "labels/{}_label.png", "epoch50/{}.png"),
        ("day/{}.jpg", "night/{}_night.jpg", "results/{}.png"),
        ("day/{}.jpg", "night/{}.jpg", "night translated/{}.jpg"),
        ("{}.jpg", "{}_label.png", "translated/{}.png"),
        ("train/images/{}.jpg", "train/masks/{}_mask.png", "train/fake/{}.png"),
    ],
)
def test_results_written_beside_pairs_are_no_side_of_them(first, second, result, tmp_path):
    meant = lay(tmp_path, (first, second))
    before = find_pairs(tmp_path, Recipe())
    for i in range(1, HELD + 1):
        write(tmp_path / result.format(i), photo(i))
    found = find_pairs(tmp_path, Recipe())
    assert pairs_of(found) == pairs_of(before) == meant[first]
    folder = result.rpartition("/")[0]
    assert any(f"6 pictures in {folder} left out" in note for note in found.notes)


def test_where_names_do_not_tell_results_from_targets_it_is_asked(tmp_path):
    lay(tmp_path, ("day/{}.jpg", "night/{}_night.jpg"), ("day/{}.jpg", "new/{}.png"))
    said = line(tmp_path)
    assert "day, new and night" in said
    chosen = find_pairs(tmp_path, Recipe(data=Data(domains=("day", "night"))))
    assert pairs_of(chosen) == {(f"day/{i}.jpg", f"night/{i}_night.jpg") for i in range(1, 7)}


def test_the_sides_that_are_offered_are_two_that_meet(tmp_path):
    lay(tmp_path, ("zebra/{}.png", "ant/{}.png"), ("zebra/{}.png", "bee/{}.png"))
    for i in range(1, HELD + 1):
        (tmp_path / "ant" / f"{i}.png").rename(tmp_path / "ant" / f"{i}_x.png")
    said = line(tmp_path)
    for name in ("zebra", "ant", "bee"):
        assert name in said
    first, second = json.loads(said.partition("data.domains=")[2].partition("'")[0])
    assert "zebra" in {first, second}
    assert pairs_of(find_pairs(tmp_path, Recipe(data=Data(domains=(first, second)))))


def test_of_any_number_of_sides_two_can_be_told(tmp_path):
    for band, i in product(range(12), range(HELD)):
        write(tmp_path / f"B{band:02}" / f"{i}.png", photo(i))
    found = find_pairs(tmp_path, Recipe(data=Data(domains=("B03", "B11"))))
    assert len(pairs_of(found)) == HELD
    assert found.domains == ("B03", "B11")
    assert len(found.splits["train"][0].source.path.parents) > 1


def test_few_partners_are_enough_for_sides_that_are_told(tmp_path):
    for i in range(12):
        write(tmp_path / "winter" / f"{i}.png", photo(i))
    for i in range(2):
        write(tmp_path / "summer" / f"{i + 10}.png", photo(i + 10))
        write(tmp_path / "summer" / f"other{i}.png", photo(50 + i))
    found = find_pairs(tmp_path, Recipe(data=Data(direction="winter -> summer")))
    assert len(pairs_of(found)) == 2


@pytest.mark.parametrize("size", [(64, 64), (80, 60)])
@pytest.mark.parametrize("place", ["{}.png", "train/{}.png", "train/cats/{}.png"])
def test_photos_are_not_cut_down_the_middle(place, size, tmp_path):
    for i in range(8):
        write(tmp_path / place.format(i), photo(i, size))
    said = line(tmp_path)
    assert "data.panels" in said
    assert "of 8 pictures looked at" in said
    told = find_pairs(tmp_path, Recipe(data=Data(panels=("A", "B"))))
    assert sum(map(len, told.splits.values())) == 8


def test_photos_of_two_kinds_numbered_alike_are_no_pairs(tmp_path):
    for i in range(8):
        write(tmp_path / "cats" / f"{i}.png", photo(i))
        write(tmp_path / "dogs" / f"{i}.png", photo(50 + i))
    said = line(tmp_path)
    assert "cats and dogs" in said
    told = find_pairs(tmp_path, Recipe(data=Data(source="cats", target="dogs")))
    assert sum(map(len, told.splits.values())) == 8


def test_unpaired_sets_that_are_numbered_are_no_pairs(tmp_path):
    for i in range(8):
        write(tmp_path / "trainA" / f"horse_{i}.jpg", photo(i))
        write(tmp_path / "trainB" / f"zebra{i}x.jpg", photo(50 + i))
    assert "trainA" in line(tmp_path)


def test_names_of_code_points_are_no_sides(tmp_path):
    """Pairs side by side, called 1F63A, 1F63B and so on."""
    for code in range(0x1F63A, 0x1F660):
        both = [np.asarray(photo(code)), np.asarray(mask(code).convert("RGB"))]
        write(tmp_path / "train" / f"{code:X}.png", Image.fromarray(np.concatenate(both, 1)))
    for domains in ((), ("drawing", "colour")):
        assert find_pairs(tmp_path, Recipe(data=Data(domains=domains))).strip == (2, 0, 1)


def test_a_split_is_never_the_other_side_of_a_split(tmp_path):
    for split, i in product(("train", "test"), range(6)):
        write(tmp_path / split / f"{i}.png", photo(i + 10 * len(split)))
    said = line(tmp_path)
    assert "train ->" not in said
    assert "data.source=test" not in said


@pytest.mark.parametrize("kind", ["facades", "maps", "cityscapes", "edges2shoes", "edges2handbags"])
def test_published_side_by_side_pictures_pass(kind, shared_data):
    found = find_pairs(shared_data / kind, Recipe())
    assert found.strip == (2, 0, 1)


@pytest.mark.parametrize("kind", ["bsds500", "set5", "roadscene/visible", "polyu/clean"])
def test_real_photos_do_not(kind, shared_data):
    assert "data.panels" in line(shared_data / kind)


def test_four_panels_are_counted(shared_data):
    assert "4 panels" in line(shared_data / "crossview" / "cvusa")


def test_what_is_left_out_is_said_by_count_and_ending(tmp_path):
    lay(tmp_path, ("images/{}.jpg", "masks/{}.png"))
    for name in ("a.dcm", "b.DCM", "c.nii.gz", "d.heic"):
        (tmp_path / "images" / name).touch()
    (tmp_path / "masks" / "gone.png").symlink_to(tmp_path / "nowhere.png")
    write(tmp_path / "images" / "alone.jpg", photo(99))
    for i in range(4):
        write(tmp_path / "test" / "images" / f"{i}.jpg", photo(70 + i))
    notes = "\n".join(find_pairs(tmp_path, Recipe()).notes)
    for said in ("2 .dcm", "1 .nii.gz", "1 .heic", "1 broken links", "images/alone.jpg"):
        assert said in notes, notes
    assert "test/images/0.jpg" in notes
    assert "no partner in masks" in notes


def test_names_in_either_form_of_unicode_meet(tmp_path):
    for side, name in (("input", "e\u0301te\u0301"), ("target", "\u00e9t\u00e9")):
        write(tmp_path / side / f"{name}.png", photo(1))
        write(tmp_path / side / "2.png", photo(2))
    assert len(pairs_of(find_pairs(tmp_path, Recipe()))) == 2


def test_linked_folders_are_followed_and_loops_end(tmp_path):
    lay(tmp_path / "real", ("input/{}.png", "target/{}.png"))
    (tmp_path / "data").mkdir()
    for side in ("input", "target"):
        (tmp_path / "data" / side).symlink_to(tmp_path / "real" / side)
    (tmp_path / "real" / "input" / "again").symlink_to(tmp_path / "real")
    assert len(pairs_of(find_pairs(tmp_path / "data", Recipe()))) == HELD


def test_numbers_meet_only_where_each_stands_once(tmp_path):
    for name in ("photos/a1.png", "photos/b1.png", "photos/a2.png", "labels/1.png", "labels/2.png"):
        write(tmp_path / name, photo(len(name)))
    assert pairs_of(find_pairs(tmp_path, Recipe())) == {("photos/a2.png", "labels/2.png")}


def test_what_a_dry_run_says(tmp_path, run):
    lay(tmp_path, *PUBLISHED["camvid"])
    keys = {"data.load_size": 36, "data.crop_size": 32, "generator.base_channels": 4}
    keys |= {"discriminator.base_channels": 4, "discriminator.receptive_field": 16}
    small = [word for key, value in keys.items() for word in ("--set", f"{key}={value}")]
    status, output, _ = run("train", "pix2pix", "--data", tmp_path, "--dry-run", *small)
    assert status == 0
    for said in ("two folders, images and annot", "the same name", "6 val", "train/0001TP_00000"):
        assert said in " ".join(output.split())
    status, output, _ = run(
        "data", "check", tmp_path, "--no-cost", "--processes", "1", "--json", tmp_path / "c.json"
    )
    assert "the same name" in " ".join(output.split())
    assert json.loads((tmp_path / "c.json").read_text("utf-8"))["facts"]["names"] == "the same name"


@pytest.mark.parametrize("panels", [2, 4])
def test_large_pictures_are_told_by_what_they_are_reduced_to(panels, tmp_path):
    for i in range(2):
        sides = [photo(i), mask(i).convert("RGB")] * (panels // 2)
        both = np.concatenate([np.asarray(side) for side in sides], 1)
        large = Image.fromarray(both).resize((1301 * panels, 1300), Image.Resampling.NEAREST)
        write(tmp_path / "train" / f"{i}.png", large)
    if panels == 2:
        assert find_pairs(tmp_path, Recipe()).strip == (2, 0, 1)
    else:
        assert "4 panels" in line(tmp_path)


def test_pairs_side_by_side_in_folders_numbered_alike(tmp_path):
    for kind, i in product(("cats", "dogs"), range(6)):
        number = i + 50 * (kind == "dogs")
        both = [np.asarray(photo(number)), np.asarray(mask(number).convert("RGB"))]
        write(tmp_path / "train" / kind / f"{i}.png", Image.fromarray(np.concatenate(both, 1)))
    found = find_pairs(tmp_path, Recipe())
    assert found.strip == (2, 0, 1)
    assert sum(map(len, found.splits.values())) == 12
