"""Batches for training, by step number.

A batch follows from the seed and the step alone, so that a resumed run sees what an uninterrupted
one would have seen, and nothing has to be stored for it.
"""

import numpy as np
import torch
from torch import Tensor

from diptych.config import Augment, Derive
from diptych.data.augment import recolour, warp
from diptych.data.crops import Crops
from diptych.data.derive import DERIVATIONS, derive
from diptych.images.encoding import encode


class Batches:
    """Crops of pairs, augmented, with the sources that a task makes, as the networks see them.

    `at(step)` gives source `(B, C, h, w)` and target `(B, C, crop, crop)`, float in [-1, 1] on
    `device`. Every epoch sees every pair once, in an order of its own; its last batch may be
    smaller.
    """

    def __init__(
        self,
        crops: Crops,
        batch_size: int,
        augment: Augment,
        derive: Derive,
        seed: int,
        device: torch.device | str = "cpu",
    ) -> None:
        self.crops, self.augment, self.derive = crops, augment, derive
        self.batch_size = min(batch_size, len(crops))
        self.seed, self.device = seed, device
        self.steps_per_epoch = -(-len(crops) // self.batch_size)
        self._order: tuple[int, Tensor] | None = None

    def at(self, step: int) -> tuple[Tensor, Tensor]:
        """Source and target of batch number `step`, counted from 0."""
        source, target = self.pictures_at(step)
        kinds = DERIVATIONS.get(self.derive.kind)
        return (
            encode(source.to(self.device), kinds.source if kinds else "rgb"),
            encode(target.to(self.device), kinds.target if kinds else "rgb"),
        )

    def pictures_at(self, step: int) -> tuple[Tensor, Tensor]:
        """The same as pictures: `(B, h, w, 3 or 4)` and `(B, crop, crop, 3)` uint8."""
        epoch, place = divmod(step, self.steps_per_epoch)
        chosen = self._order_of(epoch)[place * self.batch_size : (place + 1) * self.batch_size]
        random = _random(self.seed, 1, step)
        source, target = self.crops.take(chosen, self.augment.mirror, random)
        source, target = warp(source, target, self.augment, random)
        if self.derive.kind != "none":
            draws = np.random.default_rng((self.seed, 2, step))
            source = torch.from_numpy(derive(target.numpy(), self.derive, draws))
        return recolour(source, self.augment, random), target

    def _order_of(self, epoch: int) -> Tensor:
        if self._order is None or self._order[0] != epoch:
            random = _random(self.seed, 0, epoch)
            self._order = (epoch, torch.randperm(len(self.crops), generator=random))
        return self._order[1]


def _random(seed: int, stream: int, number: int) -> torch.Generator:
    """An independent source of random numbers for every (seed, stream, number)."""
    words = np.random.SeedSequence((seed, stream, number)).generate_state(2, np.uint64)
    return torch.Generator().manual_seed(int(words[0] >> np.uint64(1)))
