import numpy as np
import pytest

from diptych.doctor.alignment_rules import in_words
from diptych.doctor.shift import find_shift

from .conftest import pixels


@pytest.mark.parametrize(("right", "down"), [(0, 0), (5, -3), (-9, 12)])
def test_finds_by_how_much_labels_and_photos_are_apart(right, down, facades_apart):
    """Of 12 pairs nearly all; where the peak is clear, none is wrong."""
    found = []
    for path in sorted((facades_apart / "A/train").glob("*.png"))[:12]:
        photo = np.roll(pixels(facades_apart / "B/train" / path.name), (down, right), (0, 1))
        shift = find_shift(pixels(path), photo)
        if shift is not None:
            near = max(abs(shift.right - right), abs(shift.down - down)) <= 2
            found.append((near, shift.clear > 1.4))
    assert sum(near for near, _ in found) >= 9
    assert all(near for near, clear in found if clear)
    assert sum(clear for _, clear in found) >= 4


def test_large_pictures_are_reduced_and_told_in_their_own_pixels():
    blocks = np.random.default_rng(0).integers(0, 256, (40, 40, 3), np.uint8)
    large = blocks.repeat(32, 0).repeat(32, 1)
    shift = find_shift(large, np.roll(large, (40, -20), (0, 1)))
    assert shift is not None
    assert (shift.pixel, shift.clear > 5) == (2.5, True)
    assert (shift.right, shift.down) == pytest.approx((-20, 40), abs=2.5)


def test_nothing_is_said_without_edges_or_of_two_shapes():
    picture = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    assert find_shift(np.full_like(picture, 7), picture) is None
    assert find_shift(picture[:40], picture) is None
    assert find_shift(picture[:20, :20], picture[:20, :20]) is None


def test_a_shift_in_words():
    assert in_words(3, -1) == "3 px right, 1 px above"
    assert in_words(-2.4, 0.2) == "2 px left"
    assert in_words(0, 0) == "none"
