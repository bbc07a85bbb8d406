"""Tiles cover a raster as the plugin lays them, and each place comes from the right one."""

import numpy as np
import pytest

from diptych.translation.tiles import assembled, covered, spans


@pytest.mark.parametrize(
    ("side", "expected"), [(10, 64), (64, 64), (65, 96), (96, 96), (97, 128), (200, 224)]
)
def test_a_side_is_made_so_long_that_whole_tiles_fit(side, expected):
    assert covered(side, tile=64, overlap=32) == expected


def test_what_is_kept_of_tiles_meets_and_lies_half_an_overlap_inside():
    placed = list(spans(128, tile=64, overlap=32))
    assert placed == [(0, (0, 48)), (32, (48, 80)), (64, (80, 128))]


@pytest.mark.parametrize("size", [(64, 64), (128, 160), (50, 70), (97, 129)])
@pytest.mark.parametrize("scale", [1, 2])
def test_a_picture_is_put_together_as_it_was(size, scale):
    picture = np.random.default_rng(0).integers(1, 256, (*size, 2), np.uint8)

    def enlarge(tile: np.ndarray) -> np.ndarray:
        assert tile.shape == (64, 64, 2)
        return tile.repeat(scale, 0).repeat(scale, 1)

    whole = assembled(picture, 64, 32, enlarge)
    np.testing.assert_array_equal(whole, enlarge_all(picture, scale))


def enlarge_all(picture: np.ndarray, scale: int) -> np.ndarray:
    return picture.repeat(scale, 0).repeat(scale, 1)


def test_nothing_lies_above_the_raster_and_at_its_right():
    seen = []
    assembled(np.ones((40, 50, 1), np.float32), 64, 32, lambda t: seen.append(t) or t, fill=-9.0)
    (tile,) = seen
    assert (tile[:24] == -9).all()
    assert (tile[24:, :50] == 1).all()
    assert (tile[:, 50:] == -9).all()
