"""A small U-Net for processors and phones: the same shape, a twentieth of the multiply-adds.

Depth-wise convolutions look around, 1x1 convolutions mix channels (MobileNet: Howard et al. 2017,
section 3.1), sub-pixel convolutions enlarge (Shi et al. 2016, section 3), and what a depth-wise
layer learns in several branches is one convolution afterwards (RepVGG: Ding et al. 2021).
"""

import copy
from itertools import pairwise, repeat, zip_longest

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from diptych.networks.told_look import Look, changed
from diptych.pix2pix import Normalization, Statistics

LEVELS = 4  # below the first, which halves
KERNELS = (5, 3, 1)  # of the branches, the largest first


class Depthwise(nn.Module):
    """Sees 5x5 pixels of each channel by itself: branches of 5x5, 3x3 and 1x1, and their sum."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.branches = nn.ModuleList(
            nn.Conv2d(channels, channels, size, padding=size // 2, groups=channels, bias=False)
            for size in KERNELS
        )

    def forward(self, x: Tensor) -> Tensor:
        """`(N, C, H, W)` to the same shape."""
        weight = self.weight()
        return F.conv2d(x, weight, padding=KERNELS[0] // 2, groups=len(weight))

    def weight(self) -> Tensor:
        """Of the one 5x5 convolution that equals the sum of the branches, which are linear."""
        weights = zip(KERNELS, self.branches.parameters(), strict=True)
        padded = [F.pad(weight, [(KERNELS[0] - size) // 2] * 4) for size, weight in weights]
        return torch.stack(padded).sum(0)

    def merged(self) -> nn.Module:
        """That convolution."""
        conv = copy.deepcopy(self.branches[0])
        conv.weight = nn.Parameter(self.weight().detach())
        return conv


class Block(nn.Module):
    """Normalises, then looks around and mixes channels beside a shortcut."""

    def __init__(self, channels: int, statistics: Statistics, normalize: bool = True) -> None:
        super().__init__()
        self.norm = Normalization(channels, statistics) if normalize else None
        self.around = Depthwise(channels)
        self.wide = nn.Conv2d(channels, 2 * channels, 1)
        self.narrow = nn.Conv2d(2 * channels, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """`(N, C, H, W)` to the same shape."""
        x = x if self.norm is None else self.norm(x)
        mixed: Tensor = self.narrow(F.relu(self.wide(self.around(x))))
        return x + mixed


class Enlarge(nn.Module):
    """Doubles height and width: a 1x1 convolution, whose channels become 2x2 pixels."""

    def __init__(self, cin: int, cout: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(cin, 4 * cout, 1)

    def forward(self, x: Tensor) -> Tensor:
        """`(N, C, H, W)` to `(N, C_out, 2H, 2W)`."""
        return F.pixel_shuffle(self.conv(x), 2)


class CompactGenerator(nn.Module):
    """Five halvings and back, each level joined to its like by a sum.

    Channels are a quarter of `base_channels` at half the size, then twice as many a level; with 64
    they end at 256. Height and width must be multiples of 32 (`size_multiple`). With `look_numbers`
    it takes so many (see `told_look`).
    """

    size_multiple = 2 ** (LEVELS + 1)

    def __init__(
        self,
        in_channels: int = 3,
        out_channels: int = 3,
        base_channels: int = 64,
        statistics: Statistics = "batch",
        look_numbers: int = 0,
    ) -> None:
        super().__init__()
        widths = [max(1, base_channels // 4) * 2**level for level in range(LEVELS + 1)]
        steps = list(pairwise(widths))
        self.enter = nn.Conv2d(in_channels, widths[0], 4, stride=2, padding=1)
        self.down = nn.ModuleList(nn.Conv2d(cin, cout, 2, stride=2) for cin, cout in steps)
        self.encode = nn.ModuleList(Block(width, statistics) for width in widths[1:-1])
        # Of one pixel there are no statistics; the paper's bottleneck has no normalisation either.
        self.bottom = nn.Sequential(
            *(Block(widths[-1], statistics, normalize=False) for _ in range(2))
        )
        self.up = nn.ModuleList(Enlarge(cin, cout) for cout, cin in reversed(steps))
        self.decode = nn.ModuleList(Block(width, statistics) for width in widths[-2:0:-1])
        self.detail = nn.Conv2d(widths[0], widths[0], 3, padding=1)
        self.out = nn.Conv2d(widths[0], 4 * out_channels, 3, padding=1)
        self.look: Look | None = None
        if look_numbers:
            back = [*reversed(widths), widths[0]]  # the bottom, each enlarging, the detail
            self.look = Look(look_numbers, widths[-1], back)

    def encoded(self, source: Tensor) -> list[Tensor]:
        """Maps of `(N, C_in, H, W)`, from half its size to 1/32."""
        maps = [F.relu(self.enter(source))]
        for down, block in zip(self.down, [*self.encode, self.bottom], strict=True):
            maps.append(block(down(maps[-1])))
        return maps

    def forward(self, source: Tensor, look: Tensor | None = None) -> Tensor:
        """Translate `(N, C_in, H, W)` to `(N, C_out, H, W)`, both in [-1, 1].

        `look`, `(N, look_numbers)`: as `look_of` has it; NaN, or without one, what is foretold.
        """
        encoded = self.encoded(source)
        x = encoded.pop()
        changes = repeat(None) if self.look is None else iter(self.look(x, look))
        x = changed(x, next(changes))
        for up, block in zip_longest(self.up, self.decode):
            x = up(x) + encoded.pop()
            x = changed(x if block is None else block(x), next(changes))
        detail = changed(self.detail(F.relu(x)), next(changes))
        return torch.tanh(F.pixel_shuffle(self.out(F.relu(detail)), 2))


def merge_branches(network: nn.Module) -> None:
    """Put one convolution in place of every layer of branches, for translation."""
    for parent in list(network.modules()):
        for name, layer in list(parent.named_children()):
            if isinstance(layer, Depthwise):
                setattr(parent, name, layer.merged())
