import csv
import shutil

import pytest

from diptych.config import with_overrides
from diptych.data.layouts import find_pairs
from diptych.doctor.check import check_pairs
from diptych.doctor.cleaned_table import write_cleaned
from diptych.errors import DiptychError

pytestmark = pytest.mark.usefixtures("measured_once")


def rows(path) -> list[list[str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.reader(file))


def test_a_cleaned_table_of_two_folders(pairs, recipe, tmp_path):
    (pairs / "B/train/03.png").write_text("no picture")
    for side in "AB":
        shutil.copy(pairs / side / "test/01.png", pairs / side / "train/50.png")
    before = {path: path.read_bytes() for path in pairs.rglob("*.png")}
    out = tmp_path / "fixed"
    assert write_cleaned(out, check_pairs(pairs, recipe), recipe) == (31, 2)
    heading, *left = rows(out / "pairs.csv")
    assert heading == ["split", "name", "labels", "photo"]
    found = find_pairs(pairs, recipe)
    assert left == [
        [split, pair.name, str(pair.source.path), str(pair.target.path)]
        for split in ("train", "val", "test")
        for pair in found.splits[split]
        if not (split == "train" and pair.name in {"03", "50"})
    ]
    heading, *gone = rows(out / "left_out.csv")
    assert heading == ["split", "name", "labels", "photo", "reason"]
    assert [row[1] for row in gone] == ["03", "50"]
    assert gone[0][4].startswith("unreadable (")
    assert gone[1][4] == "leak (the same as A/test/01.png, train and test)"
    assert {path: path.read_bytes() for path in pairs.rglob("*.png")} == before


@pytest.mark.parametrize("direction", ["a_to_b", "b_to_a"])
def test_panels_of_a_file_in_the_order_of_the_data(direction, made_pairs, recipe, tmp_path):
    settled = with_overrides(recipe, {"data.direction": direction})
    write_cleaned(tmp_path / "fixed", check_pairs(made_pairs, settled), settled)
    heading, *left = rows(tmp_path / "fixed/pairs.csv")
    assert heading == ["split", "name", "labels", "photo"]
    assert {row[0] for row in left} == {"train", "val", "test"}, "slices are settled"
    for _, name, *cells in left:
        path = made_pairs / "train" / f"{name}.png"
        assert cells == [f"{path}#1/2", f"{path}#2/2"]


def test_photos_have_one_column(made_pairs, recipe, tmp_path):
    settled = with_overrides(recipe, {"derive.kind": "holes"})
    write_cleaned(tmp_path / "fixed", check_pairs(made_pairs, settled), settled)
    heading, *left = rows(tmp_path / "fixed/pairs.csv")
    assert heading == ["split", "name", "whole"]
    assert {len(row) for row in left} == {3}


def test_what_cannot_be_written(pairs, recipe, tmp_path):
    checkup = check_pairs(pairs, recipe)
    with pytest.raises(DiptychError, match="lies within the data"):
        write_cleaned(pairs / "fixed", checkup, recipe)
    for path in (pairs / "B/train").iterdir():
        path.write_text("no picture")
    with pytest.raises(DiptychError, match="no pair would be left"):
        write_cleaned(tmp_path / "fixed", check_pairs(pairs, recipe), recipe)
    assert not (tmp_path / "fixed").exists()
