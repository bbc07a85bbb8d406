"""What a GeoTIFF says of a pixel's place holds of the result's pixels too."""

import numpy as np
import pytest
import tifffile

from diptych.errors import DiptychError
from diptych.images.description import upright
from diptych.images.geo import KEYS, PIXEL_SCALE, TIEPOINTS, TRANSFORMATION, geo_tags
from diptych.images.tiff_writing import write_tiff
from diptych.images.values import read_values
from diptych.images.windows import ArrayPicture

HEIGHT, WIDTH = 12, 20
SCALE = (PIXEL_SCALE, 12, 3, (10.0, 5.0, 0.0), True)
TIE = (TIEPOINTS, 12, 6, (2.0, 3.0, 0.0, 5000.0, 8000.0, 0.0), True)
MATRIX = (10.0, 1.0, 0.0, 4000.0, 2.0, -5.0, 0.0, 9000.0, *([0.0] * 7), 1.0)
CORNERS = np.array([[0, 0], [WIDTH, 0], [WIDTH, HEIGHT], [0, HEIGHT]], float)
POINTS = np.hstack([CORNERS, np.zeros((4, 1)), 7 * CORNERS + 100, np.zeros((4, 1))])
WAYS = {
    "a scale and a point": (SCALE, TIE),
    "a matrix": ((TRANSFORMATION, 12, 16, MATRIX, True),),
    "points": ((TIEPOINTS, 12, 24, tuple(POINTS.ravel()), True),),
}


def directory(points: bool) -> tuple:
    return (KEYS[0], 3, 8, (1, 1, 0, 1, 1025, 0, 1, 2 if points else 1), True)


def write(path, way: str, points: bool, orientation: int = 1) -> np.ndarray:
    values = np.arange(HEIGHT * WIDTH, dtype=np.uint16).reshape(HEIGHT, WIDTH)
    turned = [(274, 3, 1, orientation, True)] if orientation > 1 else []
    tifffile.imwrite(path, values, extratags=[*WAYS[way], directory(points), *turned])
    return values


def place(tags, points: bool, x: float, y: float) -> np.ndarray:
    """Where on Earth (x, y) lies, of which (0, 0) is the picture's outer corner."""
    value = {code: np.array(value, float) for code, _, _, value, _ in tags if code not in KEYS}
    i, j = (x - 0.5, y - 0.5) if points else (x, y)
    if TRANSFORMATION in value:
        assert not {PIXEL_SCALE, TIEPOINTS} & set(value), "only one way"
        return (value[TRANSFORMATION].reshape(4, 4) @ (i, j, 0, 1))[:2]
    ties = value[TIEPOINTS].reshape(-1, 6)
    if PIXEL_SCALE in value:
        across, down = value[PIXEL_SCALE][:2]
        return ties[0, 3:5] + ((i - ties[0, 0]) * across, -(j - ties[0, 1]) * down)
    known = np.hstack([ties[:, :2], np.ones((len(ties), 1))])
    return np.array([i, j, 1]) @ np.linalg.lstsq(known, ties[:, 3:5], rcond=None)[0]


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("points", [False, True])
@pytest.mark.parametrize("way", WAYS)
def test_every_pixel_keeps_its_place(way, points, orientation, tmp_path):
    stored = write(tmp_path / "a.tif", way, points)
    before = geo_tags(tmp_path / "a.tif")
    assert before == [*WAYS[way], directory(points)], "to the letter"
    write(tmp_path / "a.tif", way, points, orientation)
    shown = read_values(tmp_path / "a.tif")[..., 0]
    assert np.array_equal(shown, upright(stored[..., None], orientation)[..., 0])
    for factor in (1, 4, 0.5):
        size = tuple(round(factor * side) for side in shown.shape)
        after = geo_tags(tmp_path / "a.tif", size)
        for row, column in ((0, 0), (3, 1), (7, 9)):
            y, x = np.argwhere(stored == shown[row, column])[0] + 0.5
            there = place(after, points, factor * (column + 0.5), factor * (row + 0.5))
            assert there == pytest.approx(place(before, points, x, y), abs=1e-6)


def test_a_point_means_the_middle_of_its_pixel(tmp_path):
    write(tmp_path / "a.tif", "a scale and a point", points=True)
    scale, tie, keys = geo_tags(tmp_path / "a.tif", (4 * HEIGHT, 4 * WIDTH))
    assert scale[3] == (2.5, 1.25, 0.0)
    assert tie[3] == (4 * 2 + 1.5, 4 * 3 + 1.5, 0.0, 5000.0, 8000.0, 0.0)
    assert keys == directory(points=True)
    write(tmp_path / "a.tif", "a scale and a point", points=False)
    assert geo_tags(tmp_path / "a.tif", (4 * HEIGHT, 4 * WIDTH))[1][3][:2] == (8.0, 12.0)


@pytest.mark.parametrize(
    ("stored", "written"),
    [
        ((KEYS[2], 2, 0, "Zürich|".encode("latin1") + b"\0", True), "Zürich|".encode() + b"\0"),
        ((KEYS[2], 2, 0, "Zürich|".encode() + b"\0", True), "Zürich|".encode() + b"\0"),
        ((KEYS[2], 2, 0, b"WGS 84|\0", True), b"WGS 84|\0"),
        ((PIXEL_SCALE, 5, 3, (1, 2, 1, 4, 0, 1), True), (0.5, 0.25, 0.0)),
        ((PIXEL_SCALE, 11, 3, (0.5, 0.25, 0.0), True), (0.5, 0.25, 0.0)),
    ],
)
def test_tags_of_any_letters_and_fractions_can_be_written(stored, written, tmp_path):
    values = np.zeros((4, 4, 1), np.uint8)
    tifffile.imwrite(tmp_path / "a.tif", values[..., 0], extratags=[stored])
    tags = geo_tags(tmp_path / "a.tif")
    write_tiff(tmp_path / "b.tif", ArrayPicture(values), tags=tags)
    assert geo_tags(tmp_path / "b.tif") == tags
    assert [tag[3] for tag in tags] == [written]


def test_tags_that_make_no_sense_are_kept_or_named(tmp_path):
    odd = (PIXEL_SCALE, 12, 1, 10.0, True)
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((4, 4), np.uint8), extratags=[odd])
    assert geo_tags(tmp_path / "a.tif") == [(PIXEL_SCALE, 12, 1, (10.0,), True)]
    with pytest.raises(DiptychError, match=r"a\.tif: cannot be read"):
        geo_tags(tmp_path / "a.tif", (8, 8))


def test_other_files_have_none(tmp_path):
    (tmp_path / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    assert geo_tags(tmp_path / "a.png") == []
    tifffile.imwrite(tmp_path / "b.png", np.zeros((4, 4), np.uint8), extratags=[SCALE])
    assert geo_tags(tmp_path / "b.png") == [SCALE], "a TIFF by another name"
