"""Padding to a multiple, so that a network takes any size."""

import numpy as np
import torch
import torch.nn.functional as F


def pad_to_multiple(pictures: torch.Tensor, multiple: int) -> torch.Tensor:
    """Pad `(N, C, H, W)` below and to the right until both sides are multiples of `multiple`.

    By reflection; by the edge's values along a side that is too short to reflect.
    """
    height, width = pictures.shape[-2:]
    below, right = -height % multiple, -width % multiple
    pictures = _pad(pictures, (0, 0, 0, below), reflect=below < height)
    return _pad(pictures, (0, right, 0, 0), reflect=right < width)


def _pad(pictures: torch.Tensor, sides: tuple[int, int, int, int], reflect: bool) -> torch.Tensor:
    if not any(sides):
        return pictures
    return F.pad(pictures, sides, mode="reflect" if reflect else "replicate")


def unpadded(places: np.ndarray, side: int, multiple: int) -> np.ndarray:
    """Which place of a side of length `side` each place of the padded side shows.

    Padded by `pad_to_multiple`.
    """
    reflects = -side % multiple < side
    inside: np.ndarray = reflected(places, side) if reflects else np.minimum(places, side - 1)
    return inside


def reflected(places: np.ndarray, side: int) -> np.ndarray:
    """Which place each of `places` shows, where those off either end are reflections."""
    last = side - 1
    inside: np.ndarray = last - np.abs(last - np.abs(places))
    return inside
