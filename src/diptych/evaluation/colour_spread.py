"""How various the colours of a set of pictures are: what a score pair by pair does not see."""

import math
from collections.abc import Sequence

import numpy as np

COLOURS = ("luma", "red-green", "blue-yellow")
BACKGROUND = 245  # pixels whose darkest channel is as light are paper

Pictures = Sequence[np.ndarray]  # each uint8 (H, W, 3); their sizes may differ


def spread(translated: Pictures, targets: Pictures, on_paper: bool = False) -> dict[str, float]:
    """How far mean colours lie apart over a set: standard deviation, as a share of the targets'.

    1 is as various as the targets, 0 all alike. Of luma, red minus green, and blue minus their
    mean; where `on_paper`, of the pixels alone that are not white in the target. Targets without
    any spread give nan.
    """
    ours, theirs = [], []
    for result, target in zip(translated, targets, strict=True):
        drawn = np.full(target.shape[:2], True)
        if on_paper:
            drawn = target.min(axis=2) < BACKGROUND
            if not drawn.any():
                continue
        ours.append(_colour(result[drawn]))
        theirs.append(_colour(target[drawn]))
    if not ours:
        return dict.fromkeys(COLOURS, math.nan)
    ratios = (
        a / b if b else math.nan
        for a, b in zip(np.std(ours, axis=0), np.std(theirs, axis=0), strict=True)
    )
    return {name: round(float(ratio), 3) for name, ratio in zip(COLOURS, ratios, strict=True)}


def _colour(pixels: np.ndarray) -> tuple[float, float, float]:
    red, green, blue = pixels.mean(axis=0, dtype=np.float64)
    return (red + green + blue) / 3, red - green, blue - (red + green) / 2
