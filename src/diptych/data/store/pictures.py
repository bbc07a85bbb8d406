"""Decoded pictures of one side, in the order that was asked for, wherever they are kept."""

from collections.abc import Sequence

import numpy as np

from diptych.data.fitting import Size
from diptych.data.store.part import Part
from diptych.images.domain import Domain


class Pictures(Sequence[np.ndarray]):
    """Arrays `(H, W, C)` of a domain, read only, in memory as far as they are looked at.

    `shapes`, `(N, 2)`: height and width of each. `own`, `(N, 2)`: of each before it was brought to
    a size.
    """

    def __init__(self, parts: Sequence[Part], places: np.ndarray, domain: Domain) -> None:
        self.parts, self.places, self.domain = list(parts), places, domain
        self.shapes, self.own = np.zeros((2, len(places), 2), np.int64)
        for number, part in enumerate(parts):
            here = places[:, 0] == number
            self.shapes[here] = part.sizes[places[here, 1]]
            self.own[here] = part.own[places[here, 1]]

    def __len__(self) -> int:
        return len(self.places)

    def __getitem__(self, number: int) -> np.ndarray:  # type: ignore[override]
        part, place = self.places[number]
        picture: np.ndarray = self.parts[part][place]
        return picture

    @property
    def size(self) -> Size | None:
        """Height and width, where all have the same."""
        if not len(self.shapes) or (self.shapes != self.shapes[0]).any():
            return None
        height, width = self.shapes[0].tolist()
        return height, width

    @property
    def nbytes(self) -> int:
        """What they take."""
        return int(self.shapes.prod(axis=1).sum()) * self.domain.pixel_bytes

    def in_one_file(self) -> np.ndarray | None:
        """All of them, `(N, H, W, C)`, where one file holds just these, in order; else None."""
        if len(self.parts) != 1 or self.parts[0].together is None:
            return None
        together = self.parts[0].together
        return together if self.places[:, 1].tolist() == list(range(len(together))) else None

    def array(self) -> np.ndarray:
        """All of them, `(N, H, W, C)`, which must be of one size; in memory, if need be."""
        together = self.in_one_file()
        return np.stack(list(self)) if together is None else together
