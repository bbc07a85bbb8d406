"""What sources look like that are drawings: lines of one colour on paper of another."""

from collections.abc import Sequence

import numpy as np
from pydantic import BaseModel

PAPER = 0.6  # the least part of a drawing that is bare
COLOURED = 0.02  # the largest part that is of other colours
LARGEST = 512  # pixels of a side that are looked at
APART = 128  # levels between ink and paper, in one channel at least


class Pen(BaseModel):
    """How to draw such sources: colours as `#rrggbb`, and how wide the lines are, in pixels."""

    paper: str
    ink: str
    width: float


def pen_of(sources: Sequence[np.ndarray]) -> Pen | None:
    """How to draw as in line drawings `(H, W, 3)` uint8; None where the sources are none."""
    sources = [_middle(source) for source in sources]
    pixels = np.concatenate([source.reshape(-1, 3) for source in sources])
    paper, bare = _commonest(pixels)
    inked = np.abs(pixels - paper.astype(int)).max(1) >= APART
    if bare < PAPER or not inked.any():
        return None
    ink, _ = _commonest(pixels[inked])
    axis = ink.astype(float) - paper
    # How much ink is on each pixel: all there is to a drawing of one colour.
    covered = [
        np.clip((source - paper.astype(float)) @ axis / (axis @ axis), 0, 1) for source in sources
    ]
    drawn = np.concatenate([each.ravel() for each in covered])[:, None] * axis + paper
    if (np.abs(drawn - pixels).max(1) >= APART / 4).mean() > COLOURED:
        return None
    widths = [_width(each) for each in covered if each.any()]
    return Pen(paper=_css(paper), ink=_css(ink), width=round(float(np.median(widths)), 2))


def _width(covered: np.ndarray) -> float:
    """Of the lines in one drawing, on average: twice their area by the length of their edges.

    Rows and columns together cross an edge of any direction 4/pi times for each pixel of it.
    """
    crossed = sum(float(np.abs(np.diff(covered, axis=axis)).sum()) for axis in (0, 1))
    return 2 * float(covered.sum()) / (np.pi / 4 * max(1.0, crossed))


def _middle(source: np.ndarray) -> np.ndarray:
    """No more of a picture than it takes to judge it."""
    top, left = (max(0, side - LARGEST) // 2 for side in source.shape[:2])
    return source[top : top + LARGEST, left : left + LARGEST]


def _commonest(pixels: np.ndarray) -> tuple[np.ndarray, float]:
    """The commonest colour, and its part of all."""
    packed = pixels.astype(np.uint32) @ np.array([1 << 16, 1 << 8, 1], np.uint32)
    _, first, counts = np.unique(packed, return_index=True, return_counts=True)
    return pixels[first[counts.argmax()]], float(counts.max() / counts.sum())


def _css(colour: np.ndarray) -> str:
    return "#" + bytes(colour.tolist()).hex()
