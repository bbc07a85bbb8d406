"""Batches for training, by step number: cropped and mirrored on whole batches.

A batch follows from the seed and the step alone, so that a resumed run sees what an uninterrupted
one would have seen, and nothing has to be stored for it.
"""

import warnings

import numpy as np
import torch


class Batches:
    """Random squares of decoded pairs, both sides under one geometry (appendix 6.2).

    `pairs`: `(N, 2, S, S, C)` uint8 as the cache gives them. `at(step)` gives source and target,
    each `(B, C, crop, crop)` float in [-1, 1] on `device`. Every epoch sees every pair once, in an
    order of its own; its last batch may be smaller.
    """

    def __init__(
        self,
        pairs: np.ndarray,
        batch_size: int,
        crop_size: int,
        mirror: bool,
        seed: int,
        device: torch.device | str = "cpu",
    ) -> None:
        with warnings.catch_warnings():
            # The memory map is read only, and nothing here writes to it.
            warnings.filterwarnings("ignore", message="The given NumPy array is not writable")
            self.pairs = torch.from_numpy(pairs)
        self.batch_size = min(batch_size, len(pairs))
        self.crop_size, self.mirror, self.seed, self.device = crop_size, mirror, seed, device
        self.steps_per_epoch = -(-len(pairs) // self.batch_size)
        self._order: tuple[int, torch.Tensor] | None = None

    def at(self, step: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Source and target of batch number `step`, counted from 0."""
        epoch, place = divmod(step, self.steps_per_epoch)
        chosen = self._order_of(epoch)[place * self.batch_size : (place + 1) * self.batch_size]
        random = _random(self.seed, 1, step)
        count, size, crop = len(chosen), self.pairs.shape[2], self.crop_size
        corner = torch.randint(size - crop + 1, (2, count, 1), generator=random)
        rows, columns = corner + torch.arange(crop)
        if self.mirror:
            mirrored = torch.rand(count, 1, generator=random) < 0.5
            columns = torch.where(mirrored, columns.flip(1), columns)
        source, target = (
            self.pairs[chosen[:, None, None], side, rows[:, :, None], columns[:, None, :]]
            for side in (0, 1)
        )
        return to_unit_range(source.to(self.device)), to_unit_range(target.to(self.device))

    def _order_of(self, epoch: int) -> torch.Tensor:
        if self._order is None or self._order[0] != epoch:
            random = _random(self.seed, 0, epoch)
            self._order = (epoch, torch.randperm(len(self.pairs), generator=random))
        return self._order[1]


def to_unit_range(pictures: torch.Tensor) -> torch.Tensor:
    """`(..., H, W, C)` uint8 to `(..., C, H, W)` float in [-1, 1]."""
    return pictures.movedim(-1, -3).float() / 127.5 - 1


def to_pictures(outputs: torch.Tensor) -> np.ndarray:
    """`(..., C, H, W)` in [-1, 1] to `(..., H, W, C)` uint8, rounded."""
    levels = ((outputs.detach().float() + 1) * 127.5).round().clamp(0, 255)
    pictures: np.ndarray = levels.to(torch.uint8).movedim(-3, -1).cpu().numpy()
    return pictures


def _random(seed: int, stream: int, number: int) -> torch.Generator:
    """An independent source of random numbers for every (seed, stream, number)."""
    words = np.random.SeedSequence((seed, stream, number)).generate_state(2, np.uint64)
    return torch.Generator().manual_seed(int(words[0] >> np.uint64(1)))
