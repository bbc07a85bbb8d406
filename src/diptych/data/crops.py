"""Crops of the training pictures, source and target under one geometry."""

import warnings
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from diptych.data.cache import Ragged


class Crops(Protocol):
    """Gives the same square of source and target for each of the chosen pairs."""

    def __len__(self) -> int:
        """How many pairs there are."""

    def take(self, chosen: Tensor, mirror: bool, random: torch.Generator) -> tuple[Tensor, Tensor]:
        """Sources and targets `(N, crop, crop, 3)` uint8; mirrored, if so, in half of the cases."""


class Squares:
    """Random squares of pictures that were resized to a somewhat larger one (appendix 6.2).

    `pairs`: `(N, 2, S, S, 3)` uint8; `(N, 1, S, S, 3)` where the source is made from the target.
    """

    def __init__(self, pairs: np.ndarray, crop_size: int) -> None:
        with warnings.catch_warnings():
            # The memory map is read only, and nothing here writes to it.
            warnings.filterwarnings("ignore", message="The given NumPy array is not writable")
            self.pairs = torch.from_numpy(pairs)
        self.crop_size = crop_size

    def __len__(self) -> int:
        return len(self.pairs)

    def take(self, chosen: Tensor, mirror: bool, random: torch.Generator) -> tuple[Tensor, Tensor]:
        """As `Crops.take`."""
        count, size, crop = len(chosen), self.pairs.shape[2], self.crop_size
        corner = torch.randint(size - crop + 1, (2, count, 1), generator=random)
        rows, columns = corner + torch.arange(crop)
        if mirror:
            mirrored = torch.rand(count, 1, generator=random) < 0.5
            columns = torch.where(mirrored, columns.flip(1), columns)
        sides = range(self.pairs.shape[1])
        cut = [
            self.pairs[chosen[:, None, None], side, rows[:, :, None], columns[:, None, :]]
            for side in sides
        ]
        return cut[0], cut[-1]


class Patches:
    """Random squares of pictures at their own size; `sources` is None where they are made."""

    def __init__(self, sources: Ragged | None, targets: Ragged, crop_size: int) -> None:
        self.sources, self.targets, self.crop_size = sources, targets, crop_size

    def __len__(self) -> int:
        return len(self.targets)

    def take(self, chosen: Tensor, mirror: bool, random: torch.Generator) -> tuple[Tensor, Tensor]:
        """As `Crops.take`."""
        crop = self.crop_size
        draws = torch.rand(len(chosen), 3, generator=random).tolist()
        cut: tuple[list[np.ndarray], list[np.ndarray]] = ([], [])
        for number, (down, along, flip) in zip(chosen.tolist(), draws, strict=True):
            target = self.targets[number]
            top = int(down * (target.shape[0] - crop + 1))
            left = int(along * (target.shape[1] - crop + 1))
            for side, pictures in zip(cut, (self.sources, self.targets), strict=True):
                if pictures is not None:
                    patch = pictures[number][top : top + crop, left : left + crop]
                    side.append(patch[:, ::-1] if mirror and flip < 0.5 else patch)
        targets = torch.from_numpy(np.stack(cut[1]))
        return torch.from_numpy(np.stack(cut[0])) if cut[0] else targets, targets
