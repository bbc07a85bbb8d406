"""A generator without bottleneck, for results that are their source, only cleaner or larger."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Block(nn.Module):
    """Two convolutions beside a shortcut (EDSR: Lim et al. 2017, section 3.1, no normalisation)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, channels, 3, padding=1)
        self.second = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """`(N, C, H, W)` to the same shape."""
        changed: Tensor = self.second(F.relu(self.first(x)))
        return x + changed


class ResidualGenerator(nn.Module):
    """Bicubic enlargement plus what `blocks` residual blocks add to it (EDSR, its upsampler too).

    Height and width come out `scale` times as large, 1, 2, 4 or 8. The last convolution begins at
    zero, so that an untrained network is the bicubic baseline itself.
    """

    size_multiple = 1

    def __init__(
        self,
        in_channels: int = 3,
        out_channels: int = 3,
        base_channels: int = 64,
        blocks: int = 8,
        scale: int = 1,
    ) -> None:
        super().__init__()
        if scale not in (1, 2, 4, 8):
            raise ValueError(f"scale {scale} is not 1, 2, 4 or 8")
        if out_channels > in_channels:
            raise ValueError(f"cannot add to {in_channels} channels to make {out_channels}")
        self.scale, self.out_channels = scale, out_channels
        self.head = nn.Conv2d(in_channels, base_channels, 3, padding=1)
        self.blocks = nn.Sequential(*(Block(base_channels) for _ in range(blocks)))
        self.tail = nn.Conv2d(base_channels, base_channels, 3, padding=1)
        enlarge: list[nn.Module] = []
        for _ in range(scale.bit_length() - 1):
            enlarge += [nn.Conv2d(base_channels, 4 * base_channels, 3, padding=1)]
            enlarge += [nn.PixelShuffle(2), nn.ReLU()]
        self.enlarge = nn.Sequential(*enlarge)
        self.out = nn.Conv2d(base_channels, out_channels, 3, padding=1)
        nn.init.zeros_(self.out.weight)
        nn.init.zeros_(self.out.bias)  # type: ignore[arg-type]

    def forward(self, source: Tensor) -> Tensor:
        """`(N, C_in, H, W)` to `(N, C_out, scale H, scale W)`."""
        head = self.head(source)
        detail = self.out(self.enlarge(self.tail(self.blocks(head)) + head))
        translated: Tensor = enlarged(source[:, : self.out_channels], self.scale) + detail
        return translated


def enlarged(pictures: Tensor, scale: int) -> Tensor:
    """`(N, C, H, W)` made `scale` times as large, bicubic as Pillow and MATLAB do it (a = -0.5)."""
    if scale == 1:
        return pictures
    # Without antialiasing torch takes another cubic (a = -0.75), which rings more.
    size = [scale * side for side in pictures.shape[-2:]]
    larger: Tensor = F.interpolate(
        pictures.float(), size, mode="bicubic", antialias=True, align_corners=False
    )
    return torch.clamp(larger, -1, 1)
