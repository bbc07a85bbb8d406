"""Real pairs, damaged one way at a time: each damage is found, named, and nothing else is."""

import io
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from diptych.config import load_recipe, with_overrides
from diptych.data.layouts import find_pairs
from diptych.doctor.check import Checkup, check_pairs
from diptych.doctor.quick_check import quick_notes
from diptych.errors import DiptychError
from diptych.images.writing import write_values

from .conftest import pixels, save

pytestmark = pytest.mark.usefixtures("measured_once")


def told(checkup: Checkup) -> set[tuple[str, str]]:
    return {(finding.severity, finding.kind) for finding in checkup.findings}


def files_of(checkup: Checkup, kind: str) -> list[str]:
    (finding,) = [finding for finding in checkup.findings if finding.kind == kind]
    assert finding.message
    assert finding.advice
    return [place.file for place in finding.places]


def test_sound_pairs_give_no_finding(pairs, recipe):
    checkup = check_pairs(pairs, recipe)
    assert checkup.findings == []
    assert not checkup.harmful
    assert len(checkup.survey.records) == 32


# The damages. Each takes the folder and a training pair, and returns the files to be named.


def unmatched(folder: Path, name: str) -> list[str]:
    (folder / f"B/train/{name}.png").rename(folder / f"B/train/0{name}.png")
    return [f"A/train/{name}.png", f"B/train/0{name}.png"]


def same_name(folder: Path, name: str) -> list[str]:
    shutil.copy(folder / f"B/train/{name}.png", folder / f"B/train/{name}.bmp")
    return [f"B/train/{name}.bmp", f"B/train/{name}.png"]


def other_shape(folder: Path, name: str) -> list[str]:
    path = folder / f"B/train/{name}.png"
    save(pixels(path)[:100], path)
    return [f"A/train/{name}.png"]


def other_size(folder: Path, name: str) -> list[str]:
    path = folder / f"B/train/{name}.png"
    Image.fromarray(pixels(path)).resize((120, 120)).save(path)
    return [f"A/train/{name}.png"]


def gray(folder: Path, name: str) -> list[str]:
    path = folder / f"B/train/{name}.png"
    Image.fromarray(pixels(path)).convert("L").save(path)
    return [f"B/train/{name}.png"]


def deep(folder: Path, name: str) -> list[str]:
    path = folder / f"B/train/{name}.png"
    wide = np.asarray(Image.fromarray(pixels(path)).convert("L")).astype(np.uint16) * 257
    save(wide, path)
    return [f"B/train/{name}.png"]


def no_picture(folder: Path, name: str) -> list[str]:
    (folder / f"B/train/{name}.png").write_text("<html>Not found</html>")
    return [f"B/train/{name}.png"]


def cut_off(folder: Path, name: str) -> list[str]:
    path = folder / f"B/train/{name}.png"
    path.write_bytes(path.read_bytes()[:-9000])
    return [f"B/train/{name}.png"]


def recompressed(origin: Path, copy: Path) -> None:
    """A copy that differs in nearly every pixel."""
    squeezed = io.BytesIO()
    Image.fromarray(pixels(origin)).save(squeezed, "JPEG", quality=60)
    save(pixels(squeezed), copy)


def twice(folder: Path, name: str) -> list[str]:
    for side in "AB":
        recompressed(folder / side / f"train/{name}.png", folder / side / f"train/9{name}.png")
    return [f"A/train/9{name}.png"]


def leaking(folder: Path, name: str) -> list[str]:
    for side in "AB":
        recompressed(folder / side / f"train/{name}.png", folder / side / f"test/9{name}.png")
    return [f"A/train/{name}.png"]


def constant(folder: Path, name: str) -> list[str]:
    save(np.full((160, 160, 3), 30, np.uint8), folder / f"B/train/{name}.png")
    return [f"B/train/{name}.png"]


def nearly_empty(folder: Path, name: str) -> list[str]:
    blank = np.random.default_rng(0).integers(0, 5, (160, 160, 3)).astype(np.uint8)
    blank[70:74, 80:84] = 255
    save(blank, folder / f"B/train/{name}.png")
    return [f"B/train/{name}.png"]


def swapped(folder: Path, name: str) -> list[str]:
    a, b = folder / f"A/train/{name}.png", folder / f"B/train/{name}.png"
    source, target = pixels(a), pixels(b)
    save(target, a)
    save(source, b)
    return [f"A/train/{name}.png"]


def one_shifted(folder: Path, name: str) -> list[str]:
    path = folder / f"B/train/{name}.png"
    save(np.roll(pixels(path), (6, -7), (0, 1)), path)
    return [f"B/train/{name}.png"]


def all_shifted(folder: Path, name: str) -> list[str]:
    for path in (folder / "B").rglob("*.png"):
        save(np.roll(pixels(path), (0, 4), (0, 1)), path)
    return []


def strange_label(folder: Path, name: str) -> list[str]:
    path = folder / f"A/train/{name}.png"
    values = pixels(path).copy()
    values[20:80, 20:80] = (250, 20, 200)
    save(values, path)
    return [f"A/train/{name}.png"]


def tiny(folder: Path, name: str) -> list[str]:
    for side in "AB":
        path = folder / side / f"train/{name}.png"
        Image.fromarray(pixels(path)).resize((40, 40), Image.Resampling.NEAREST).save(path)
    return [f"A/train/{name}.png"]


def dim(folder: Path, name: str) -> list[str]:
    path = folder / f"B/train/{name}.png"
    save(pixels(path) // 32, path)
    return [f"B/train/{name}.png"]


DAMAGES: dict[Callable[[Path, str], list[str]], tuple[str, str]] = {
    unmatched: ("warning", "unmatched"),
    same_name: ("error", "same name"),
    other_shape: ("error", "sizes"),
    other_size: ("warning", "sizes"),
    gray: ("warning", "channels"),
    deep: ("error", "depth"),
    no_picture: ("error", "unreadable"),
    cut_off: ("error", "truncated"),
    twice: ("warning", "duplicate"),
    leaking: ("warning", "leak"),
    constant: ("warning", "constant"),
    nearly_empty: ("warning", "nearly empty"),
    swapped: ("error", "swapped"),
    one_shifted: ("warning", "shift"),
    all_shifted: ("warning", "shift of all"),
    strange_label: ("note", "labels out of range"),
    tiny: ("warning", "too small"),
    dim: ("warning", "range"),
}
# What else is true of the damaged file.
BESIDE = {deep: {("error", "channels")}}


@pytest.mark.slow  # the next finds them all at once
@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.__name__)
def test_a_damage_is_found_and_named(damage, pairs, recipe):
    expected = damage(pairs, "07")
    checkup = check_pairs(pairs, recipe)
    assert told(checkup) == {DAMAGES[damage]} | BESIDE.get(damage, set())
    named = files_of(checkup, DAMAGES[damage][1])
    assert named == expected or (damage is all_shifted and named)
    assert checkup.harmful == (DAMAGES[damage][0] == "error")


def test_all_damages_at_once(pairs, recipe):
    apart = [damage for damage in DAMAGES if damage is not all_shifted]
    expected: dict[str, list[str]] = {}
    for number, damage in enumerate(apart):
        expected.setdefault(DAMAGES[damage][1], []).extend(damage(pairs, f"{number:02}"))
    checkup = check_pairs(pairs, recipe)
    expected["channels"] += expected["depth"]
    assert {f.kind for f in checkup.findings} == set(expected)
    for kind, files in expected.items():
        named = [p.file for f in checkup.findings if f.kind == kind for p in f.places]
        assert sorted(named) == sorted(files), kind


def test_one_deep_file_makes_no_others_faulty(pairs, recipe):
    """Training makes RGB of a gray, a palette's and a transparent one; 16 bits it refuses."""
    folder = pairs / "B/train"
    taken = gray(pairs, "03")
    Image.open(folder / "04.png").convert("RGBA").save(folder / "04.png")
    Image.open(folder / "05.png").quantize(8).save(folder / "05.png")
    taken += ["B/train/04.png", "B/train/05.png"]
    refused = deep(pairs, "07")
    found = [f for f in check_pairs(pairs, recipe).findings if f.kind in {"channels", "depth"}]
    errors = [f for f in found if f.severity == "error"]
    assert {place.file for f in errors for place in f.places} == {*refused}
    assert {place.file for f in found if f.leave_out for place in f.places} == {*refused}
    (warning,) = [f for f in found if f.severity == "warning"]
    assert [place.file for place in warning.places] == taken


def test_a_split_with_all_sides_swapped(pairs, recipe):
    for path in (pairs / "A/val").glob("*.png"):
        swapped(pairs, f"../val/{path.stem}")
    files = files_of(check_pairs(pairs, recipe), "swapped")
    assert sorted(files) == [f"A/val/0{number}.png" for number in range(4)]


def test_a_split_may_be_absent(pairs, recipe):
    shutil.rmtree(pairs / "A/train")
    shutil.rmtree(pairs / "B/train")
    checkup = check_pairs(pairs, recipe)
    assert told(checkup) == {("error", "no training pairs")}


def test_one_colour_may_be_what_there_is(pairs, recipe):
    """A facade of one label, and three photos of the sea; but not three black ones."""
    save(np.full((160, 160, 3), (0, 0, 222), np.uint8), pairs / "A/train/02.png")
    for name in ("03", "04", "05"):
        save(np.full((160, 160, 3), (70, 110, 160), np.uint8), pairs / f"B/train/{name}.png")
    for name in ("06", "07", "08"):
        save(np.full((160, 160, 3), 0, np.uint8), pairs / f"B/train/{name}.png")
    checkup = check_pairs(pairs, recipe)
    assert told(checkup) == {("note", "one colour"), ("warning", "constant")}
    assert files_of(checkup, "constant") == [f"B/train/0{number}.png" for number in (6, 7, 8)]
    calm = [p.file for f in checkup.findings if f.kind == "one colour" for p in f.places]
    assert calm == ["A/train/02.png", *(f"B/train/0{number}.png" for number in (3, 4, 5))]


@pytest.fixture
def joined(pairs, tmp_path) -> Path:
    """The same training pairs, side by side."""
    folder = tmp_path / "joined" / "train"
    folder.mkdir(parents=True)
    for path in sorted((pairs / "A/train").glob("*.png")):
        both = [pixels(path), pixels(pairs / "B/train" / path.name)]
        save(np.concatenate(both, axis=1), folder / path.name)
    return folder


def test_side_by_side_a_bad_file_is_named_once(joined, recipe):
    whole = (joined / "04.png").read_bytes()
    (joined / "04.png").write_bytes(whole[: len(whole) // 2])
    save(pixels(joined / "05.png")[:, 1:], joined / "05.png")
    (joined / "06.png").write_bytes(b"")
    checkup = check_pairs(joined.parent, recipe)
    assert told(checkup) == {("error", k) for k in ("unreadable", "truncated", "panels")}
    assert files_of(checkup, "truncated") == ["train/04.png"]
    assert files_of(checkup, "panels") == ["train/05.png"]
    assert files_of(checkup, "unreadable") == ["train/06.png"]


def test_a_photo_among_pictures_side_by_side_is_named(joined, pairs, recipe):
    sound = check_pairs(joined.parent, recipe)
    photo = np.kron(pixels(pairs / "B/train/03.png"), np.ones((2, 2, 1), np.uint8))
    save(photo[:240, :318], joined / "holiday.png")
    checkup = check_pairs(joined.parent, recipe)
    assert files_of(checkup, "panel shape") == ["train/holiday.png"]
    assert "panel shape" not in {finding.kind for finding in sound.findings}
    paired = find_pairs(joined.parent, recipe)
    (note,) = [n for n in quick_notes(paired, recipe, checkup.survey.taken_as) if "panels" in n]
    assert "159x240" in note
    assert "160x160" in note


def test_values_that_are_no_numbers(tmp_path, recipe):
    random = np.random.default_rng(0)
    for number in range(10):
        for side in "AB":
            path = tmp_path / side / f"{number}.tif"
            write_values(path, random.normal(5, 1, (160, 160, 1)).astype(np.float32))
    broken = random.normal(5, 1, (160, 160, 1)).astype(np.float32)
    broken[3, 4:7] = np.nan
    write_values(tmp_path / "B/3.tif", broken)
    write_values(tmp_path / "B/5.tif", (1000 * random.random((160, 160, 1))).astype(np.float32))
    checkup = check_pairs(tmp_path, recipe)
    assert told(checkup) == {("note", "no data"), ("error", "range")}
    assert files_of(checkup, "no data") == ["B/3.tif"]
    assert files_of(checkup, "range") == ["B/5.tif"]
    assert "domain.photo.range=[" in checkup.facts["photo"]


@pytest.mark.parametrize("patches", [False, True])
def test_photos_alone(facades_apart, recipe, patches, tmp_path):
    changes = {"derive.kind": "degrade", "data.fit": "patches" if patches else "resize"}
    photos = shutil.copytree(facades_apart / "B", tmp_path / "photos")
    settled = with_overrides(recipe, changes)
    assert check_pairs(photos, settled).findings == []
    (photos / "train/03.png").write_bytes((photos / "train/04.png").read_bytes())
    Image.fromarray(pixels(photos / "train/05.png")).resize((60, 60)).save(photos / "train/05.png")
    checkup = check_pairs(photos, settled)
    assert files_of(checkup, "duplicate") == ["train/04.png"]
    assert files_of(checkup, "too small") == ["train/05.png"]
    assert checkup.harmful == patches


def test_no_two_names_alike(pairs, recipe):
    for number, path in enumerate((pairs / "A").rglob("*.png")):
        path.rename(path.with_stem("labels" + "i" * number))
    checkup = check_pairs(pairs, recipe)
    assert checkup.harmful
    assert told(checkup) == {("error", "unmatched"), ("warning", "unmatched")}


def test_nothing_to_check(tmp_path, recipe):
    with pytest.raises(DiptychError, match="no pairs found"):
        check_pairs(tmp_path, recipe)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "direction", "known"),
    [
        ("facades", "labels -> photo", set()),
        ("cityscapes", "labels -> photo", set()),
        ("edges2shoes", "b_to_a", set()),
        ("edges2handbags", "b_to_a", set()),
        ("maps", "satellite -> map", {("warning", "shift"), ("note", "one colour")}),  # they are
    ],
)
def test_real_sets_give_no_false_alarm(name, direction, known, shared_data):
    checkup = check_pairs(shared_data / name, load_recipe(name, {"data.direction": direction}))
    assert told(checkup) == known
