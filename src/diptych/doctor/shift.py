"""How far the target lies from where the source says: by the edges that both sides have.

Edges are compared by where they lie and by their direction, not by which side is the brighter one,
since labels, maps and photos of one thing differ in all else. Measured on 60 pairs each, shifted by
up to 9 pixels at will: the right shift (within 2 pixels) came out for all of facades and 93 % of
edges2handbags; plain phase correlation of gradient magnitudes had 73 % and 96 %.
"""

from dataclasses import dataclass

import numpy as np

from diptych.data.evidence import edge_map

_LARGEST = 512  # larger pictures are reduced to this longer side, in pixels
_REACH = 8  # shifts are looked for up to this part of the shorter side


@dataclass(frozen=True, slots=True)
class Shift:
    """The target lies so many pixels to the right of and below its source.

    `clear`: how many times higher the peak of the correlation is than any other. `strong`: how much
    of the edges agrees there, at most 1. `pixel`: a pixel of the correlation in the target's.
    """

    right: float
    down: float
    clear: float
    strong: float
    pixel: float


def find_shift(source: np.ndarray, target: np.ndarray) -> Shift | None:
    """Compare two `(H, W, 3)` uint8; None where one is empty, or they differ in shape.

    None, too, where the best place lies at the border of those that are tried: it is no peak.
    """
    (height, width), (other_height, other_width) = source.shape[:2], target.shape[:2]
    longest = max(height, width, other_height, other_width)
    if abs(width * other_height - other_width * height) > longest:
        return None
    scale = min(1.0, _LARGEST / max(other_height, other_width))
    size = (round(other_width * scale), round(other_height * scale))
    if min(size) < 32:
        return None
    first, second = (_edges(picture, size) for picture in (source, target))
    if first is None or second is None:
        return None
    spectrum = np.fft.fft2(first).conj() * np.fft.fft2(second)
    # Halfway to a phase correlation: the whole way raises noise where neither side has content.
    surface = np.fft.ifft2(spectrum / (np.sqrt(np.abs(spectrum)) + 1e-9)).real
    reach = min(size) // _REACH
    near = np.roll(surface, (reach, reach), (0, 1))[: 2 * reach + 1, : 2 * reach + 1]
    near = near - near.mean()
    row, column = (int(place) for place in np.unravel_index(near.argmax(), near.shape))
    if not (0 < row < 2 * reach and 0 < column < 2 * reach):
        return None
    peak = near[row, column]
    near[max(0, row - 3) : row + 4, max(0, column - 3) : column + 4] = 0
    clear = float(peak / max(near.max(), 1e-9))
    down, right = row - reach, column - reach
    agreeing = np.vdot(first, np.roll(second, (-down, -right), (0, 1))).real
    strong = float(agreeing / (np.linalg.norm(first) * np.linalg.norm(second)))
    return Shift(right / scale, down / scale, clear, strong, 1 / scale)


def _edges(picture: np.ndarray, size: tuple[int, int]) -> np.ndarray | None:
    """Less and less towards the borders: what lies there may be cut off on the other side."""
    edges = edge_map(picture, size)
    if edges is None:
        return None
    return np.asarray(edges * np.hanning(size[1])[:, None] * np.hanning(size[0]))
