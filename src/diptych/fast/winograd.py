"""The 4x4 convolutions of stride 2 by fewer products: Winograd's minimal filtering, F(2x2, 2x2).

Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks", CVPR 2016. A convolution that
halves a map is one of 2x2 and stride 1 over 2x2 blocks of pixels, and one that doubles it makes
2x2 pixels by four such. For 2x2 of its results each takes 9 products of all channels in place of
16, of sums and differences of neighbours, which are cheap where there are many channels.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from diptych.fast.matrix_convolution import MatrixConv2d, MatrixConvTranspose2d

# It takes less time from so many weights on, for so many places of the smaller map, no fewer and no
# more; measured on two cores in bfloat16. In float32 the sums take what the products save.
WEIGHTS, PLACES = 2**19, (2**9, 2**13)


class WinogradConv2d(MatrixConv2d):
    """A convolution that halves, of weights that stay; where it does not pay, as `MatrixConv2d`."""

    factors: Tensor | None = None  # of the products, (9, C_out, 4 C)

    def forward(self, x: Tensor) -> Tensor:
        """`(N, C, H, W)` to `(N, C_out, H / 2, W / 2)`."""
        if not _pays(x, reach=4):
            return super().forward(x)
        if self.factors is None:
            self.factors = _factors(self.weight.view(*self.weight.shape[:2], 2, 2, 2, 2))
        padded = F.pad(x.permute(0, 2, 3, 1), (0, 0, 1, 1, 1, 1))
        n, _, height, width = x.shape
        blocks = padded.view(n, height // 2 + 1, 2, width // 2 + 1, 2, -1).transpose(2, 3)
        made = _sums(torch.bmm(_differences(blocks.flatten(3)), self.factors.transpose(1, 2)))
        made = made.view(2, 2, n, height // 4, width // 4, -1).permute(2, 3, 0, 4, 1, 5)
        made = made.flatten(3, 4).flatten(1, 2).permute(0, 3, 1, 2)
        return made if self.bias is None else made + self.bias.view(-1, 1, 1)


class WinogradConvTranspose2d(MatrixConvTranspose2d):
    """One that doubles, of weights that stay; else as `MatrixConvTranspose2d`."""

    factors: Tensor | None = None  # (9, C, 4 C_out)

    def forward(self, x: Tensor, output_size: list[int] | None = None) -> Tensor:
        """`(N, C, H, W)` to `(N, C_out, 2H, 2W)`."""
        if not _pays(x, reach=2):
            return super().forward(x, output_size)
        n, _, height, width = x.shape
        if self.factors is None:
            # The last two columns are what a place gives to the pixels at its right border, where
            # it is the first of two; the first two what it gives at its left, the second of two.
            taps = self.weight.view(*self.weight.shape[:2], 2, 2, 2, 2)
            self.factors = _factors(taps.flip(2, 4))
        padded = F.pad(x.permute(0, 2, 3, 1), (0, 0, 1, 2, 1, 2))
        made = _sums(torch.bmm(_differences(padded), self.factors))
        # Two places by two pixels of each: rows and columns in fours, from one before the first.
        made = made.view(2, 2, n, height // 2 + 1, width // 2 + 1, 2, 2, -1)
        made = made.permute(2, 3, 0, 5, 4, 1, 6, 7).flatten(4, 6).flatten(1, 3)
        made = made[:, 1 : 2 * height + 1, 1 : 2 * width + 1].permute(0, 3, 1, 2)
        return made if self.bias is None else made + self.bias.view(-1, 1, 1)


def _pays(x: Tensor, reach: int) -> bool:
    """Whether it pays for `x`, which has to fall into tiles of the side `reach`.

    A picture by itself goes without: the factors take longer to make than it would gain.
    """
    n, _, height, width = x.shape
    places = n * (2 * height // reach) * (2 * width // reach)
    whole = height % reach == width % reach == 0
    return whole and n > 1 and PLACES[0] <= places <= PLACES[1]


def _factors(taps: Tensor) -> Tensor:
    """Kernels `(A, B, 2, p, 2, q)`, 2x2 for each p and q, to their products' `(9, A, p q B)`."""
    taps = taps.permute(2, 4, 0, 3, 5, 1)  # in the order of memory, in channels-last
    made = taps.new_empty(3, 3, *taps.shape[2:])
    exact = taps.to(torch.promote_types(taps.dtype, torch.float32))
    for own, rows in zip(made, _first_sum_second(exact), strict=True):
        for each, factor in zip(own, _first_sum_second(rows), strict=True):
            each.copy_(factor)
    return made.flatten(0, 1).flatten(2)


def _first_sum_second(two: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    return two[0], two[0] + two[1], two[1]


def _differences(maps: Tensor) -> Tensor:
    """`(N, 2T + 1, 2U + 1, C)` to `(9, N T U, C)`: of places 0, 1 and 2: 0 - 1, 1, and 2 - 1."""
    n, height, width, channels = maps.shape
    rows = maps.new_empty(3, n, height // 2, width, channels)
    _subtract(maps[:, :-1:2], maps[:, 1::2], maps[:, 2::2], out=rows)
    made = maps.new_empty(3, 3, n, height // 2, width // 2, channels)
    first, middle, last = rows[:, :, :, :-1:2], rows[:, :, :, 1::2], rows[:, :, :, 2::2]
    _subtract(first, middle, last, out=made.transpose(0, 1))
    return made.flatten(0, 1).flatten(1, 3)


def _subtract(first: Tensor, middle: Tensor, last: Tensor, out: Tensor) -> None:
    torch.sub(first, middle, out=out[0])
    out[1].copy_(middle)
    torch.sub(last, middle, out=out[2])


def _sums(products: Tensor) -> Tensor:
    """`(9, P, K)`, the products, to `(2, 2, P, K)`: results at 2x2 places."""
    products = products.view(3, 3, *products.shape[1:])
    rows = products[:2] + products[1:]
    return rows[:, :2] + rows[:, 1:]


def filter_minimally(network: nn.Module) -> None:
    """Let the layers that have been taken for matrix products work as above."""
    for layer in network.modules():
        if type(layer) is MatrixConv2d and layer.weight.numel() >= WEIGHTS:
            layer.__class__ = WinogradConv2d
        elif type(layer) is MatrixConvTranspose2d and layer.weight.numel() >= WEIGHTS:
            layer.__class__ = WinogradConvTranspose2d
