"""Batches for training, by step number.

A batch follows from the seed and the step alone, so that a resumed run sees what an uninterrupted
one would have seen, and nothing has to be stored for it.
"""

from copy import copy
from typing import NamedTuple, Self

import numpy as np
import torch
from torch import Tensor

from diptych.batch_share import Share
from diptych.data.augment import recolour, warp
from diptych.data.crops import Crops, Rectangles
from diptych.data.derive import derive
from diptych.data.domains import Domains
from diptych.images.encoding import encode, known_places
from diptych.schema import Recipe


class Batch(NamedTuple):
    """Source `(B, C, h, w)` and target `(B, C, *crop)`, float in [-1, 1].

    `known`, `(B, C, *crop)` bool, says where the target holds data; None where it does everywhere.
    `share` says which pictures of the whole batch these are; None: all.
    """

    source: Tensor
    target: Tensor
    known: Tensor | None = None
    share: Share | None = None

    def parts(self, most: int) -> list["Batch"]:
        """The same in so many parts of about equal size, or one a picture."""
        shares = (self.share or Share.whole(len(self.source))).parts(most)
        if len(shares) == 1:
            return [self]
        sizes = [share.stop - share.start for share in shares]
        sides = [torch.split(side, sizes) for side in (self.source, self.target)]
        known = [None] * len(shares) if self.known is None else torch.split(self.known, sizes)
        return [Batch(*part) for part in zip(*sides, known, shares, strict=True)]


class Batches:
    """Crops of pairs, augmented, with the sources that a task makes, as the networks see them.

    `at(step)` gives a `Batch` on `device`: of `processes` that train together number `number` has
    its share of it. Every epoch sees every pair once, in an order of its own; its last batch may be
    smaller.
    """

    number, processes = 0, 1

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

    def shared_out(self, number: int, processes: int) -> Self:
        """The share of a process in the same batches."""
        own = copy(self)
        own.number, own.processes = number, processes
        return own

    def at(self, step: int) -> Batch:
        """Batch number `step`, counted from 0."""
        source, target = self.pictures_at(step)
        return Batch(
            encode(source, self.domains[0]),
            encode(target, self.domains[1]),
            known_places(target, self.domains[1]),
            None if self.processes == 1 else self._share(step),
        )

    def pictures_at(self, step: int) -> tuple[Tensor, Tensor]:
        """The same as arrays of their domains, `(B, h, w, C)` and `(B, *crop, C)`.

        All but what `derive` makes is done on the device. The random numbers are a CPU's in any
        case, so that every device is shown the same. Sources are made of the whole batch, whatever
        the share: each draws as many random numbers as it happens to need.
        """
        chosen, share = self._chosen(step), self._share(step)
        random = _random(self.seed, 1, step)
        made = self.derive.kind != "none"
        cut = Share.whole(len(chosen)) if made else share
        source, target = self.crops.take(chosen, self.augment.mirror, random, cut)
        if not made:
            source, target = self._on_device(source), self._on_device(target)
        source, target = warp(source, target, self.augment, random, self.domains, cut)
        if made:
            draws = np.random.default_rng((self.seed, 2, step))
            source = torch.from_numpy(derive(target.numpy(), self.derive, draws))
            source, target = (self._on_device(share.of(side)) for side in (source, target))
        if self.domains[0].is_picture:
            source = recolour(source, self.augment, random, share)
        return source, target

    def _chosen(self, step: int) -> Tensor:
        """The numbers of the pairs of a whole batch."""
        epoch, place = divmod(step, self.steps_per_epoch)
        return self._order_of(epoch)[place * self.batch_size : (place + 1) * self.batch_size]

    def _share(self, step: int) -> Share:
        return Share.of_process(len(self._chosen(step)), self.number, self.processes)

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
