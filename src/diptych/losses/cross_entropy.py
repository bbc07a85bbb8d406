"""Cross-entropy, for targets that are classes."""

import torch.nn.functional as F
from torch import Tensor

# Networks end in a tanh: times this, its channels are logits that can be sure of a class.
SHARPNESS = 8.0


def cross_entropy(translated: Tensor, target: Tensor) -> Tensor:
    """The mean over pixels of -log the probability of the right class.

    `translated`: `(N, K, H, W)` in [-1, 1]; `target`: the same shape, 1 for the class, -1 for the
    others; pixels with 0 for all have no class, and no part in it.
    """
    highest, classes = target.max(dim=1)
    known = highest > 0
    losses = F.cross_entropy(SHARPNESS * translated.float(), classes, reduction="none")
    loss: Tensor = (losses * known).sum() / known.sum().clamp(min=1)
    return loss
