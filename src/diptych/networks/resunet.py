"""A residual U-Net in which a pixel depends on what lies around it, and on nothing else.

No layer takes statistics of the picture, so a plain sea stays a sea, and a tile becomes the same
alone and inside a larger picture. Maps are continued over their borders by their own edge: zeros
would tell where a picture ends, and leave a frame and marks in its corners. They are enlarged by
repeating pixels before a 3x3 convolution, which leaves no checkerboard (Odena et al. 2016); the
source itself joins the last layer. How the whole is to look may be told beside the source.
"""

from itertools import pairwise, repeat, zip_longest

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from diptych.networks.frozen_encoder import FrozenEncoder
from diptych.networks.pixel_norm import PixelNorm
from diptych.networks.told_look import Look, changed

LEVELS = 5  # halvings


def convolution(cin: int, cout: int, kernel: int, stride: int = 1, bias: bool = True) -> nn.Conv2d:
    """One whose maps are continued by a pixel of their own edge."""
    return nn.Conv2d(cin, cout, kernel, stride, 1, bias=bias, padding_mode="replicate")


class Halve(nn.Module):
    """LeakyReLU, convolution 4x4 with stride 2, normalisation."""

    def __init__(self, cin: int, cout: int) -> None:
        super().__init__()
        self.conv = convolution(cin, cout, 4, stride=2, bias=False)
        self.norm = PixelNorm(cout)

    def forward(self, x: Tensor) -> Tensor:
        """`(N, C, H, W)` to `(N, C_out, H / 2, W / 2)`."""
        normalized: Tensor = self.norm(self.conv(F.leaky_relu(x, 0.2)))
        return normalized


class Double(nn.Module):
    """ReLU, every pixel as 2x2, convolution 3x3, normalisation."""

    def __init__(self, cin: int, cout: int) -> None:
        super().__init__()
        self.conv = convolution(cin, cout, 3, bias=False)
        self.norm = PixelNorm(cout)

    def forward(self, x: Tensor) -> Tensor:
        """`(N, C, H, W)` to `(N, C_out, 2H, 2W)`."""
        normalized: Tensor = self.norm(self.conv(F.interpolate(F.relu(x), scale_factor=2)))
        return normalized


class ResidualBlock(nn.Module):
    """Two convolutions 3x3, each normalised, beside a shortcut."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = convolution(channels, channels, 3, bias=False)
        self.first_norm = PixelNorm(channels)
        self.second = convolution(channels, channels, 3, bias=False)
        self.second_norm = PixelNorm(channels)

    def forward(self, x: Tensor) -> Tensor:
        """`(N, C, H, W)` to the same shape."""
        changed = F.relu(self.first_norm(self.first(x)))
        added: Tensor = self.second_norm(self.second(changed))
        return x + added


class Finish(nn.Module):
    """Every pixel as 2x2, the source beside it, convolution 3x3."""

    def __init__(self, channels: int, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.conv = convolution(channels + in_channels, out_channels, 3)

    def forward(self, x: Tensor, source: Tensor) -> Tensor:
        """`(N, C, H / 2, W / 2)` and `(N, C_in, H, W)` to `(N, C_out, H, W)`."""
        finished: Tensor = self.conv(torch.cat((F.interpolate(x, scale_factor=2), source), dim=1))
        return finished


class ResidualUNet(nn.Module):
    """Five halvings, residual blocks at 1/32, and back, each level joined to its like.

    Channels are `base_channels` at half the size, then 2, 4, 8 and 8 times as many.
    Height and width must be multiples of 32 (`size_multiple`).
    A pixel depends on none that is more than 95 + 64 `blocks` pixels away, with `frozen_maps` some
    more, but for the look where that is foretold: with `look_numbers` it takes so many (see
    `told_look`).
    """

    size_multiple = 2**LEVELS

    def __init__(
        self,
        in_channels: int = 3,
        out_channels: int = 3,
        base_channels: int = 24,
        blocks: int = 4,
        look_numbers: int = 0,
        frozen_maps: int = 0,
    ) -> None:
        super().__init__()
        widths = [base_channels * min(2**level, 8) for level in range(LEVELS)]
        steps = list(pairwise(widths))
        self.enter = convolution(in_channels, widths[0], 4, stride=2)
        self.down = nn.ModuleList(Halve(cin, cout) for cin, cout in steps)
        self.blocks = nn.Sequential(*(ResidualBlock(widths[-1]) for _ in range(blocks)))
        self.up = nn.ModuleList(
            Double(cin if i == 0 else 2 * cin, cout)
            for i, (cout, cin) in enumerate(reversed(steps))
        )
        self.detail = convolution(2 * widths[0], widths[0], 3)
        self.out = Finish(widths[0], in_channels, out_channels)
        self.apply(_initialize)
        self.frozen: FrozenEncoder | None = None
        if frozen_maps:
            self.frozen = FrozenEncoder(in_channels, widths[1 : 1 + frozen_maps])
        self.look: Look | None = None
        if look_numbers:
            back = [*reversed(widths), widths[0]]  # the blocks, each doubling, the detail
            self.look = Look(look_numbers, widths[-1], back)

    def encoded(self, source: Tensor) -> list[Tensor]:
        """Maps of `(N, C_in, H, W)`, from half its size to 1/32."""
        maps = [self.enter(source)]
        beside = [] if self.frozen is None else self.frozen(source)
        for halve, more in zip_longest(self.down, beside):
            own = halve(maps[-1])
            maps.append(own if more is None else own + more)
        return maps

    def forward(self, source: Tensor, look: Tensor | None = None) -> Tensor:
        """Translate `(N, C_in, H, W)` to `(N, C_out, H, W)`, both in [-1, 1].

        `look`, `(N, look_numbers)`: as `look_of` has it; NaN, or without one, what is foretold.
        """
        encoded = self.encoded(source)
        x = encoded.pop()
        changes = repeat(None) if self.look is None else iter(self.look(x, look))
        x = changed(self.blocks(x), next(changes))
        for double in self.up:
            x = torch.cat((changed(double(x), next(changes)), encoded.pop()), dim=1)
        detail = changed(self.detail(F.relu(x)), next(changes))
        return torch.tanh(self.out(F.relu(detail), source))


def _initialize(module: nn.Module) -> None:
    """Weights that keep the size of what flows through LeakyReLU (He et al. 2015)."""
    if isinstance(module, nn.Conv2d):
        nn.init.kaiming_normal_(module.weight, 0.2)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
