"""Tables, shards and archives that hypothesis makes up: pairs, none from elsewhere, or a line."""

import io
import json
import shutil
import tarfile
from pathlib import Path

import pytest
from hypothesis import strategies as st
from PIL import Image
from tests.fuzz import JSON, WORDS, altered, check_line, damaged, fuzzed, give

from diptych.config import load_recipe
from diptych.data.kept.keeping import keep
from diptych.data.layouts import find_pairs
from diptych.data.shards import find_shards
from diptych.datasets.unpack import unpack_parquet, unpack_tar
from diptych.errors import DiptychError

RECIPE = load_recipe("pix2pix")
ROWS = [
    {"photo": "A/0.png", "map": "B/0.png", "split": "train"},
    {"photo": "A/1.png", "map": "B/1.png", "split": "val"},
    {"photo": "strip.png#1/2", "map": "strip.png#2/2", "split": ""},
]
CELLS = (
    JSON
    | WORDS
    | st.sampled_from(
        ["../secret.png", "/dev/zero", "A", "A/..", "strip.png#9/2", "strip.png#1/0", "A/0.png\0",
         "B\\1.png", "train", "name", "", "A/" + "x" * 300 + ".png"]
    )
)  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """Two pairs, a strip of two, and beside the folder a picture that is not for others."""
    root = tmp_path_factory.mktemp("fuzzed")
    Image.new("RGB", (8, 8)).save(root / "secret.png")
    for side in "AB":
        (root / "in" / side).mkdir(parents=True)
        for i in range(2):
            Image.new("RGB", (8, 8)).save(root / "in" / side / f"{i}.png")
    Image.new("RGB", (16, 8)).save(root / "in" / "strip.png")
    return root / "in"


def find(path: Path) -> None:
    """The pairs of a table, which lie within its folder."""
    paired = give(lambda: find_pairs(path, RECIPE), names=path)
    for pairs in paired.splits.values() if paired is not None else ():
        for pair in pairs:
            for picture in (*pair.source.parts, pair.target):
                assert picture.path.resolve().is_relative_to(path.parent.resolve())


def as_csv(rows) -> str:
    return "\n".join(",".join(map(str, row)) for row in [ROWS[0], *(r.values() for r in rows)])


@fuzzed(rows=altered([ROWS], CELLS))
def test_lines_of_objects(rows, folder):
    path = folder / "pairs.jsonl"
    lines = rows if isinstance(rows, list) else [rows]
    path.write_text("\n".join(json.dumps(line) for line in lines), "utf-8")
    find(path)


@fuzzed(
    cells=st.lists(st.lists(CELLS.map(str), max_size=4), max_size=4), comma=st.sampled_from(",;\t")
)
def test_cells_of_spreadsheets(cells, comma, folder):
    path = folder / "pairs.csv"
    lines = [[*ROWS[0]], *(list(row.values()) for row in ROWS), *cells]
    text = "\n".join(comma.join(line) for line in lines)
    path.write_text(text, "utf-8", errors="surrogatepass")
    find(path)


@fuzzed(content=damaged([as_csv(ROWS).encode(), as_csv(ROWS).encode("utf-16")]))
def test_spreadsheets(content, folder):
    path = folder / "pairs.csv"
    path.write_bytes(content)
    find(path)


def parquet(rows) -> bytes:
    pa = pytest.importorskip("pyarrow", reason="needs pip install 'diptych[hub]'")
    from pyarrow import parquet as format_

    file = io.BytesIO()
    format_.write_table(pa.Table.from_pylist(rows), file)
    return file.getvalue()


@fuzzed(draw=st.data())
def test_parquet(draw, folder):
    path = folder / "pairs.parquet"
    path.write_bytes(draw.draw(damaged([parquet(ROWS)])))
    find(path)


def png() -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (8, 8)).save(file, "PNG")
    return file.getvalue()


def tar(mode: str) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode=mode) as made:
        for name in (
            "train/0.photo.png",
            "train/0.map.png",
            "train/1.photo.png",
            "train/1.map.png",
        ):
            member = tarfile.TarInfo(name)
            member.size = len(png())
            made.addfile(member, io.BytesIO(png()))
    return file.getvalue()


@fuzzed(content=damaged([tar("w")]))
def test_shards(content, tmp_path):
    path = tmp_path / "shard.tar"
    path.write_bytes(content)
    give(lambda: keep(find_shards(str(path))), names=path)


def only(folder: Path, *names: str) -> None:
    """There is nothing beside these in it."""
    assert {path.name for path in folder.iterdir()} <= set(names)


@fuzzed(content=damaged([tar("w")]), zipped=st.booleans())
def test_archives(content, zipped, tmp_path):
    import gzip

    path, out = tmp_path / "pairs.tar.gz", tmp_path / "out"
    shutil.rmtree(out, ignore_errors=True)
    path.write_bytes(gzip.compress(content) if zipped else content)
    give(lambda: unpack_tar(path, out, 100_000, 20), names=path, refuses=[OSError])
    only(tmp_path, "pairs.tar.gz", "out")


@fuzzed(names=st.lists(WORDS | st.sampled_from(["../x", "/x", "C:\\x", "a/../../x", ".", "a"])))
def test_names_in_archives(names, tmp_path):
    path, out = tmp_path / "pairs.tar.gz", tmp_path / "out"
    shutil.rmtree(out, ignore_errors=True)
    with tarfile.open(path, "w:gz") as made:
        for name in names:
            made.addfile(tarfile.TarInfo(name))
    give(lambda: unpack_tar(path, out, 10**6, 20), names=path, refuses=[OSError])
    only(tmp_path, "pairs.tar.gz", "out")


@fuzzed(draw=st.data())
def test_parquet_of_a_dataset(draw, tmp_path):
    path, out = tmp_path / "pairs.parquet", tmp_path / "out"
    shutil.rmtree(out, ignore_errors=True)
    rows = [{f"image{side}": {"bytes": png()} for side in "AB"}]
    path.write_bytes(draw.draw(damaged([parquet(rows)])))
    enough = 10**6, 100  # bytes and pairs
    give(lambda: unpack_parquet(path, out, "train", *enough), names=path, refuses=[OSError])
    only(tmp_path, "pairs.parquet", "out")


def test_found_before(folder):
    """What the library says of such a page is two lines."""
    path = folder / "pairs.parquet"
    path.write_bytes(parquet(ROWS).replace(b"PAR1", b"PPAR1", 1))
    with pytest.raises(DiptychError, match="not a table that can be read: ") as caught:
        find_pairs(path, RECIPE)
    check_line(str(caught.value), path)
