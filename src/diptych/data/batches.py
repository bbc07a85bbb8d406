"""Batches for training, by step number.

A batch follows from the seed and the step alone, so that a resumed run sees what an uninterrupted
one would have seen, and nothing has to be stored for it.
"""

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from diptych.data.augment import recolour, warp
from diptych.data.crops import Crops, Rectangles
from diptych.data.derive import derive
from diptych.data.domains import Domains
from diptych.images.encoding import encode, known_places
from diptych.schema import Recipe


class Batch(NamedTuple):
    """Source `(B, C, h, w)` and target `(B, C, *crop)`, float in [-1, 1].

    `known`, `(B, C, *crop)` bool, says where the target holds data; None where it does everywhere.
    """

    source: Tensor
    target: Tensor
    known: Tensor | None = None


class Batches:
    """Crops of pairs, augmented, with the sources that a task makes, as the networks see them.

    `at(step)` gives a `Batch` on `device`. Every epoch sees every pair once, in an order of its
    own; its last batch may be smaller.
    """

    def __init__(
        self,
        crops: Crops,
        domains: Domains,
        recipe: Recipe,
        batch_size: int | None = None,
        device: torch.device | str = "cpu",
    ) -> None:
        self.crops, self.domains = crops, domains
        self.augment, self.derive = recipe.augment, recipe.derive
        self.batch_size = min(batch_size or recipe.train.batch_size, len(crops))
        self.seed, self.device = recipe.train.seed, torch.device(device)
        self.steps_per_epoch = -(-len(crops) // self.batch_size)
        self._order: tuple[int, Tensor] | None = None
        on_gpu = self.device.type == "cuda" and self.derive.kind == "none"
        if on_gpu and isinstance(crops, Rectangles):
            crops.move_to(self.device, free=torch.cuda.mem_get_info(self.device)[0])

    def at(self, step: int) -> Batch:
        """Batch number `step`, counted from 0."""
        source, target = self.pictures_at(step)
        return Batch(
            encode(source, self.domains[0]),
            encode(target, self.domains[1]),
            known_places(target, self.domains[1]),
        )

    def pictures_at(self, step: int) -> tuple[Tensor, Tensor]:
        """The same as arrays of their domains, `(B, h, w, C)` and `(B, *crop, C)`.

        All but what `derive` makes is done on the device. The random numbers are a CPU's in any
        case, so that every device is shown the same.
        """
        epoch, place = divmod(step, self.steps_per_epoch)
        chosen = self._order_of(epoch)[place * self.batch_size : (place + 1) * self.batch_size]
        random = _random(self.seed, 1, step)
        source, target = self.crops.take(chosen, self.augment.mirror, random)
        if self.derive.kind == "none":
            source, target = self._on_device(source), self._on_device(target)
        source, target = warp(source, target, self.augment, random, self.domains)
        if self.derive.kind != "none":
            draws = np.random.default_rng((self.seed, 2, step))
            source = torch.from_numpy(derive(target.numpy(), self.derive, draws))
            source, target = self._on_device(source), self._on_device(target)
        if self.domains[0].is_picture:
            source = recolour(source, self.augment, random)
        return source, target

    def _on_device(self, pictures: Tensor) -> Tensor:
        if self.device.type == "cuda" and pictures.device.type == "cpu":
            pictures = pictures.pin_memory()  # so that the copy waits for nothing
        return pictures.to(self.device, non_blocking=True)

    def _order_of(self, epoch: int) -> Tensor:
        if self._order is None or self._order[0] != epoch:
            random = _random(self.seed, 0, epoch)
            self._order = (epoch, torch.randperm(len(self.crops), generator=random))
        return self._order[1]


def _random(seed: int, stream: int, number: int) -> torch.Generator:
    """An independent source of random numbers for every (seed, stream, number)."""
    words = np.random.SeedSequence((seed, stream, number)).generate_state(2, np.uint64)
    return torch.Generator().manual_seed(int(words[0] >> np.uint64(1)))
