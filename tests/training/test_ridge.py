"""Ridge regression: what it explains of rows that it was not fitted to."""

import pytest
import torch

from diptych.training.ridge import ridge


def numbers(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_a_line_is_found_and_noise_is_not():
    x = numbers(200, 5)
    y = torch.stack((x @ numbers(5, seed=1) + 3, numbers(200, seed=2)), dim=1)
    fit = ridge(x, y)
    assert fit.share[0] > 0.999
    assert 0 <= fit.share[1] < 0.05
    torch.testing.assert_close(x @ fit.weight[0] + fit.base[0], y[:, 0], atol=0.05, rtol=0)
    assert fit.weight[1].abs().max() < 0.1, "what foretells nothing says the mean"


def test_what_is_left_of_a_row_is_what_a_fit_to_the_others_leaves():
    x = numbers(12, 3)
    y = (x @ numbers(3, seed=1) + 0.5 * numbers(12, seed=2))[:, None]
    fit = ridge(x, y)
    middle, spread = x.mean(0), x.std(0, correction=0)
    z = (x - middle) / spread
    best = min(
        (_left_out(z, y[:, 0], strength * len(x)) for strength in (10.0**p for p in range(-3, 4))),
        key=lambda left: left.square().sum(),
    )
    torch.testing.assert_close(fit.left[:, 0], best, atol=1e-8, rtol=1e-8)


def _left_out(z: torch.Tensor, y: torch.Tensor, strength: float) -> torch.Tensor:
    """Solved anew without each row, its scale kept, the base unpenalised."""
    left = []
    for i in range(len(z)):
        others = torch.arange(len(z)) != i
        ones = torch.ones(len(z) - 1, 1, dtype=z.dtype)
        full = torch.cat((z[others], ones), dim=1)
        penalty = strength * torch.eye(full.shape[1], dtype=z.dtype)
        penalty[-1, -1] = 0
        solved = torch.linalg.solve(full.T @ full + penalty, full.T @ y[others])
        left.append(y[i] - torch.cat((z[i], ones[0])) @ solved)
    return torch.stack(left)


@pytest.mark.parametrize("rows", [1, 2, 3])
def test_few_rows_say_their_mean(rows):
    fit = ridge(numbers(rows, 400), numbers(rows, 2, seed=1))
    assert fit.base.isfinite().all()
    assert fit.left.isfinite().all()
    assert fit.share.isfinite().all()


def test_features_that_never_change_do_no_harm():
    x = numbers(50, 4)
    x[:, 2] = 7
    assert ridge(x, x[:, :1]).share[0] > 0.99
