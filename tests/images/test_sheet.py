import numpy as np
import pytest
from PIL import Image

from diptych.images.sheet import BACKGROUND, GAP, HEAD, as_large, sheet


def pictures(count: int, height: int, width: int, channels: int = 3, seed: int = 0) -> np.ndarray:
    random = np.random.default_rng(seed)
    return random.integers(0, 250, (count, height, width, channels), np.uint8)


@pytest.mark.parametrize("counts", [(3, 3), (3, 2), (1,)])
def test_pictures_stand_in_columns_under_their_names(counts):
    columns = [(f"column {i}", pictures(count, 20, 30, seed=i)) for i, count in enumerate(counts)]
    drawn = np.asarray(sheet(columns))
    expected = (HEAD + counts[0] * (20 + GAP), GAP + len(counts) * (30 + GAP), 3)
    assert drawn.shape == expected
    rest = drawn.copy()
    for i, (_, shown) in enumerate(columns):
        left = GAP + i * (30 + GAP)
        assert (drawn[:HEAD, left : left + 30] < 200).any(), "the name"
        for j, picture in enumerate(shown):
            top = HEAD + j * (20 + GAP)
            place = np.s_[top : top + 20, left : left + 30]
            assert np.array_equal(drawn[place], picture)
            rest[place] = BACKGROUND
    assert (rest[HEAD:] == BACKGROUND).all()


def test_small_sources_are_shown_as_large_pixel_by_pixel():
    small, targets = pictures(2, 5, 6), pictures(2, 20, 24)
    large = as_large(small, targets)
    assert np.array_equal(large, small.repeat(4, 1).repeat(4, 2))
    assert np.array_equal(as_large(targets, targets), targets)


def test_holes_are_shown_white():
    given = pictures(1, 8, 8, 4)
    given[..., 3] = 255
    given[0, 2:5, 3:6, 3] = 0
    (shown,) = as_large(given, pictures(1, 8, 8))
    assert (shown[2:5, 3:6] == 255).all()
    shown[2:5, 3:6] = given[0, 2:5, 3:6, :3]
    assert np.array_equal(shown, given[0, ..., :3])


def test_a_long_name_is_drawn_too():
    assert sheet([("a name that is longer than its column" * 3, pictures(1, 9, 9))]).width == 21
    assert isinstance(sheet([("\u00fcber \u2192", pictures(1, 9, 9))]), Image.Image)
