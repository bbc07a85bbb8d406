"""How far two pictures are apart in what a frozen network sees."""

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor


def normalized(maps: Tensor, eps: float = 1e-3) -> Tensor:
    """Each place of `(N, C, H, W)` divided by its root mean square over channels."""
    return maps / (maps.float().square().mean(1, keepdim=True).sqrt() + eps)


def feature_distance(translated: Sequence[Tensor], target: Sequence[Tensor]) -> Tensor:
    """The mean absolute difference of the normalised maps, as a mean over their sizes.

    As LPIPS compares (Zhang et al. 2018, section 3), without weights that were learned.
    """
    return torch.stack([each.mean() for each in _differences(translated, target)]).mean()


def feature_distances(translated: Sequence[Tensor], target: Sequence[Tensor]) -> Tensor:
    """The same of every picture of a batch by itself, `(N,)`."""
    each_size = _differences(translated, target)
    return torch.stack([each.mean((1, 2, 3)) for each in each_size]).mean(0)


def _differences(translated: Sequence[Tensor], target: Sequence[Tensor]) -> Iterator[Tensor]:
    for x, y in zip(translated, target, strict=True):
        yield (normalized(x) - normalized(y)).abs()
