"""Inception as KID's first programs ran it: pictures resized as TensorFlow 1 did.

That is without antialiasing; scores of earlier runs were measured so.
"""

import torch
from torch import Tensor, nn

from diptych.errors import DiptychError
from diptych.networks.inception import SIDE, Inception
from diptych.weights import GET_FID_HINT, find_inception


class Stretching(nn.Module):
    """Features of pictures: uint8 `(N, 3, H, W)` of any size to float `(N, 2048)`."""

    def __init__(self, network: Inception) -> None:
        super().__init__()
        self.network = network

    def forward(self, pictures: Tensor) -> Tensor:
        """Those of the stretched pictures."""
        x = pictures.float()
        for axis in (2, 3):
            x = _stretched(x, axis)
        features: Tensor = self.network(x)
        return features


def load_inception() -> Stretching:
    """The network with its weights; raises DiptychError where they are not here."""
    state = find_inception()
    if state is None:
        raise DiptychError(GET_FID_HINT)
    return Stretching(Inception(state))


def _stretched(x: Tensor, axis: int) -> Tensor:
    """One axis at 299 pixels: linear, and pixel 0 stays pixel 0."""
    count = x.shape[axis]
    places = torch.arange(SIDE) * (count / SIDE)
    low = places.long()
    shape = [-1 if each == axis else 1 for each in range(4)]
    share = (places - low).view(shape)
    high = (low + 1).clamp(max=count - 1)
    return x.index_select(axis, low) * (1 - share) + x.index_select(axis, high) * share
