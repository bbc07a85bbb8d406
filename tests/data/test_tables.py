import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image
from pyarrow import parquet

import diptych
from diptych.config import load_recipe
from diptych.data.layouts import find_pairs
from diptych.data.pairs import PairedData
from diptych.errors import DiptychError

COLUMNS = ("labels", "photo")


@pytest.fixture
def folder(tmp_path) -> Path:
    """Eight pairs in folders of their own, and a strip of four panels."""
    for name in COLUMNS:
        (tmp_path / "pictures" / name).mkdir(parents=True)
        for i in range(8):
            colour = (i, 0 if name == "labels" else 200, 9)
            Image.new("RGB", (40, 40), colour).save(tmp_path / f"pictures/{name}/{i}.png")
    strip = np.arange(4, dtype=np.uint8).repeat(10).reshape(1, 40, 1).repeat(10, 0).repeat(3, 2)
    Image.fromarray(strip).save(tmp_path / "strip.png")
    return tmp_path


def rows(count: int = 8) -> list[dict[str, str]]:
    return [{name: f"pictures/{name}/{i}.png" for name in COLUMNS} for i in range(count)]


def write(folder: Path, lines: list[dict[str, str]], ending: str = "csv", comma: str = ",") -> Path:
    path = folder / f"pairs.{ending}"
    if ending == "parquet":
        parquet.write_table(pa.Table.from_pylist(lines), path)
    elif ending == "jsonl":
        path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    else:
        text = [comma.join(lines[0]), *(comma.join(line.values()) for line in lines)]
        path.write_text("\n".join(text) + "\n", "utf-8-sig")
    return path


def found(path: Path, **changes) -> PairedData:
    return find_pairs(
        path, load_recipe("pix2pix", {k.replace("__", "."): v for k, v in changes.items()})
    )


@pytest.mark.parametrize(
    ("ending", "comma"), [("csv", ","), ("csv", ";"), ("csv", "\t"), ("jsonl", ""), ("parquet", "")]
)
def test_the_same_pairs_from_every_kind_of_table(ending, comma, folder):
    data = found(write(folder, rows(), ending, comma))
    assert data.domains == COLUMNS
    pairs = sorted((p for split in data.splits.values() for p in split), key=lambda p: p.name)
    assert [pair.name for pair in pairs] == [f"pictures/photo/{i}" for i in range(8)]
    for i, pair in enumerate(pairs):
        assert pair.source.read()[0, 0].tolist() == [i, 0, 9]
        assert pair.target.read()[0, 0].tolist() == [i, 200, 9]


def test_splits_names_and_panels(folder):
    lines = [
        {"split": "train", "name": "first", "a": "strip.png#2/4", "b": "strip.png#4/4"},
        {"split": "", "name": "second", "a": "strip.png#1/2", "b": "strip.png#2/2"},
        {
            "split": "test",
            "name": "first",
            "a": "pictures/photo/0.png",
            "b": str(folder / "strip.png"),
        },
    ]
    data = found(write(folder, lines))
    assert [pair.name for pair in data.splits["train"]] == ["first", "second"]
    (tested,) = data.splits["test"]
    first = data.splits["train"][0]
    assert (first.source.read() == 1).all()
    assert (first.target.read() == 3).all()
    assert tested.target.path == folder / "strip.png"


@pytest.mark.parametrize(
    ("changes", "domains"),
    [
        ({}, ("labels", "photo")),
        ({"data__direction": "b_to_a"}, ("photo", "labels")),
        ({"data__direction": "photo -> labels"}, ("photo", "labels")),
        ({"data__domains": ["photo", "labels"]}, ("photo", "labels")),
        ({"data__domains": ["photo", "labels"], "data__direction": "b_to_a"}, COLUMNS),
        ({"data__source": "photo", "data__target": "labels"}, ("photo", "labels")),
    ],
)
def test_which_column_is_the_source(changes, domains, folder):
    assert found(write(folder, rows()), **changes).domains == domains


def test_two_of_more_columns_are_chosen_by_name(folder):
    path = write(folder, [line | {"depth": line["photo"]} for line in rows()])
    assert found(path, data__direction="depth -> labels").domains == ("depth", "labels")
    with pytest.raises(DiptychError, match="columns labels, photo, depth: say which two"):
        found(path)


def test_photos_of_which_sources_are_made(folder):
    path = write(folder, [{"photo": line["photo"]} for line in rows()])
    data = find_pairs(path, load_recipe("colorize"))
    assert data.domains == ("black and white", "colour")
    assert all(pair.source == pair.target for pair in data.splits["train"])
    with pytest.raises(DiptychError, match="a recipe that makes its sources takes one"):
        find_pairs(write(folder, rows()), load_recipe("colorize"))


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ({"photo": "none.png"}, "pair 2, photo: no such file: none.png"),
        ({"photo": ""}, "pair 2, photo: empty"),
        ({"photo": "strip.png#5/4"}, "pair 2, photo: panel 5 of 4"),
        ({"photo": "pictures/photo/0.png"}, "the same name, 'pictures/photo/0', as pair 1"),
        ({"split": "later"}, "pair 2: split 'later' is none of train, val, test"),
    ],
)
def test_a_wrong_line_is_named(line, message, folder):
    lines = [{"split": "train"} | row for row in rows(3)]
    lines[1] |= line
    with pytest.raises(DiptychError) as caught:
        found(write(folder, lines))
    assert message in str(caught.value)
    assert str(caught.value).startswith(f"{folder / 'pairs.csv'}, pair 2")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.csv", "labels,photo\n", "a table without lines"),
        ("a.jsonl", "[1, 2]\n", "every line is an object"),
        ("a.jsonl", "{no json\n", "not a table that can be read"),
        ("a.jsonl", "[" * 100_000, "not a table that can be read"),
        ("a.parquet", "no parquet", "not a table that can be read"),
    ],
)
def test_what_is_no_table_is_said(name, content, message, tmp_path):
    (tmp_path / name).write_text(content)
    with pytest.raises(DiptychError, match=message):
        found(tmp_path / name)
    with pytest.raises(DiptychError, match=r"none\.csv: no such"):
        found(tmp_path / "none.csv")


LINES = [("a/1.png", "b/1.png"), ("a/2.png", "b/2.png")]


@pytest.fixture
def small(tmp_path) -> Path:
    for name in (name for line in LINES for name in line):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        Image.new("RGB", (40, 40)).save(tmp_path / name)
    return tmp_path


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("input,output\na/1.png,b/1.png\na/2.png,b/2.png\n", "utf-8"),
        ("input,output,,\na/1.png,b/1.png,,\na/2.png,b/2.png,,\n,,,\n", "utf-8-sig"),
        (" input ; output \r\n a/1.png ; b/1.png \r\na/2.png;b/2.png\r\n", "utf-8-sig"),
        ("input\toutput\r\na/1.png\tb/1.png\r\na/2.png\tb/2.png\r\n", "utf-16"),
        ("input\toutput\na/1.png\tb/1.png\na/2.png\tb/2.png\n", "utf-16-le"),
        ("sep=;\ninput;output\na\\1.png;b\\1.png\na\\2.png;b\\2.png\n", "utf-8"),
        ('"input","output"\n"a/1.png","b/1.png"\n\n"a/2.png","b/2.png"\n', "utf-8"),
        (",input,output\n,a/1.png,b/1.png\n,a/2.png,b/2.png\n", "utf-8"),
        ("split,input,output\nTraining,a/1.png,b/1.png\nTRAIN,a/2.png,b/2.png\n", "utf-8"),
    ],
)
def test_tables_as_spreadsheets_write_them(text, encoding, small):
    (small / "pairs.csv").write_bytes(text.encode(encoding))
    data = found(small / "pairs.csv")
    assert data.domains == ("input", "output")
    pairs = [(pair.source.path, pair.target.path) for pair in data.splits["train"]]
    assert pairs == [tuple(small / name for name in line) for line in LINES]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a/1.png,b/1.png\na/2.png,b/2.png\n", "no headings but a file, a/1.png"),
        ("gone/1.png,gone/2.png\n", "no headings but a file"),
        ("in,in\na/1.png,b/1.png\n", "two columns have one heading"),
        ("in,out\na/1.png,b/1.png,b/2.png\n", "pair 1: b/2.png stands below no heading"),
        ("split,in,out\nlater,a/1.png,b/1.png\n", "split 'later' is none of"),
        ("in,out\na/1.png\n", "pair 1, out: empty"),
    ],
)
def test_a_table_that_is_not_right_says_why(text, message, small):
    (small / "pairs.csv").write_text(text)
    with pytest.raises(DiptychError) as caught:
        found(small / "pairs.csv")
    assert message in str(caught.value)


@pytest.mark.parametrize("cell", ["../outside.png", "{root}/outside.png", "..\\outside.png"])
def test_files_outside_the_tables_folder_are_asked_for(cell, small, tmp_path, run):
    Image.new("RGB", (40, 40)).save(small.parent / "outside.png")
    cell = cell.format(root=small.parent)
    table = small / "pairs.csv"
    table.write_text(f"in,out\n{cell},b/1.png\n")
    with pytest.raises(DiptychError, match="outside the folder of the table: --anywhere"):
        found(table)
    assert found(table, data__anywhere=True).splits["train"][0].source.path.is_file()
    status, _, errors = run("data", "show", table, "--out", tmp_path / "sheet.png")
    assert (status, "--anywhere" in errors) == (2, True)
    assert run("data", "show", table, "--out", tmp_path / "sheet.png", "--anywhere")[0] == 0


def test_a_table_trains_and_scores(folder, tmp_path):
    path = write(folder, rows())
    small = {
        "data.load_size": 36,
        "data.crop_size": 32,
        "generator.base_channels": 4,
        "discriminator.base_channels": 4,
        "discriminator.receptive_field": 16,
        "train.steps": 1,
    }
    diptych.train("pix2pix", data=path, out=tmp_path / "run", overrides=small, device="cpu")
    scores = diptych.evaluate(diptych.load(tmp_path / "run"), path, split="all")
    assert scores["l1"].count == 8


def test_a_small_file_of_parquet_that_says_a_lot(tmp_path):
    path = tmp_path / "a.parquet"

    def again(cell: str, lines: int) -> pa.Table:
        cells = pa.DictionaryArray.from_arrays(np.zeros(lines, np.int32), [cell])
        return pa.table(dict.fromkeys("AB", cells))

    parquet.write_table(again("x.png", 2_100_000), path)
    assert path.stat().st_size < 20_000
    with pytest.raises(DiptychError, match=r"2,100,000 lines of 2 columns: 4,000,000 cells are"):
        found(path)
    parquet.write_table(again("x" * 100_000, 3_000), path)
    assert path.stat().st_size < 300_000
    with pytest.raises(DiptychError, match=r"more than 268,435,456 letters in its cells"):
        found(path)


def test_cells_of_parquet_may_be_classes_and_others_hold_more_than_one_thing(small):
    table = pa.table(
        {
            "labels": pa.array([line[0] for line in LINES]).dictionary_encode(),
            "photo": pa.array([line[1] for line in LINES], pa.large_string()),
            "tags": [["a", "b"], []],
        }
    )
    parquet.write_table(table, small / "c.parquet")
    assert len(found(small / "c.parquet").splits["train"]) == 2
