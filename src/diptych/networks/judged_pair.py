"""What a discriminator is given of a pair, and where the patches lie that it decides on."""

import math
from collections.abc import Sequence

import torch.nn.functional as F
from torch import Tensor, nn

from diptych.networks.frozen_view import LEAST, FrozenView
from diptych.networks.projected import ProjectedDiscriminator
from diptych.pix2pix import Adversarial, judged


def judged_pair(
    discriminator: nn.Module | None,
    views: Sequence[FrozenView],
    source: Tensor,
    picture: Tensor,
    adversarial: Adversarial,
) -> list[Tensor]:
    """The tensors that it is called with; `views` are those of source and target, of one that
    judges what a frozen network sees.
    """
    if not isinstance(discriminator, ProjectedDiscriminator):
        return [judged(source, picture, adversarial)]
    sides = [*zip(views, (at_size_of(picture, source), picture), strict=True)]
    if adversarial != "cgan":
        sides = sides[1:]
    projection = discriminator.projection
    return [maps for view, side in sides for maps in projection(view(side))]


def at_size_of(target: Tensor, source: Tensor) -> Tensor:
    """The source, enlarged to the target's size where the task enlarges."""
    if source.shape[-2:] == target.shape[-2:]:
        return source
    return F.interpolate(source, target.shape[-2:], mode="bilinear")


def patch_stride(discriminator: nn.Module) -> int | None:
    """Pixels from one patch to the next, whose grid lies in the middle of the picture.

    None where the grid covers all of the picture, whatever its size.
    """
    if isinstance(discriminator, ProjectedDiscriminator):
        return None
    layers = [layer for layer in discriminator.modules() if isinstance(layer, nn.Conv2d)]
    return math.prod(layer.stride[0] for layer in layers)


def least_side(discriminator: nn.Module) -> int:
    """Pixels that each side of a picture needs for there to be a patch."""
    stride = patch_stride(discriminator)
    if stride is None:
        return LEAST
    return 3 * stride if stride > 1 else 1  # two layers of stride 1 take off a pixel each
