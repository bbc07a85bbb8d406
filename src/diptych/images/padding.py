"""Padding to a multiple, so that a network takes any size."""

import torch
import torch.nn.functional as F


def pad_to_multiple(pictures: torch.Tensor, multiple: int) -> torch.Tensor:
    """Pad `(N, C, H, W)` below and to the right until both sides are multiples of `multiple`.

    By reflection; by the edge's values along a side that is too short to reflect.
    """
    height, width = pictures.shape[-2:]
    below, right = -height % multiple, -width % multiple
    for side, pads in ((height, (0, 0, 0, below)), (width, (0, right, 0, 0))):
        if any(pads):
            pictures = F.pad(pictures, pads, mode="reflect" if max(pads) < side else "replicate")
    return pictures
