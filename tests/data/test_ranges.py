import numpy as np
import pytest

from diptych.data import ranges
from diptych.data.ranges import Spread

RANDOM = np.random.default_rng(0)


def spread(arrays: list[np.ndarray]) -> Spread:
    made = Spread(len(arrays))
    for array in arrays:
        made.add(array)
    return made


@pytest.mark.parametrize("percentiles", [(0, 100), (1, 99), (0, 50), (25, 100), (2.5, 97.5)])
def test_small_pictures_are_told_exactly(percentiles):
    arrays = [RANDOM.normal(i, 3, 500).astype(np.float32) for i in range(9)]
    exact = np.percentile(np.concatenate(arrays), percentiles)
    assert spread(arrays).between(percentiles) == pytest.approx(tuple(exact))


def test_ends_are_exact_whatever_is_sampled_and_the_rest_is_near(monkeypatch):
    monkeypatch.setattr(ranges, "SAMPLED", 1000)
    arrays = [RANDOM.uniform(0, 100, (300, 300)) for _ in range(4)]
    arrays[2][7, 5], arrays[3][9, 11] = -50, 777
    found = spread(arrays)
    assert found.between((0, 100)) == (-50, 777)
    assert found.between((10, 90)) == pytest.approx((10, 90), abs=5)
    assert sum(part.size for part in found._sample) <= 1000


def test_what_holds_nothing_adds_nothing():
    assert spread([]).between((0, 100)) is None
    assert spread([np.empty(0)]).between((1, 99)) is None
    assert spread([np.empty(0), np.array([3, 5], np.uint16)]).between((0, 100)) == (3, 5)
