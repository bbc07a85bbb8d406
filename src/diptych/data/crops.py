"""Crops of the training pictures, source and target under one geometry."""

import warnings
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from diptych.data.cache import Ragged
from diptych.data.domains import Domains
from diptych.images.domain import Arrays, of_type

Size = tuple[int, int]  # height and width


class Crops(Protocol):
    """Gives the same part of source and target for each of the chosen pairs."""

    def __len__(self) -> int:
        """How many pairs there are."""

    def take(self, chosen: Tensor, mirror: bool, random: torch.Generator) -> tuple[Tensor, Tensor]:
        """Sources and targets `(N, *crop, C)` of their domains; mirrored, if so, in half the cases.

        Where sources are made from their targets, both are the targets.
        """


class Rectangles:
    """Random parts of pictures that were resized to a somewhat larger size (appendix 6.2).

    `pairs`: `(N, H, W, C)`, the source's channels before the target's; the target's alone where the
    source is made from it.
    """

    def __init__(self, pairs: np.ndarray, domains: Domains, crop: Size) -> None:
        with warnings.catch_warnings():
            # The memory map is read only, and nothing here writes to it.
            warnings.filterwarnings("ignore", message="The given NumPy array is not writable")
            self.pairs = torch.from_numpy(pairs)
        self.domains, self.crop = domains, crop

    def __len__(self) -> int:
        return len(self.pairs)

    def take(self, chosen: Tensor, mirror: bool, random: torch.Generator) -> tuple[Tensor, Tensor]:
        """As `Crops.take`."""
        count = len(chosen)
        rows, columns = (
            torch.randint(size - crop + 1, (count, 1), generator=random) + torch.arange(crop)
            for size, crop in zip(self.pairs.shape[1:3], self.crop, strict=True)
        )
        if mirror:
            mirrored = torch.rand(count, 1, generator=random) < 0.5
            columns = torch.where(mirrored, columns.flip(1), columns)
        cut = self.pairs[chosen[:, None, None], rows[:, :, None], columns[:, None, :]]
        return self.apart(cut)

    def apart(self, both: Arrays) -> tuple[Arrays, Arrays]:
        """Sources and targets of arrays that hold both, `(..., C)`."""
        source, target = self.domains
        if both.shape[-1] == target.array_channels:
            return both, both
        given, wanted = both[..., : source.array_channels], both[..., source.array_channels :]
        return of_type(given, source), of_type(wanted, target)


class Patches:
    """Random parts of pictures at their own size; `sources` is None where they are made."""

    def __init__(self, sources: Ragged | None, targets: Ragged, crop: Size) -> None:
        self.sources, self.targets, self.crop = sources, targets, crop

    def __len__(self) -> int:
        return len(self.targets)

    def take(self, chosen: Tensor, mirror: bool, random: torch.Generator) -> tuple[Tensor, Tensor]:
        """As `Crops.take`."""
        height, width = self.crop
        draws = torch.rand(len(chosen), 3, generator=random).tolist()
        cut: tuple[list[np.ndarray], list[np.ndarray]] = ([], [])
        for number, (down, along, flip) in zip(chosen.tolist(), draws, strict=True):
            target = self.targets[number]
            top = int(down * (target.shape[0] - height + 1))
            left = int(along * (target.shape[1] - width + 1))
            for side, pictures in zip(cut, (self.sources, self.targets), strict=True):
                if pictures is not None:
                    patch = pictures[number][top : top + height, left : left + width]
                    side.append(patch[:, ::-1] if mirror and flip < 0.5 else patch)
        targets = torch.from_numpy(np.stack(cut[1]))
        return torch.from_numpy(np.stack(cut[0])) if cut[0] else targets, targets
