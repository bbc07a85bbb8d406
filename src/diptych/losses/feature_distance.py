"""How far two pictures are apart in what a frozen network sees."""

from collections.abc import Sequence

import torch
from torch import Tensor


def normalized(maps: Tensor, eps: float = 1e-3) -> Tensor:
    """Each place of `(N, C, H, W)` divided by its root mean square over channels."""
    return maps / (maps.float().square().mean(1, keepdim=True).sqrt() + eps)


def feature_distance(translated: Sequence[Tensor], target: Sequence[Tensor]) -> Tensor:
    """The mean absolute difference of the normalised maps, as a mean over their sizes.

    As LPIPS compares (Zhang et al. 2018, section 3), without weights that were learned.
    """
    pairs = zip(translated, target, strict=True)
    return torch.stack([(normalized(x) - normalized(y)).abs().mean() for x, y in pairs]).mean()
