"""The same real pairs from a folder, a dataset, shards and a program's own examples."""

import io
import json
import shutil
import sys
import tarfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import diptych
from diptych.config import load_recipe
from diptych.data.layouts import find_pairs
from diptych.data.sources import at_hand
from diptych.data.store.place import cache_folder
from diptych.errors import DiptychError

SMALL = {
    "data.load_size": 36,
    "data.crop_size": 32,
    "generator.base_channels": 4,
    "discriminator.base_channels": 4,
    "train.validation_pairs": 1,
    "train.preview_pairs": 1,
}
SPLITS = {"train": range(1, 7), "val": range(7, 8), "test": range(8, 10)}


@pytest.fixture(scope="module")
def folder(shared_data, tmp_path_factory) -> Path:
    """Nine of the façades in two folders: labels as PNG, photos as JPEG."""
    root = tmp_path_factory.mktemp("facades")
    for split, numbers in SPLITS.items():
        for i in numbers:
            strip = Image.open(shared_data / "facades" / "train" / f"{i}.jpg")
            for side, left, ending in (("imageA", 256, "png"), ("imageB", 0, "jpg")):
                path = root / split / side / f"{i}.{ending}"
                path.parent.mkdir(parents=True, exist_ok=True)
                strip.crop((left, 0, left + 256, 256)).save(path)
    return root


def files(folder: Path, split: str) -> list[dict[str, Path]]:
    return [
        {"imageA": path, "imageB": folder / split / "imageB" / f"{path.stem}.jpg"}
        for path in sorted((folder / split / "imageA").iterdir())
    ]


def as_dataset(folder: Path, out: Path, how: str) -> str:
    datasets = pytest.importorskip("datasets", reason="needs pip install 'diptych[hub]'")
    made = {}
    for split in SPLITS:
        rows = files(folder, split)
        columns = {side: [str(row[side]) for row in rows] for side in ("imageA", "imageB")}
        made["validation" if split == "val" else split] = (
            datasets.Dataset.from_dict(columns | {"about": ["façade"] * len(rows)})
            .cast_column("imageA", datasets.Image())
            .cast_column("imageB", datasets.Image())
        )
    if how == "saved":
        datasets.DatasetDict(made).save_to_disk(out)
    else:
        for split, rows in made.items():
            rows.to_parquet(out / f"{split}-00000-of-00001.parquet")
    return f"hf://{out}"


def as_shards(folder: Path, out: Path) -> str:
    out.mkdir()
    for split in SPLITS:
        with tarfile.open(out / f"{split}-000.tar", "w") as tar:
            for row in files(folder, split):
                for side, path in row.items():
                    tar.add(path, f"{path.stem}.{side}{path.suffix}")
    return str(out)


def source(kind: str, folder: Path, out: Path):
    if kind == "folder":
        return folder
    if kind == "shards":
        return as_shards(folder, out)
    if kind == "examples":
        return [
            {side: np.asarray(Image.open(path)) for side, path in row.items()} | {"split": split}
            for split in SPLITS
            for row in files(folder, split)
        ]
    name, _, options = kind.partition("?")
    return as_dataset(folder, out, name) + "?" * bool(options) + options


KINDS = ["shards", "examples", "saved", "parquet", "parquet?stream=1"]


def pairs_of(path: Path) -> list[tuple[str, np.ndarray, np.ndarray]]:
    recipe = load_recipe("pix2pix", {"data.domains": ["imageA", "imageB"]})
    splits = find_pairs(path, recipe).splits
    return [(split, p.source.read(), p.target.read()) for split in SPLITS for p in splits[split]]


@pytest.mark.parametrize("kind", KINDS)
def test_every_source_gives_the_pairs_of_the_folder(kind, folder, tmp_path):
    given = source(kind, folder, tmp_path / "data")
    found = pairs_of(at_hand(given))
    expected = pairs_of(folder)
    assert len(found) == 9
    for (split, *pair), (wanted, *both) in zip(found, expected, strict=True):
        assert split == wanted
        np.testing.assert_array_equal(pair, both)
    if kind in {"shards", "saved"}:  # not decoded and encoded anew
        kept = {path.read_bytes() for path in cache_folder().rglob("*.jpg")}
        assert kept == {path.read_bytes() for path in folder.rglob("*.jpg")}


@pytest.mark.parametrize(
    "kind",
    [
        "shards",
        *(pytest.param(kind, marks=pytest.mark.slow) for kind in ("examples", "saved", "parquet")),
    ],
)
def test_training_goes_on_and_scores_on_any_source(kind, folder, tmp_path):
    given = source(kind, folder, tmp_path / "data")
    for epochs in (1, 2):
        run = diptych.train(
            data=given,
            out=tmp_path / "run" if epochs == 1 else tmp_path / "longer",
            overrides=SMALL | {"train.epochs": epochs, "train.batch_size": 3},
            device="cpu",
        )
        assert run.step == 2 * epochs
    again = diptych.train(
        data=given,
        out=tmp_path / "run",
        overrides=SMALL | {"train.epochs": 1, "train.batch_size": 3},
        device="cpu",
    )
    assert (again.finished, again.step) == (True, 2)
    assert diptych.evaluate(diptych.load(run.path), given)["l1"].count == 2


@pytest.mark.parametrize("kind", ["shards", "saved"])
def test_what_was_kept_is_used_again(kind, folder, tmp_path):
    given = source(kind, folder, tmp_path / "data")
    table = at_hand(given)
    made = {path: path.stat().st_mtime_ns for path in table.parent.rglob("*")}
    assert at_hand(given) == table
    assert {path: path.stat().st_mtime_ns for path in table.parent.rglob("*")} == made
    # What was kept without the last of its shards is another set.
    if kind == "shards":
        (tmp_path / "data" / "test-000.tar").unlink()
        assert at_hand(given) != table


@pytest.mark.parametrize("kind", ["shards", "saved?rows=4"])
def test_every_command_takes_it(kind, folder, tmp_path, run, monkeypatch):
    monkeypatch.chdir(tmp_path)
    given = source(kind, folder, tmp_path / "data")
    sets = [word for key, value in SMALL.items() for word in ("--set", f"{key}={value}")]
    code, out, _ = run("train", "--data", given, "--dry-run", "--set", "train.epochs=1", *sets)
    assert code == 0
    assert "imageA -> imageB" in out
    code, out, err = run("train", "--data", given, "--out", "run", "--set", "train.epochs=1", *sets)
    assert code == 0, err
    assert f"--data '{given}'" in out or f"--data {given}" in out
    assert run("evaluate", "run", "--data", given, "--json", "s.json")[0] == 0
    assert json.loads(Path("s.json").read_text())["data"] == given
    assert run("data", "show", given, "--out", "sheet.png", *sets)[0] == 0
    code, out, _ = run("data", "check", given, "--no-cost", "--fix", "cleaned", *sets)
    assert code == 0, out
    assert (
        run("data", "show", "cleaned/pairs.csv", "--out", "sheet.png", "--anywhere", *sets)[0] == 0
    )
    one = ["--set", "data.load_size=36", "--set", "data.crop_size=32"]
    code, _, err = run("data", "derive", "colorize", given, "made", *one)
    assert (code, "takes one" in err) == (2, True)


@pytest.mark.parametrize(
    ("location", "message"),
    [
        ("hf://none", "hf://none: neither a path here nor user/name on the hub"),
        ("hf://user/name", "hf://user/name: the hub cannot be reached"),
        ("hf://user/name?rows=0", "rows=0: give config=NAME, revision=NAME, stream=1 or rows"),
        ("hf://user/name?wrong=1", "wrong=1: give config=NAME"),
        ("hf://user/name?stream=yes", "stream=yes: give"),
        ("hf://{tmp}?revision=main", "a path here has no revisions"),
        ("hf://{tmp}", "doesn't contain any data files"),
        ("{tmp}/s-{{0..3}}.tar", "no such file: {tmp}/s-0.tar"),
        ("{tmp}/none.tar", "none.tar: no such file"),
        ("{tmp}/none", "no such folder of pairs, nor a table"),
    ],
)
def test_an_error_is_one_line(location, message, tmp_path, run):
    given = location.format(tmp=tmp_path)
    code, _, err = run("train", "--data", given, "--out", tmp_path / "run")
    assert code == 2
    assert message.format(tmp=tmp_path) in err
    assert err.count("\n") == 1


def test_without_the_library_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(DiptychError, match=r"pip install 'diptych\[hub\]'"):
        at_hand("hf://user/name")


def test_a_damaged_picture_is_named_by_its_kept_file(folder, tmp_path):
    shutil.copytree(folder, tmp_path / "copy")
    (photo,) = (tmp_path / "copy" / "val" / "imageB").iterdir()
    photo.write_bytes(photo.read_bytes()[:2000])
    table = at_hand(as_shards(tmp_path / "copy", tmp_path / "data"))
    with pytest.raises(DiptychError, match=r"00002/00000/0000\.imageB\.jpg: damaged picture"):
        pairs_of(table)


def test_columns_that_are_no_pictures_are_left_aside(tmp_path):
    datasets = pytest.importorskip("datasets", reason="needs pip install 'diptych[hub]'")
    file = io.BytesIO()
    Image.new("RGB", (40, 40)).save(file, "PNG")
    cell = {"bytes": file.getvalue(), "path": None}
    rows = {"name": ["one", "two"], "photo": [cell, cell], "number": [1, 2]}
    kinds = {"name": datasets.Value("string"), "photo": datasets.Image()}
    kinds |= {"number": datasets.Value("int64")}
    data = datasets.Dataset.from_dict(rows, datasets.Features(kinds))
    data.save_to_disk(tmp_path / "photos")
    table = at_hand(f"hf://{tmp_path / 'photos'}")
    # One column of pictures: photos, from which a recipe makes the sources.
    assert len(find_pairs(table, load_recipe("colorize")).splits["train"]) == 2
    data.select_columns(["number"]).save_to_disk(tmp_path / "numbers")
    with pytest.raises(DiptychError, match="no column of pictures; it has number"):
        at_hand(f"hf://{tmp_path / 'numbers'}")
    datasets.DatasetDict(one=data, two=data).save_to_disk(tmp_path / "named")
    with pytest.raises(DiptychError, match="splits one, two: none of train, val, test"):
        at_hand(f"hf://{tmp_path / 'named'}")
