import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from diptych.evaluation.kid import kid as kid_of_pictures

sys.path.append(str(Path(__file__).parents[2] / "benchmarks"))
from diptych.evaluation.colour_spread import spread
from judges import kid


def features(count: int, seed: int, shift: float = 0.0) -> torch.Tensor:
    return torch.randn((count, 6), generator=torch.Generator().manual_seed(seed)) + shift


class AsTheyAre(nn.Module):
    """Pictures of one row as features."""

    def forward(self, x):
        return x.flatten(1).float() / 64


def test_kid_is_that_of_torchmetrics_over_all_pictures():
    rng = np.random.default_rng(0)
    x, y = (rng.integers(0, high, (12, 1, 4, 3), np.uint8) for high in (256, 200))
    theirs, _ = kid_of_pictures([x], [y], AsTheyAre(), subsets=1, subset_size=12)
    fx, fy = (AsTheyAre()(torch.from_numpy(np.moveaxis(z, -1, 1).copy())) for z in (x, y))
    ours = kid(fx, fy)
    assert ours.mean == pytest.approx(theirs, rel=1e-4)
    assert ours.count == 12


def test_the_interval_of_kid_is_from_leaving_out_one_pair_after_the_other():
    x, y = features(9, 0), features(9, 1, 0.5)
    rest = [[j for j in range(9) if j != i] for i in range(9)]
    each = np.array([kid(x[r], y[r]).mean for r in rest])
    error = np.sqrt(np.square(each - each.mean()).sum() * 8 / 9)
    found = kid(x, y, times=1000)
    assert found.high - found.mean == pytest.approx(1960 * error)
    assert found.mean - found.low == pytest.approx(1960 * error)


def test_kid_of_sets_from_one_source_has_0_within_its_interval():
    same, other = kid(features(60, 0), features(60, 1)), kid(features(60, 0), features(60, 1, 1))
    assert same.low < 0 < same.high
    assert other.low > same.high


def plain(*colours: tuple[int, int, int]) -> list[np.ndarray]:
    return [np.full((4, 5, 3), colour, np.uint8) for colour in colours]


def test_the_spread_is_a_share_of_the_targets():
    targets = plain((40, 20, 90), (140, 60, 30))
    assert spread(targets, targets) == {"luma": 1, "red-green": 1, "blue-yellow": 1}
    alike = plain((90, 40, 60), (90, 40, 60))
    assert spread(alike, targets) == {"luma": 0, "red-green": 0, "blue-yellow": 0}
    # Red minus green: 60 apart in the targets, 30 here; blue: 130 and 15; luma: here not at all.
    half = plain((80, 40, 60), (100, 30, 50))
    assert spread(half, targets) == {"luma": 0, "red-green": 0.5, "blue-yellow": 0.115}


def test_paper_is_left_out_where_the_target_is_white():
    targets = plain((255, 255, 255), (255, 255, 255), (255, 255, 255))
    results = plain((0, 0, 0), (200, 200, 200), (90, 90, 90))
    for i, (theirs, ours) in enumerate(((40, 60), (100, 90))):
        targets[i][1:3, 1:3], results[i][1:3, 1:3] = theirs, ours
    assert spread(results, targets, on_paper=True)["luma"] == 0.5
    assert spread(results, targets)["luma"] > 2  # paper and all


def test_targets_without_spread_give_no_number():
    assert np.isnan(spread(plain((1, 2, 3)), plain((4, 5, 6)))["luma"])
