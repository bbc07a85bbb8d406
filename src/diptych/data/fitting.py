"""To which size a picture is brought before parts of it are taken: said in one place."""

from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from diptych.schema import Data, Fitting

Size = tuple[int, int]  # height and width


def array_size(array: np.ndarray) -> Size:
    """Height and width of `(H, W, C)`."""
    return array.shape[0], array.shape[1]


@dataclass(frozen=True)
class Fit:
    """How pictures become the size that crops are cut from.

    `shorter`: the ratio of the sides stays, and they cover `size` as closely as they can; where
    that is a square, the shorter side becomes its side. `resize`: all become exactly `size`.
    `patches`: they stay as they are.
    """

    kind: Fitting
    size: Size

    def of(self, size: Size) -> Size:
        """Height and width that a picture of `size` is brought to."""
        if self.kind == "patches":
            return size
        if self.kind == "resize":
            return self.size
        height, width = size
        # The side that has the longer way to go decides; fractions, so that it arrives exactly.
        tight = Fraction(self.size[0], height), Fraction(self.size[1], width)
        return round(height * max(tight)), round(width * max(tight))


def fit_to_look(data: Data, size: Size) -> Fit:
    """How whole pictures are brought to a size at which they are looked at and scored."""
    return Fit("shorter" if data.fitting == "shorter" else "resize", size)
