"""Targets in other colours than they have, so that a generator that is told looks follows any.

Shoes are brown and black; a generator told so learns nothing of blue, and a wish for it comes out
gray. Shown some targets with their hues turned, and told the look that they have then, it learns
that colour is what it is told. White, gray and black stay what they are.
"""

import math

import torch
from torch import Tensor

from diptych.batch_share import Share

SATURATION = (0.5, 2.0)  # by which colours are made weaker or stronger

_GRAY = torch.full((3, 3), 1 / 3)  # what of colours lies along gray
_AROUND = torch.tensor([[0.0, -1.0, 1.0], [1.0, 0.0, -1.0], [-1.0, 1.0, 0.0]]) / math.sqrt(3)


def in_other_colours(targets: Tensor, share: float, own: Share | None = None) -> Tensor:
    """RGB targets `(N, 3, H, W)` in [-1, 1], so many of them turned in hue, by any angle.

    They are the `own` pictures of a batch, by default all of it.
    """
    device = targets.device
    own = own or Share.whole(len(targets))
    chosen, turn, factor = map(own.of, torch.rand(3, own.total, 1, 1, device=device))
    angle = 2 * math.pi * turn
    low, high = SATURATION
    gray, around = _GRAY.to(device), _AROUND.to(device)
    beside = angle.cos() * (torch.eye(3, device=device) - gray) + angle.sin() * around
    matrix = gray + (low + (high - low) * factor) * beside
    turned = torch.einsum("nij,njhw->nihw", matrix, targets).clamp(-1, 1)
    return torch.where((chosen < share)[..., None], turned, targets)
