from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from diptych.config import load_recipe
from diptych.data.batches import Batches
from diptych.data.crops import training_crops
from diptych.data.domains import find_domains
from diptych.data.layouts import find_pairs
from diptych.data.prepare import prepared
from diptych.data.show import contact_sheet, write_derived
from diptych.errors import DiptychError
from diptych.images.sheet import GAP, HEAD
from diptych.schema import Recipe


def recipe(name: str = "pix2pix", **changes) -> Recipe:
    changes = {key.replace("__", "."): value for key, value in changes.items()}
    return load_recipe(name, {"data.load_size": 36, "data.crop_size": 32} | changes)


@pytest.fixture
def photos(tmp_path) -> Path:
    for split, count in (("train", 4), ("val", 2), ("test", 1)):
        for number in range(count):
            path = tmp_path / "photos" / split / "sub" / f"{number}.5.jpg"
            path.parent.mkdir(parents=True, exist_ok=True)
            noise = np.random.default_rng(number).integers(0, 256, (50, 40 + number, 3), np.uint8)
            Image.fromarray(noise).save(path)
    return tmp_path / "photos"


def cells(drawn: Image.Image) -> list[list[np.ndarray]]:
    """The pictures of a sheet of 32x32, column by column; None where there is none."""
    pixels = np.asarray(drawn)
    columns = (pixels.shape[1] - GAP) // (32 + GAP)
    rows = (pixels.shape[0] - HEAD) // (32 + GAP)
    assert pixels.shape == (HEAD + rows * (32 + GAP), GAP + columns * (32 + GAP), 3)
    return [
        [pixels[HEAD + j * (32 + GAP) :, GAP + i * (32 + GAP) :][:32, :32] for j in range(rows)]
        for i in range(columns)
    ]


@pytest.mark.parametrize("count", [1, 2, 3, 4, 7, 50])
def test_a_sheet_shows_what_the_first_batch_would_hold(count, made_pairs):
    settings = recipe()
    found = find_pairs(made_pairs, settings)
    domains = find_domains(found, settings)
    crops = training_crops(found.splits["train"], settings, domains)
    batches = Batches(crops, domains, settings, count)
    sources, targets = (side.numpy() for side in batches.pictures_at(0))
    shown = cells(contact_sheet(made_pairs, settings, count))
    assert len(shown) == (2 if count == 1 else 4)
    half = len(shown[0])
    assert half == -(-min(count, 10) // 2)
    for number, (source, target) in enumerate(zip(sources, targets, strict=True)):
        column, row = divmod(number, half)
        assert np.array_equal(shown[2 * column][row], source)
        assert np.array_equal(shown[2 * column + 1][row], target)


@pytest.mark.parametrize("name", ["superres", "inpaint", "colorize", "sketch"])
def test_a_sheet_of_what_a_task_makes(name, photos):
    (sources, targets, *_) = cells(contact_sheet(photos, recipe(name), 4))
    source, target = sources[0], targets[0]
    assert not np.array_equal(source, target)
    if name == "superres":
        assert np.array_equal(source, source[::4, ::4].repeat(4, 0).repeat(4, 1))
    if name == "inpaint":
        changed = (source != target).any(-1)
        assert (source[changed] == 255).all(), "the hole is shown white"
    if name == "colorize":
        assert (source == source[..., :1]).all()
    if name == "sketch":
        assert set(np.unique(source)) == {0, 255}


def test_nothing_to_show(tmp_path):
    (tmp_path / "test").mkdir()
    Image.new("RGB", (80, 40)).save(tmp_path / "test" / "1.png")
    with pytest.raises(DiptychError, match="no training pairs"):
        contact_sheet(tmp_path, recipe(data__panels=["A", "B"]), 4)


@pytest.mark.parametrize(
    ("name", "channels"), [("superres", 3), ("inpaint", 4), ("colorize", 3), ("denoise", 3)]
)
def test_derived_pairs_are_those_that_evaluation_makes(name, channels, photos, tmp_path):
    settings, told = recipe(name), []
    out = tmp_path / "made"
    assert write_derived(photos, out, settings, 3, lambda *at: told.append(at)) == 6
    assert told == [(i, 6) for i in range(1, 7)]
    found = find_pairs(photos, settings)
    written = {p.relative_to(out).as_posix() for p in out.rglob("*.*") if p.is_file()}
    expected = [(split, pair) for split in found.splits for pair in found.splits[split][:3]]
    assert written == {f"{s}/{split}/{p.name}.png" for s in "AB" for split, p in expected}
    for split, pair in expected:
        domains = find_domains(found, settings)
        expected_pair = prepared(pair, domains, None, settings.derive)
        for side, picture in zip("AB", expected_pair, strict=True):
            with Image.open(out / side / split / f"{pair.name}.png") as image:
                assert np.array_equal(np.asarray(image), picture)
                assert len(image.getbands()) == (channels if side == "A" else 3)
    if name == "denoise":  # what was written is a folder of pairs
        again = find_pairs(out, load_recipe("pix2pix"))
        assert {split: len(pairs) for split, pairs in again.splits.items()} == {
            "train": 3,
            "val": 2,
            "test": 1,
        }


def test_what_a_table_calls_its_pairs_leads_to_no_other_folder(photos, tmp_path):
    names = ["../../../escaped", "con", "12:30", "sub\\1"]
    lines = ["photo,name,split", *(f"{i}.5.jpg,{name},train" for i, name in enumerate(names))]
    folder = photos / "train" / "sub"
    (folder / "photos.csv").write_text("\n".join(lines))
    before = {path for path in tmp_path.rglob("*") if path.is_file()}
    out = tmp_path / "out"
    write_derived(folder / "photos.csv", out, recipe("colorize"), 9)
    written = {path for path in tmp_path.rglob("*") if path.is_file()} - before
    assert all(path.is_relative_to(out) for path in written)
    ends = {".%2E/.%2E/.%2E/escaped.png", "_con.png", "12%3A30.png", "sub/1.png"}
    assert {"/".join(path.relative_to(out).parts[2:]) for path in written} == ends


def test_a_recipe_of_pairs_derives_nothing(photos, tmp_path):
    with pytest.raises(DiptychError, match="takes pairs as they are"):
        write_derived(photos, tmp_path / "out", recipe("maps"), 9)
    assert not (tmp_path / "out").exists()
