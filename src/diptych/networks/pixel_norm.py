"""Normalisation of each pixel by itself: what it becomes depends on no other place."""

from typing import Any

import torch
from torch import Tensor, nn

EPS = 1e-4


def by_pixel(x: Any) -> Any:
    """`(N, C, H, W)`, each pixel divided by its root mean square over channels."""
    return x * torch.rsqrt(torch.mean(torch.square(x), 1, keepdim=True) + EPS)


class PixelNorm(nn.Module):
    """Divides each pixel by its root mean square over channels; learns a scale and a shift each.

    Zhang and Sennrich 2019 ("Root Mean Square Layer Normalization"), pixel by pixel.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor) -> Tensor:
        """Normalise `(N, C, H, W)`."""
        normal: Tensor = by_pixel(x)
        return normal * self.weight.view(-1, 1, 1) + self.bias.view(-1, 1, 1)
