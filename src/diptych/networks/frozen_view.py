"""Pictures of any number of channels, as the frozen network sees them."""

import math
from collections.abc import Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from diptych.networks.efficientnet_lite0 import EfficientNetLite0

LEAST = 32  # pixels a side that the smallest map needs


class FrozenView(nn.Module):
    """Maps of `(N, C, H, W)` in [-1, 1] for the `channels` of one side of the pairs.

    Three channels are taken for colours and one for gray. Others, as bands or classes, are mixed to
    three by fixed random weights.
    """

    def __init__(self, network: EfficientNetLite0, channels: int) -> None:
        super().__init__()
        self.network = network
        mixing = torch.ones(3, 1, device="cpu")  # also where networks are planned elsewhere
        if channels not in {1, 3}:
            random = torch.Generator("cpu").manual_seed(channels)
            mixing = torch.randn(3, channels, generator=random, device="cpu")
            mixing = mixing / math.sqrt(channels)
        self.mixing = nn.Buffer(mixing[:, :, None, None], persistent=False)
        self.colours = channels == 3

    def forward(self, pictures: Any) -> list[Tensor]:
        """The maps, in fp32: in bf16 depth-wise convolutions are slow on processors.

        Of a tensor, or of what stands for one of fp32.
        """
        if not isinstance(pictures, Tensor):
            return self._maps(pictures)
        with torch.autocast(pictures.device.type, enabled=False):
            return self._maps(pictures.float().contiguous(memory_format=torch.channels_last))

    def _maps(self, x: Any) -> list[Tensor]:
        maps: list[Tensor] = self.network(x if self.colours else F.conv2d(x, self.mixing))
        return maps


def frozen_views(state: Mapping[str, Tensor], *channels: int) -> list[FrozenView]:
    """A view for each side, of one network."""
    network = EfficientNetLite0(state)
    return [FrozenView(network, count) for count in channels]
