"""The generator of residual blocks between two strided layers and two transposed ones."""

from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from diptych.pix2pix import Normalization, Statistics, initialize


class Normalized(nn.Module):
    """A convolution, of either kind, and the normalisation of what it makes."""

    def __init__(self, conv: nn.Conv2d | nn.ConvTranspose2d, statistics: Statistics) -> None:
        super().__init__()
        self.conv = conv
        self.norm = Normalization(conv.out_channels, statistics)

    def forward(self, x: Tensor) -> Tensor:
        """`(N, C, H, W)` to what the convolution makes of it, normalised."""
        normalized: Tensor = self.norm(self.conv(x))
        return normalized


class Block(nn.Module):
    """Two convolutions beside a shortcut, dropout between them."""

    def __init__(self, channels: int, statistics: Statistics, dropout: float) -> None:
        super().__init__()
        self.first, self.second = (
            Normalized(nn.Conv2d(channels, channels, 3, bias=False), statistics) for _ in range(2)
        )
        self.dropout = nn.Dropout(dropout) if dropout else None

    def forward(self, x: Tensor) -> Tensor:
        """`(N, C, H, W)` to the same shape."""
        changed: Tensor = F.relu(self.first(_padded(x, 1)))
        if self.dropout is not None:
            changed = self.dropout(changed)
        changed = self.second(_padded(changed, 1))
        return x + changed


class ResNetGenerator(nn.Module):
    """A 7x7 convolution, two of stride 2, `blocks` residual ones, two transposed, a 7x7 and tanh.

    As Johnson et al. 2016 (appendix 1) and CycleGAN (Zhu et al. 2017, appendix 7.2) have it.
    Height and width must be multiples of 4 (`size_multiple`).
    """

    size_multiple = 4

    def __init__(
        self,
        in_channels: int = 3,
        out_channels: int = 3,
        base_channels: int = 64,
        blocks: int = 9,
        dropout: float = 0.5,
        statistics: Statistics = "batch",
    ) -> None:
        super().__init__()
        widths = [base_channels * 2**i for i in range(3)]
        self.first = Normalized(nn.Conv2d(in_channels, widths[0], 7, bias=False), statistics)
        self.down = nn.ModuleList(
            Normalized(nn.Conv2d(cin, cout, 3, 2, padding=1, bias=False), statistics)
            for cin, cout in pairwise(widths)
        )
        self.blocks = nn.ModuleList(Block(widths[2], statistics, dropout) for _ in range(blocks))
        self.up = nn.ModuleList(
            Normalized(
                nn.ConvTranspose2d(cin, cout, 3, 2, padding=1, output_padding=1, bias=False),
                statistics,
            )
            for cin, cout in pairwise(reversed(widths))
        )
        self.out = nn.Conv2d(widths[0], out_channels, 7)
        self.apply(initialize)

    def forward(self, source: Tensor) -> Tensor:
        """Translate `(N, C_in, H, W)` to `(N, C_out, H, W)`, both in [-1, 1]."""
        x = F.relu(self.first(_padded(source, 3)))
        for layer in self.down:
            x = F.relu(layer(x))
        for block in self.blocks:
            x = block(x)
        for layer in self.up:
            x = F.relu(layer(x))
        return torch.tanh(self.out(_padded(x, 3)))


def _padded(x: Tensor, by: int) -> Tensor:
    """Padded on all sides by reflection; by the edge's values where a side is too short for it."""
    mode = "reflect" if by < min(x.shape[-2:]) else "replicate"
    return F.pad(x, (by, by, by, by), mode=mode)
