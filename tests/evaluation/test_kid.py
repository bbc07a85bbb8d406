import numpy as np
import pytest
import torch
from torch import Tensor, nn

from diptych.errors import DiptychError
from diptych.evaluation.kid import kid


class Means(nn.Module):
    """Mean and deviation of each channel: enough to tell bright pictures from dark ones."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[Tensor] = []

    def forward(self, x: Tensor) -> Tensor:
        self.seen.append(x)
        x = x.float() / 255
        return torch.cat([x.mean((2, 3)), x.std((2, 3))], 1)


def pictures(n: int, low: int = 0, high: int = 256, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(low, high, (n, 8, 8, 3), np.uint8)


def batches(x: np.ndarray, size: int = 8) -> list[np.ndarray]:
    return [x[i : i + size] for i in range(0, len(x), size)]


def test_features_receive_the_pictures_as_they_are() -> None:
    features, x = Means(), pictures(8)
    x.flags.writeable = False
    kid([x], [x], features, subsets=1, subset_size=4)
    assert features.seen[0].dtype == torch.uint8
    assert torch.equal(features.seen[0], torch.tensor(x).permute(0, 3, 1, 2))


def test_grows_with_the_distance_between_the_sets() -> None:
    target = batches(pictures(40))
    same, near, far = (
        kid(batches(other), target, Means(), subset_size=20)
        for other in (pictures(40, seed=1), pictures(40, 40, 256), pictures(40, 150, 256))
    )
    assert abs(same[0]) < 1e-3
    assert abs(same[0]) < near[0] < far[0]
    assert far[1] >= 0


def test_equals_the_formula() -> None:
    """One subset that holds all: the unbiased estimate of Binkowski et al., section 3."""
    x, y = pictures(12), pictures(12, 100, 256, seed=1)
    fx, fy = (Means()(torch.tensor(z).permute(0, 3, 1, 2)).double() for z in (x, y))
    kxx, kyy, kxy = ((a @ b.T / a.shape[1] + 1) ** 3 for a, b in ((fx, fx), (fy, fy), (fx, fy)))
    within = sum((k.sum() - k.diag().sum()) / (12 * 11) for k in (kxx, kyy))
    mean, spread = kid([x], [y], Means(), subsets=3, subset_size=12)
    assert mean == pytest.approx(float(within - 2 * kxy.mean()), abs=1e-5)
    assert spread == pytest.approx(0, abs=1e-6)


def test_is_repeatable_and_leaves_the_random_state_alone() -> None:
    x, y = pictures(30), pictures(30, seed=1)
    before = torch.get_rng_state()
    first = kid([x], [y], Means(), subsets=5, subset_size=10)
    assert torch.equal(torch.get_rng_state(), before)
    torch.rand(1)
    assert kid(batches(x), iter([y]), Means(), subsets=5, subset_size=10) == pytest.approx(first)


@pytest.mark.parametrize(("n", "subset_size"), [(10, 11), (0, 2), (10, 1)])
def test_says_what_subset_size_may_be(n: int, subset_size: int) -> None:
    x = batches(pictures(n))
    message = f"subset_size is {subset_size} .*here {n} translated and 20 targets"
    with pytest.raises(DiptychError, match=message):
        kid(x, [pictures(20)], Means(), subset_size=subset_size)
