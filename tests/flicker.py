"""Flicker: how much a translated video changes where its source does not."""

from collections.abc import Iterable
from itertools import pairwise

import numpy as np

from diptych.errors import DiptychError

STILL = 3  # levels of 255 by which a source may change through noise and compression alone


def flicker(
    sources: Iterable[np.ndarray],
    translated: Iterable[np.ndarray],
    motion: tuple[int, int] = (0, 0),
) -> float:
    """Mean absolute difference of consecutive translated frames, in levels of 255; 0 is steady.

    Only pixels count where the source changes by no more than `STILL` in any channel.

    Args:
        sources: frames `(H, W, 3)` uint8, taken one at a time.
        translated: as many, `(s H, s W, 3)` for a whole number s.
        motion: by how many pixels of the source everything moves (down, right) from frame to
            frame, where that is known: each pixel is then compared with where it has gone.

    Raises DiptychError where no pixel of the source stays as it is, and for other sizes.
    """
    down, right = motion
    total, count = 0.0, 0
    for (source, result), (next_source, next_result) in pairwise(
        zip(sources, translated, strict=True)
    ):
        scale = len(result) // len(source)
        if result.shape[:2] != (scale * source.shape[0], scale * source.shape[1]):
            raise DiptychError("flicker: results are to be a whole number of times as large")
        change = _change(source, next_source, down, right).max(axis=2)
        still = (change <= STILL).repeat(scale, 0).repeat(scale, 1)
        differences = _change(result, next_result, scale * down, scale * right)[still]
        total += float(differences.sum())
        count += differences.size
    if not count:
        raise DiptychError(
            "flicker: nothing stays as it is from one frame of the source to the next"
        )
    return total / count


def _change(before: np.ndarray, after: np.ndarray, down: int, right: int) -> np.ndarray:
    """Absolute differences where both show the same, after a motion by (down, right)."""
    height, width = before.shape[:2]
    stays = before[max(0, -down) : height - max(0, down), max(0, -right) : width - max(0, right)]
    comes = after[max(0, down) : height + min(0, down), max(0, right) : width + min(0, right)]
    difference: np.ndarray = np.abs(comes.astype(np.int16) - stays)
    return difference
