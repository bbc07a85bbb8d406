"""A second encoder that knows the world before it sees a pair: a frozen network's maps of a source.

They join a generator's own, each through a 1x1 convolution that learns. The frozen weights lie in
the model file beside the others.
"""

from typing import Any

import torch
from torch import Tensor, nn

from diptych.networks.efficientnet_lite0 import CHANNELS, EfficientNetLite0
from diptych.networks.frozen_view import FrozenView
from diptych.networks.pixel_norm import by_pixel


class FrozenEncoder(nn.Module):
    """What is added to a generator's maps at a quarter of the source's size, and below.

    `widths`: the channels of those maps, as many as are wanted. Sides are multiples of the last
    map's stride. The frozen network continues maps over their borders by their edge.
    """

    def __init__(self, in_channels: int, widths: list[int]) -> None:
        super().__init__()
        network = EfficientNetLite0(maps=len(widths), padding_mode="replicate")
        self.view = FrozenView(network, in_channels)
        self.join = nn.ModuleList(
            nn.Conv2d(cin, cout, 1) for cin, cout in zip(CHANNELS, widths, strict=False)
        )

    def forward(self, source: Any) -> list[Tensor]:
        """Of `(N, C_in, H, W)`, from a quarter of its size on."""
        dtype = next(self.join.parameters()).dtype
        joined = zip(self.join, self.view(source), strict=True)
        return [join(_as(dtype, by_pixel(maps))) for join, maps in joined]


def _as(dtype: torch.dtype, x: Any) -> Any:
    return x.to(dtype) if isinstance(x, Tensor) else x
