import warnings

import numpy as np
import pytest
import torch
from scipy import linalg
from torch import Tensor, nn
from torchmetrics.image.fid import FrechetInceptionDistance
from torchmetrics.image.kid import KernelInceptionDistance

from diptych.evaluation import set_distances
from diptych.evaluation.set_distances import fid, kid


class AsTheyAre(nn.Module):
    """For metrics that are handed features in the place of pictures."""

    num_features = 24

    def forward(self, x: Tensor) -> Tensor:
        return x.reshape(-1, self.num_features)


def features(count: int, seed: int, shift: float = 0.0, width: int = 24) -> Tensor:
    """Of pictures that share most of what they are, as those of a network do."""
    random = torch.Generator().manual_seed(seed)
    mixing = torch.randn((width, width), generator=torch.Generator().manual_seed(99))
    return torch.randn((count, width), generator=random) @ mixing / 5 + shift


def theirs(metric: nn.Module, x: Tensor, y: Tensor) -> float:
    metric.update(y.view(len(y), 1, 4, 6), real=True)
    metric.update(x.view(len(x), 1, 4, 6), real=False)
    found = metric.compute()
    return float(found[0] if isinstance(found, tuple) else found)


@pytest.mark.parametrize(("ours", "others"), [(12, 12), (60, 40), (300, 500)])
@pytest.mark.parametrize("shift", [0.0, 0.7])
def test_fid_is_that_of_torchmetrics(ours, others, shift):
    """With fewer pictures than features, and with more."""
    x, y = features(ours, 0, shift), features(others, 1)
    assert fid(x, y) == pytest.approx(
        theirs(FrechetInceptionDistance(AsTheyAre()), x, y), rel=1e-3, abs=1e-3
    )


def test_fid_is_the_formula_of_its_paper():
    x, y = features(200, 0, 0.3).double(), features(150, 1).double()
    first, second = torch.cov(x.T).numpy(), torch.cov(y.T).numpy()
    root = linalg.sqrtm(first @ second).real
    apart = (x.mean(0) - y.mean(0)).square().sum().item()
    assert fid(x, y) == pytest.approx(apart + np.trace(first + second - 2 * root), rel=1e-6)
    assert fid(x, x) == pytest.approx(0, abs=1e-9)


def test_fid_of_fewer_pictures_is_higher():
    x, y = features(2000, 0), features(2000, 1)
    assert 0 < fid(x, y) < fid(x[:200], y[:200]) < fid(x[:30], y[:30])


@pytest.mark.parametrize("at_once", [5, 1024])
@pytest.mark.parametrize("shift", [0.0, 0.7])
def test_kid_is_that_of_torchmetrics_over_all_pictures(at_once, shift, monkeypatch):
    monkeypatch.setattr(set_distances, "AT_ONCE", at_once)
    x, y = features(30, 0, shift), features(30, 1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        metric = KernelInceptionDistance(AsTheyAre(), subsets=1, subset_size=30)
    found = kid(x, y)
    assert found.mean == pytest.approx(theirs(metric, x, y), rel=1e-3, abs=1e-5)
    assert found.count == 30


def test_the_interval_of_kid_is_from_leaving_out_one_pair_after_the_other(monkeypatch):
    monkeypatch.setattr(set_distances, "AT_ONCE", 4)
    x, y = features(9, 0), features(9, 1, 0.5)
    rest = [[j for j in range(9) if j != i] for i in range(9)]
    each = np.array([kid(x[r], y[r]).mean for r in rest])
    error = np.sqrt(np.square(each - each.mean()).sum() * 8 / 9)
    found = kid(x, y)
    assert found.high - found.mean == pytest.approx(1.96 * error)
    assert found.mean - found.low == pytest.approx(1.96 * error)


def test_kid_of_sets_from_one_source_has_0_within_its_interval():
    same = kid(features(60, 0), features(60, 1))
    other = kid(features(60, 0), features(60, 1, 1))
    assert same.low < 0 < same.high
    assert other.low > same.high
