"""Where errors sit: how far translated pictures lie from their targets, place by place."""

import numpy as np
from PIL import Image

from diptych.evaluation.evaluate import Row

MOST = 128  # levels of 255, shown as brightest: half of the range, and all above it
FINEST = 64  # places along the longer side of a set's map
# From no difference to the largest.
_STOPS = np.array([(12, 12, 40), (110, 28, 105), (222, 88, 50), (255, 236, 170)], np.float32)


def error_levels(row: Row) -> np.ndarray | None:
    """`(H, W)` float32: the mean over colours of the absolute difference, in levels of 255.

    None where the two differ in size.
    """
    if row.translated.shape != row.target.shape:
        return None
    difference = row.translated.astype(np.int16) - row.target
    return np.asarray(np.abs(difference).mean(axis=2, dtype=np.float32))


def error_colours(levels: np.ndarray, most: float = MOST) -> np.ndarray:
    """`(H, W, 3)` uint8: from dark, for none, to bright, for `most` and above."""
    places = np.linspace(0, most, len(_STOPS))
    channels = [np.interp(levels, places, _STOPS[:, i]) for i in range(3)]
    return np.stack(channels, axis=-1).round().astype(np.uint8)


class ErrorMap:
    """The mean over a set, whose pictures may be of many sizes, on one small grid."""

    def __init__(self) -> None:
        self.count = 0
        self._sum: np.ndarray | None = None

    def add(self, row: Row) -> None:
        """Take in one pair, where its pictures are of one size."""
        levels = error_levels(row)
        if levels is None:
            return
        if self._sum is None:
            longest = max(levels.shape)
            sides = [max(1, side * min(FINEST, longest) // longest) for side in levels.shape]
            self._sum = np.zeros(sides, np.float64)
        height, width = self._sum.shape
        small = Image.fromarray(levels).resize((width, height), Image.Resampling.BOX)
        self._sum += np.asarray(small)
        self.count += 1

    @property
    def mean(self) -> np.ndarray | None:
        """`(h, w)` in levels of 255; None for no pair."""
        return None if self._sum is None else self._sum / self.count
