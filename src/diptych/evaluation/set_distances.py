"""How far two sets of pictures are apart, pairs or not, in the features of a network."""

from collections.abc import Iterator

import torch
from torch import Tensor

from diptych.evaluation.summary import Interval

AT_ONCE = 1024  # rows of a kernel: what bounds the memory


def fid(x: Tensor, y: Tensor) -> float:
    """Fréchet distance of two sets of features, `(N, D)` and `(M, D)`, two of each or more.

    Heusel et al., "GANs Trained by a Two Time-Scale Update Rule", NeurIPS 2017, eq. 6: of normal
    distributions with their means and covariances. It is 0 for equal sets, and of samples of one
    source the higher the fewer they are.
    """
    (mean_x, root_x), (mean_y, root_y) = _moments(x), _moments(y)
    # The trace of the root of the covariances' product, without forming either.
    shared = torch.linalg.svdvals(root_x @ root_y.T).sum()
    spread = root_x.square().sum() + root_y.square().sum() - 2 * shared
    return float((mean_x - mean_y).square().sum() + spread)


def _moments(x: Tensor) -> tuple[Tensor, Tensor]:
    """The mean, and `R` of at most D rows whose `R.T @ R` is the covariance."""
    x = x.double()
    mean = x.mean(0)
    root = (x - mean) / (len(x) - 1) ** 0.5
    if len(root) > root.shape[1]:
        root = torch.linalg.qr(root, mode="r").R
    return mean, root


def kid(x: Tensor, y: Tensor) -> Interval:
    """Kernel Inception Distance of two sets of features, both `(N, D)`, three or more.

    Binkowski et al., "Demystifying MMD GANs", ICLR 2018, section 4: the unbiased estimate over all
    pictures at once, which is what the mean over random subsets comes to; it may fall a little
    below 0. The 95 % interval is from the jackknife, which leaves out one of each after the other.
    """
    count, within, across, own = len(x), 0.0, 0.0, torch.zeros(3, len(x)).double()
    for rows, xx, yy, xy in _kernels(x.double(), y.double()):
        alone = xx + yy
        alone[:, rows].fill_diagonal_(0)
        own[0, rows] += alone.sum(1)
        own[1, rows] += xy.sum(1)
        own[1] += xy.sum(0)
        own[2, rows] = xy[:, rows].diagonal()
        within, across = within + float(alone.sum()), across + float(xy.sum())
    estimate = within / (count * (count - 1)) - 2 * across / count**2
    less = count - 1
    each = (within - 2 * own[0]) / (less * (less - 1)) - 2 * (across - own[1] + own[2]) / less**2
    half = 1.96 * float(((each - each.mean()).square().sum() * less / count).sqrt())
    return Interval(estimate, estimate - half, estimate + half, count)


def _kernels(x: Tensor, y: Tensor) -> Iterator[tuple[slice, Tensor, Tensor, Tensor]]:
    """Rows of the kernels of x and x, y and y, and x and y."""
    for start in range(0, len(x), AT_ONCE):
        rows = slice(start, start + AT_ONCE)
        pairs = ((x[rows], x), (y[rows], y), (x[rows], y))
        xx, yy, xy = ((a @ b.T / x.shape[1] + 1) ** 3 for a, b in pairs)
        yield rows, xx, yy, xy
