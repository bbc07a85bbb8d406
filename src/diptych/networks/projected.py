"""A discriminator that looks at a frozen network's maps of source and picture, side by side.

Projected GANs (Sauer et al. 2021): the maps are mixed by fixed random convolutions, across channels
and from the smaller sizes to the larger ones; small heads, one a size, judge patches of the mixed
maps. Here each head sees the maps of source and picture together, as equation 1 of pix2pix asks, or
those of the picture alone, as equation 2.
"""

from collections.abc import Sequence
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from diptych.networks.efficientnet_lite0 import CHANNELS
from diptych.networks.spectral import SpectralConv2d

HALVINGS = (2, 1, 1, 0)  # in the head of each size, while the maps are large enough
WIDTH = 64  # channels of a head, twice as many after each halving


class Projection(nn.Module):
    """Fixed random convolutions: 1x1 across channels, 3x3 from each size to the next larger one."""

    def __init__(self, base_channels: int) -> None:
        super().__init__()
        self.widths = [base_channels * 2**level for level in range(len(CHANNELS))]
        self.across = nn.ModuleList(
            nn.Conv2d(cin, cout, 1) for cin, cout in zip(CHANNELS, self.widths, strict=True)
        )
        self.upwards = nn.ModuleList(
            nn.Conv2d(cin, cout, 3, padding=1) for cout, cin in pairwise(self.widths)
        )
        for conv in (*self.across, *self.upwards):
            weight = nn.init.kaiming_normal_(conv.weight.detach().clone())
            bias = torch.zeros(conv.out_channels)
            del conv.weight, conv.bias  # which would learn
            conv.weight, conv.bias = nn.Buffer(weight), nn.Buffer(bias)

    def forward(self, maps: Sequence[Tensor]) -> list[Tensor]:
        """Maps of CHANNELS channels to mixed ones of the same sizes."""
        mixed = [conv(each) for conv, each in zip(self.across, maps, strict=True)]
        for level in reversed(range(len(mixed) - 1)):
            larger = F.interpolate(mixed[level + 1], mixed[level].shape[-2:], mode="bilinear")
            mixed[level] = mixed[level] + self.upwards[level](larger)
        return mixed


class ProjectedDiscriminator(nn.Module):
    """Logits of patches at four sizes, for the maps of a picture, `beside_source` or alone."""

    def __init__(self, base_channels: int = 32, beside_source: bool = True) -> None:
        super().__init__()
        self.projection = Projection(base_channels)
        self.heads = nn.ModuleList(
            _head((1 + beside_source) * width, halvings)
            for width, halvings in zip(self.projection.widths, HALVINGS, strict=True)
        )

    def forward(self, *projected: Tensor) -> tuple[Tensor, ...]:
        """Of what `projection` made of the picture's maps, after the source's; `(N, 1, h, w)`."""
        sizes = len(self.heads)
        sides = (projected[start : start + sizes] for start in range(0, len(projected), sizes))
        shown = zip(self.heads, *sides, strict=True)
        return tuple(head(torch.cat(maps, dim=1)) for head, *maps in shown)


def _head(channels: int, halvings: int) -> nn.Sequential:
    layers: list[nn.Module] = [SpectralConv2d(channels, WIDTH, 1), nn.LeakyReLU(0.2)]
    width = WIDTH
    for _ in range(halvings):
        layers += [SpectralConv2d(width, 2 * width, 4, 2, 1), nn.LeakyReLU(0.2)]
        width *= 2
    layers += [SpectralConv2d(width, width, 3, 1, 1), nn.LeakyReLU(0.2)]
    return nn.Sequential(*layers, SpectralConv2d(width, 1, 1))
