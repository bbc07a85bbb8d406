"""More training pairs from those there are: turned, scaled and recoloured crops.

Source and target share one geometry; colour changes on the source alone.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from diptych.batch_share import Share
from diptych.data.domains import Domains
from diptych.data.pairs import COLOURS
from diptych.images.domain import Domain
from diptych.schema import Augment


def warp(
    source: Tensor,
    target: Tensor,
    settings: Augment,
    random: torch.Generator,
    domains: Domains = (COLOURS, COLOURS),
    share: Share | None = None,
) -> tuple[Tensor, Tensor]:
    """Turn and scale both `(N, H, W, C)` about their centre; reflection fills the corners.

    Both are the `share` of a batch, by default all of it.
    """
    share = share or Share.whole(len(source))
    low, high = settings.scale
    if settings.rotation == 0 and low == high == 1:
        return source, target
    angle, zoom = map(share.of, torch.rand(2, share.total, generator=random))
    angle = (2 * angle - 1) * math.radians(settings.rotation)
    zoom = low + zoom * (high - low)
    cosine, sine, zero = torch.cos(angle) / zoom, torch.sin(angle) / zoom, torch.zeros_like(angle)
    # The grid counts either side from -1 to 1, whichever is longer.
    tall = target.shape[1] / target.shape[2]
    theta = torch.stack(
        [
            torch.stack([cosine, -sine * tall, zero], 1),
            torch.stack([sine / tall, cosine, zero], 1),
        ],
        1,
    )

    def warped(pictures: Tensor, domain: Domain) -> Tensor:
        moved = pictures.movedim(-1, 1).float()
        here = theta.to(pictures.device, non_blocking=True)
        grid = F.affine_grid(here, list(moved.shape), align_corners=False)
        mode = "nearest" if domain.sharp else "bilinear"
        moved = F.grid_sample(moved, grid, mode, padding_mode="reflection", align_corners=False)
        moved = moved.movedim(1, -1)
        if pictures.dtype == torch.uint8:
            moved = moved.round().clamp(0, 255).to(torch.uint8)
        return moved

    turned = warped(target, domains[1])
    return (turned if source is target else warped(source, domains[0])), turned


def recolour(
    source: Tensor, settings: Augment, random: torch.Generator, share: Share | None = None
) -> Tensor:
    """Change brightness, contrast and saturation of `(N, H, W, 3 or 4)` uint8, as `warp` does."""
    if settings.colour == 0:
        return source
    share = share or Share.whole(len(source))
    factors = 1 + settings.colour * (2 * torch.rand(3, share.total, 1, 1, 1, generator=random) - 1)
    factors = factors[:, share.rows].to(source.device, non_blocking=True)
    rgb = source[..., :3].float()
    rgb = rgb * factors[0]
    middle = rgb.mean(dim=(1, 2, 3), keepdim=True)
    rgb = middle + (rgb - middle) * factors[1]
    gray = rgb.mean(dim=-1, keepdim=True)
    rgb = gray + (rgb - gray) * factors[2]
    changed = rgb.round().clamp(0, 255).to(torch.uint8)
    return torch.cat([changed, source[..., 3:]], dim=-1)
