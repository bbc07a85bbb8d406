"""Pictures as a network sees them: floats in [-1, 1], in the colours that the task needs.

`rgb`: three channels. `lightness` and `chroma`: L, and a and b, of Lab. `rgba`: three channels,
plain gray where the picture is transparent, and the mask as a fourth.
"""

from typing import Literal

import numpy as np
import torch
from torch import Tensor

from diptych.images.lab import lab_to_rgb_in_gamut, rgb_to_lab

Colour = Literal["rgb", "rgba", "lightness", "chroma"]
CHANNELS: dict[Colour, int] = {"rgb": 3, "rgba": 4, "lightness": 1, "chroma": 2}
CHROMA = 110.0  # what 1 stands for in a and b: sRGB lies within -107.9 and 98.3


def encode(pictures: Tensor, colour: Colour = "rgb") -> Tensor:
    """`(N, H, W, 3 or 4)` uint8 to `(N, C, H, W)` float in [-1, 1], C by `CHANNELS`."""
    if colour == "rgb":
        return to_unit_range(pictures)
    if colour == "rgba":
        whole = to_unit_range(pictures)
        known = (whole[:, 3:] > 0).float()
        return torch.cat([whole[:, :3] * known, 2 * known - 1], dim=1)
    lab = rgb_to_lab(_fractions(pictures))
    return lab[:, :1] / 50 - 1 if colour == "lightness" else lab[:, 1:] / CHROMA


def decode(outputs: Tensor, colour: Colour, sources: Tensor) -> np.ndarray:
    """What a network made of `sources`, as pictures `(N, H, W, 3)` uint8.

    `outputs`: `(N, C, H, W)`; `sources`: `(N, H, W, 3 or 4)` uint8, which lend the lightness to
    `chroma`, and where they have a mask the pixels that it knows.
    """
    if colour == "chroma":
        light = rgb_to_lab(_fractions(sources))[:, :1]
        rgb = lab_to_rgb_in_gamut(torch.cat([light, outputs.float() * CHROMA], dim=1))
        return to_pictures(rgb * 2 - 1)
    pictures = to_pictures(outputs)
    if sources.shape[-1] == 4:
        given = sources.cpu().numpy()
        return np.where(given[..., 3:] > 127, given[..., :3], pictures)
    return pictures


def to_unit_range(pictures: Tensor) -> Tensor:
    """`(..., H, W, C)` uint8 to `(..., C, H, W)` float in [-1, 1]."""
    return pictures.movedim(-1, -3).float() / 127.5 - 1


def to_pictures(outputs: Tensor) -> np.ndarray:
    """`(..., C, H, W)` in [-1, 1] to `(..., H, W, C)` uint8, rounded."""
    levels = ((outputs.detach().float() + 1) * 127.5).round().clamp(0, 255)
    pictures: np.ndarray = levels.to(torch.uint8).movedim(-3, -1).cpu().numpy()
    return pictures


def _fractions(pictures: Tensor) -> Tensor:
    return pictures[..., :3].movedim(-1, -3).float() / 255
