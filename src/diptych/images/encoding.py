"""Arrays of a domain as a network sees them, floats in [-1, 1], and back.

`rgb`: three channels, `gray`: one. `lightness` and `chroma`: L, and a and b, of Lab. `rgba`: three
channels, plain gray where the picture is transparent, and the mask as a fourth. `values`: its range
on [-1, 1], 0 where there is no data. `labels`: a channel for each class, 1 for the one and -1 for
the others, 0 in all where there is no data.
"""

import numpy as np
import torch
from torch import Tensor

from diptych.images.arrays import finished
from diptych.images.domain import Domain, apart
from diptych.images.lab import lab_to_rgb_in_gamut, rgb_to_lab

CHROMA = 110.0  # what 1 stands for in a and b: sRGB lies within -107.9 and 98.3


def encode(pictures: Tensor, domain: Domain) -> Tensor:
    """`(N, H, W, C)`, arrays of the domain, to `(N, domain.channels, H, W)` float in [-1, 1]."""
    if domain.parts:
        parts = zip(apart(pictures, domain), domain.parts, strict=True)
        return torch.cat([encode(arrays, part) for arrays, part in parts], dim=1)
    if domain.kind in {"rgb", "gray"}:
        return to_unit_range(pictures)
    if domain.kind == "values":
        low, high = _range(domain, pictures.device)
        scaled = ((pictures.float() - low) / (high - low) * 2 - 1).clamp(-1, 1)
        mask = data_mask(pictures, domain)
        if mask is not None:
            scaled = torch.where(mask, scaled, 0.0)
        return scaled.movedim(-1, 1)
    if domain.kind == "labels":
        classes = torch.arange(domain.channels, device=pictures.device)
        scaled = (pictures.long() == classes).float() * 2 - 1
        mask = data_mask(pictures, domain)
        if mask is not None:
            scaled = torch.where(mask, scaled, 0.0)
        return scaled.movedim(-1, 1)
    if domain.kind == "rgba":
        whole = to_unit_range(pictures)
        mask = (whole[:, 3:] > 0).float()
        return torch.cat([whole[:, :3] * mask, 2 * mask - 1], dim=1)
    lab = rgb_to_lab(_fractions(pictures))
    return lab[:, :1] / 50 - 1 if domain.kind == "lightness" else lab[:, 1:] / CHROMA


def decode(
    outputs: Tensor, domain: Domain, sources: Tensor, source: Domain | None = None
) -> np.ndarray:
    """What a network made of `sources`, `(N, C, H, W)`, as the files of the domain hold it.

    `(N, H, W, 3)` uint8 for colours, one channel for gray; `(N, H, W, C)` in their own type for
    values; indices `(N, H, W, 1)` for labels. `sources`, arrays of the domain `source`, lend the
    lightness to `chroma`, and where that is `rgba` the pixels that the mask knows. Where they hold
    no data, values and labels hold none either: their `nodata`, or NaN in floats.
    """
    return finished(decoded(outputs, domain, sources, source).cpu().numpy(), domain)


def decoded(
    outputs: Tensor, domain: Domain, sources: Tensor, source: Domain | None = None
) -> Tensor:
    """As `decode`, but for what numbers of the file's own type take: see `finished`.

    Values are float32, NaN where there is no data.
    """
    outputs = outputs.detach().float()
    if domain.kind == "values":
        low, high = _range(domain, outputs.device)
        values = low + (outputs.movedim(1, -1).clamp(-1, 1) + 1) / 2 * (high - low)
        mask = None if source is None else data_mask(sources, source)
        # Integers without a value for it cannot say that there is none.
        if mask is not None and (domain.dtype[0] == "f" or domain.nodata is not None):
            values = torch.where(mask.any(dim=-1, keepdim=True), values, torch.nan)
        return values
    if domain.kind == "labels":
        indices = outputs.argmax(dim=1)[..., None].to(torch.uint8)
        mask = None if source is None or domain.void is None else data_mask(sources, source)
        if mask is not None:
            indices = torch.where(mask.any(dim=-1, keepdim=True), indices, int(domain.void or 0))
        return indices
    if domain.kind == "chroma":
        light = rgb_to_lab(_fractions(sources))[:, :1]
        rgb = lab_to_rgb_in_gamut(torch.cat([light, outputs * CHROMA], dim=1))
        return _levels(rgb * 2 - 1)
    pictures = _levels(outputs)
    if source is not None and source.kind == "rgba":
        return torch.where(sources[..., 3:] > 127, sources[..., :3], pictures)
    return pictures


def data_mask(pictures: Tensor, domain: Domain) -> Tensor | None:
    """`(N, H, W, C)` bool, where there is data; None in a domain that has it everywhere."""
    if domain.parts:
        parts = zip(apart(pictures, domain), domain.parts, strict=True)
        masks = [mask for mask in (data_mask(*each) for each in parts) if mask is not None]
        # A place holds nothing only where none of them holds anything.
        return torch.cat(masks, dim=-1) if len(masks) == len(domain.parts) else None
    if domain.void is None and (domain.kind != "values" or domain.dtype[0] != "f"):
        return None
    mask = ~pictures.isnan() if pictures.is_floating_point() else torch.ones_like(pictures) > 0
    return mask if domain.void is None else mask & (pictures != domain.void)


def known_places(pictures: Tensor, domain: Domain) -> Tensor | None:
    """As `data_mask`, in the places of the encoded: `(N, C, H, W)`."""
    mask = data_mask(pictures, domain)
    return None if mask is None else mask.movedim(-1, 1)


def to_unit_range(pictures: Tensor) -> Tensor:
    """`(..., H, W, C)` uint8 to `(..., C, H, W)` float in [-1, 1]."""
    levels = pictures.movedim(-1, -3).to(torch.float32, copy=True)
    return levels.div_(127.5).sub_(1)  # in place: fresh memory takes longer than the sums


def to_pictures(outputs: Tensor) -> np.ndarray:
    """`(..., C, H, W)` in [-1, 1] to `(..., H, W, C)` uint8, rounded."""
    pictures: np.ndarray = _levels(outputs.detach().float()).cpu().numpy()
    return pictures


def _levels(outputs: Tensor) -> Tensor:
    levels = (outputs + 1).mul_(127.5).round_().clamp_(0, 255)
    return levels.to(torch.uint8).movedim(-3, -1)


def _range(domain: Domain, device: torch.device) -> tuple[Tensor, Tensor]:
    low, high = torch.tensor(domain.range, dtype=torch.float32, device=device).unbind(1)
    return low, high


def _fractions(pictures: Tensor) -> Tensor:
    return pictures[..., :3].movedim(-1, -3).float() / 255
