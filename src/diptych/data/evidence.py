"""Whether two pictures show one thing: their edges agree where they lie, and not elsewhere.

A claim that halves of pictures are a pair is held against what a photo cut down its middle would
give: a half that agrees as well when it is mirrored, or moved along. Rows that agree as a whole (a
horizon) count for nothing. Of published pairs (facades, maps, cityscapes, edges) at least 23 of 24
agree best in place; of photos, textures, scans and drawings so cut at most 4 of 24.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from PIL import Image

from diptych.images.rgb import resize

_SIDE = 128  # pictures are compared at this size, in pixels
_MOVED = (20, 30, 40, -20, -30, -40)  # along, in pixels of it
_BETTER = 0.03  # of at most 1: by so much they agree better in place, on the mean


@dataclass(frozen=True)
class Agreement:
    """How many of the pairs that tell anything agree best where they lie, and by how much."""

    telling: int
    agreeing: int
    better: float

    @property
    def found(self) -> bool:
        """Whether they belong together."""
        return self.telling > 0 and 2 * self.agreeing >= self.telling and self.better > _BETTER


def agreement(pairs: Iterable[tuple[np.ndarray, np.ndarray]]) -> Agreement:
    """Compare pairs of pictures `(H, W, 3)` uint8."""
    better = []
    for first, second in pairs:
        one, other, mirrored = (_edges(p) for p in (first, second, second[:, ::-1]))
        if one is None or other is None or mirrored is None:
            continue
        elsewhere = [mirrored, *(np.roll(other, columns, 1) for columns in _MOVED)]
        better.append(_agree(one, other) - max(_agree(one, moved) for moved in elsewhere))
    if not better:
        return Agreement(0, 0, 0.0)
    return Agreement(len(better), sum(one > 0 for one in better), float(np.mean(better)))


def _agree(one: np.ndarray, other: np.ndarray) -> float:
    return float(np.vdot(one, other).real)


def edge_map(picture: np.ndarray, size: tuple[int, int]) -> np.ndarray | None:
    """Complex `(height, width)` of a picture `(H, W, 3)` uint8; None where it is empty.

    Strength of the edge, and twice its angle, so that both ways across it are one. `size` is width
    and height.
    """
    gray = resize(Image.fromarray(np.ascontiguousarray(picture)).convert("L"), size)
    down, right = np.gradient(np.asarray(gray).astype(np.float32))
    edges = right + 1j * down
    strength = np.abs(edges)
    strongest = float(np.percentile(strength, 95)) or float(strength.max())
    if strongest == 0:
        return None
    return np.asarray(np.minimum(strength / strongest, 1) * (edges / (strength + 1e-6)) ** 2)


def _edges(picture: np.ndarray) -> np.ndarray | None:
    """Edges, smoothed, without what whole rows have in common; None where there are none."""
    edges = edge_map(picture, (_SIDE, _SIDE))
    if edges is None:
        return None
    for axis in (0, 1):
        edges = np.asarray(sum(np.roll(edges, step, axis) for step in (-1, 0, 1)))
    edges = edges[4:-4, 4:-4]
    edges = edges - edges.mean(axis=1, keepdims=True)
    norm = float(np.linalg.norm(edges))
    return edges / norm if norm > 1e-3 else None


def of_more_panels(picture: np.ndarray, panels: int = 4) -> bool:
    """Whether `(H, W, 3)` breaks off at every border of so many panels, not at the middle alone."""
    width = picture.shape[1]
    if width % panels or width < 8 * panels:
        return False
    steps = np.abs(np.diff(picture.astype(np.int16), axis=1)).mean(axis=(0, 2))
    borders = [width * n // panels - 1 for n in range(1, panels)]
    near = [np.delete(steps[at - 4 : at + 5], 4).mean() for at in borders]
    return all(steps[at] > 2 * beside + 1 for at, beside in zip(borders, near, strict=True))
