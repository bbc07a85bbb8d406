"""Pictures as other programs hand them to a network: floats `(1, C, H, W)`.

Colours, gray and alpha are parts of 255; values are in their own units, classes are their numbers.
Results are such too; of classes there is one map each, the probability of it.
"""

from typing import Annotated, Literal, Self

import numpy as np
from pydantic import Field, model_validator

from diptych.images.arrays import finished
from diptych.images.domain import Domain
from diptych.tensor_file import KEY, Part

FORM = f"{KEY}_form"  # among the metadata of a graph that takes pictures so
LARGEST = 2**12  # pixels a side, of one size or tiles
LEAST_TILE = 32  # pixels a side
MOST_OVERLAP = 0.9  # of a tile's side, so that a picture is no endless row of them
Pixels = Annotated[int, Field(ge=1, le=LARGEST)]


class PlainForm(Part):
    """What a graph says of how it takes pictures."""

    kind: Literal["plain form"] = "plain form"
    format: int = 1
    size: tuple[Pixels, Pixels] | None = None  # height and width, where it takes no others
    # Of tiles of that size, how much of one lies in the next; None: it is given whole pictures.
    overlap: Annotated[int, Field(ge=0, le=LARGEST)] | None = None
    # Whoever runs it divides all numbers by 255, whatever they are.
    divided: bool = False
    # Each map of a result is an output of its own.
    apart: bool = False

    @model_validator(mode="after")
    def _sound(self) -> Self:
        if self.overlap is not None:
            if self.size is None or self.size[0] != self.size[1]:
                raise ValueError("tiles are square, of one size")
            if self.size[0] < LEAST_TILE:
                raise ValueError(f"a side of tiles is {LEAST_TILE} pixels at least")
            if self.overlap > MOST_OVERLAP * self.size[0] or self.overlap % 2:
                raise ValueError(f"the overlap of tiles is even, {MOST_OVERLAP} of them at most")
        return self

    def floats(self, pictures: np.ndarray, source: Domain) -> np.ndarray:
        """Arrays `(N, H, W, C)` of the source's domain as `(N, C, H, W)`."""
        parts, start = [], 0
        for part in source.parts or (source,):
            stop = start + part.array_channels
            numbers = pictures[..., start:stop].astype(np.float32)
            parts.append(numbers / np.float32(255) if part.is_picture or self.divided else numbers)
            start = stop
        return np.ascontiguousarray(np.moveaxis(np.concatenate(parts, axis=3), 3, 1))

    @staticmethod
    def arrays(results: np.ndarray, target: Domain) -> np.ndarray:
        """What a graph makes of them, `(N, C, H, W)`, as arrays of the target's domain."""
        last = np.moveaxis(results, 1, 3)
        if target.kind == "labels":
            indices: np.ndarray = last.argmax(3)[..., None].astype(np.uint8)
            if target.void is not None:
                indices[~last.any(3)] = target.void
            return indices
        if target.kind == "values":
            return finished(last.astype(np.float32), target)
        levels: np.ndarray = np.nan_to_num(np.rint(last * 255)).clip(0, 255).astype(np.uint8)
        return levels


def result_channels(target: Domain) -> int:
    """Maps of a plain graph's result: one for each class, or channel."""
    return target.channels if target.kind == "labels" else target.array_channels
