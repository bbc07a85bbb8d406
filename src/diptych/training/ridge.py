"""Ridge regression by closed form, as strong for each number as is best for rows left out."""

from typing import NamedTuple

import torch
from torch import Tensor

STRENGTHS = tuple(10.0**power for power in range(-3, 4))  # beside what a row has by itself


class Linear(NamedTuple):
    """`y = weight @ x + base`, and what it is worth on rows that it was not fitted to."""

    weight: Tensor  # (numbers, features)
    base: Tensor  # (numbers,)
    left: Tensor  # (rows, numbers): what is not explained of a row by a fit to the others
    share: Tensor  # (numbers,): of the variance explained so, at most 1; 0 where the mean is better


def ridge(x: Tensor, y: Tensor) -> Linear:
    """Of `x`, `(rows, features)`, and `y`, `(rows, numbers)`, in float64.

    Each row is foretold by the fit to all others (the leverages of the fit give that at once), and
    each of the numbers by the strength that foretells it best, or by its mean.
    """
    rows, features = x.shape
    x, y = x.double(), y.double()
    middle, spread = x.mean(0), x.std(0, correction=0).clamp(min=1e-8)
    mean = y.mean(0)
    u, s, v = torch.linalg.svd((x - middle) / spread, full_matrices=False)
    along = u.T @ (y - mean)
    others = rows / max(rows - 1, 1)  # a mean without the row is farther from it
    left, weight = (y - mean) * others, torch.zeros(y.shape[1], features, dtype=torch.float64)
    by_mean = error = left.square().sum(0)
    for strength in STRENGTHS:
        shrunk = s.square() / (s.square() + strength * rows)
        leverage = (u.square() * shrunk).sum(1, keepdim=True) + 1 / rows
        apart = (y - mean - u @ (shrunk[:, None] * along)) / (1 - leverage).clamp(min=1e-6)
        errors = apart.square().sum(0)
        better = errors < error
        error = torch.where(better, errors, error)
        left = torch.where(better, apart, left)
        slopes = (along * (shrunk / s.clamp(min=1e-12))[:, None]).T @ v / spread
        weight = torch.where(better[:, None], slopes, weight)
    share = 1 - error / by_mean.clamp(min=1e-30)
    return Linear(weight, mean - weight @ middle, left, share)
