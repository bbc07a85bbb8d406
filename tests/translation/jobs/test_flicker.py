import numpy as np
import pytest
from tests.flicker import STILL, flicker

from diptych.errors import DiptychError

RANDOM = np.random.default_rng(0)
PHOTO = RANDOM.integers(0, 256, (40, 50, 3), np.uint8)


def flat(*values: int, height: int = 6, width: int = 8) -> list[np.ndarray]:
    return [np.full((height, width, 3), value, np.uint8) for value in values]


def window(
    photo: np.ndarray, count: int, down: int, right: int, side: int = 16
) -> list[np.ndarray]:
    """A window on its way over a photo: what it shows moves the other way."""
    return [photo[down * i :, right * i :][:side, :side] for i in range(count)]


def test_it_is_the_mean_difference_in_levels():
    assert flicker(flat(9, 9, 9), flat(100, 104, 101)) == pytest.approx(3.5)
    assert flicker(flat(9, 9, 9), flat(0, 255, 0)) == 255
    assert flicker(flat(9, 9, 9), flat(100, 100, 100)) == 0


def test_only_what_stays_in_the_source_counts():
    sources, results = flat(50, 50), flat(100, 100)
    sources[1][:, :4] += STILL + 1
    results[1][:, :4] += 80
    results[1][:, 4:] += 2
    assert flicker(sources, results) == 2
    sources[1][:, :4] -= 1  # as much as noise and compression do
    assert flicker(sources, results) == 41
    with pytest.raises(DiptychError, match="nothing stays as it is"):
        flicker(flat(0, 9), flat(0, 0))


@pytest.mark.parametrize("motion", [(1, 2), (0, 3), (2, 0)])
def test_known_motion_is_followed(motion):
    down, right = motion
    sources = window(PHOTO, 4, down, right)
    moved = window(255 - PHOTO, 4, down, right)
    assert flicker(sources, moved, (-down, -right)) == 0
    lighter = [frame // 2 + 10 * (i % 2) for i, frame in enumerate(moved)]
    assert flicker(sources, lighter, (-down, -right)) == pytest.approx(10)
    back = (frames[::-1] for frames in (sources, lighter))
    assert flicker(*back, (down, right)) == pytest.approx(10)


def test_larger_results_are_compared_where_they_belong():
    sources = window(PHOTO, 3, 1, 2)
    larger = [frame.repeat(2, 0).repeat(2, 1) for frame in sources]
    assert flicker(sources, larger, (-1, -2)) == 0
    larger[1] = larger[1] // 2 + 60
    assert flicker(sources, larger, (-1, -2)) > 10


def test_other_sizes_are_refused():
    with pytest.raises(DiptychError, match="a whole number of times as large"):
        flicker(flat(1, 1), flat(1, 1, height=12, width=9))


def test_frames_are_taken_one_at_a_time():
    taken = []

    def frames(name: str):
        for i in range(5):
            taken.append(f"{name}{i}")
            yield flat(7)[0]

    flicker(frames("s"), frames("t"))
    assert taken == [f"{name}{i}" for i in range(5) for name in "st"]
