"""What a discriminator sees: its decision on every patch of a pair, real or translated."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from diptych.data.domains import Domains
from diptych.data.fitting import Size, array_size
from diptych.evaluation.results import Result
from diptych.images.encoding import encode, known_places
from diptych.networks.frozen_view import FrozenView
from diptych.networks.judged_pair import judged_pair, least_side, patch_stride
from diptych.pix2pix import Adversarial

MOST_PIXELS = 2**22  # of a picture that is judged: its maps take a GB or so


@dataclass(frozen=True)
class Decisions:
    """How far each patch of one picture of `size` is taken for real, from 0 to 1.

    `grids`: `(h, w)` float32 of each size at which the discriminator judges, the finest first.
    `stride`: pixels between patches, whose grid lies in the middle; None where it covers the
    picture.
    """

    grids: Sequence[np.ndarray]
    size: Size
    stride: int | None

    @property
    def mean(self) -> float:
        """Over the patches of each size, and over the sizes, each of which counts alike: so does
        the loss.
        """
        return fmean(float(grid.mean()) for grid in self.grids)

    def places(self) -> np.ndarray:
        """`(H, W)` float32: at each pixel the decision on the patch that lies nearest, as the mean
        over the sizes.
        """
        each = [grid[np.ix_(*self._nearest(grid))] for grid in self.grids]
        return np.asarray(np.mean(each, axis=0, dtype=np.float32))

    def _nearest(self, grid: np.ndarray) -> list[np.ndarray]:
        """The row of the grid for every row of pixels, and the column for every column."""
        chosen = []
        for side, count in zip(self.size, grid.shape, strict=True):
            step = self.stride or side / count
            first = (side - step * count) / 2
            place = np.floor((np.arange(side) + 0.5 - first) / step).astype(int)
            chosen.append(place.clip(0, count - 1))
        return chosen

    def numbers(self) -> dict[str, Any]:
        """As JSON has them: the mean, and the grids to three digits."""
        grids = [[[round(p, 3) for p in row] for row in grid.tolist()] for grid in self.grids]
        return {"mean": round(self.mean, 4), "grids": grids}


@dataclass(frozen=True)
class JudgedPair:
    """The decisions on a pair: on its real target, and on what was translated."""

    target: Decisions
    translated: Decisions


class PatchJudge:
    """A discriminator, asked what it thinks of pairs; it is left as it was.

    `views` are those of source and target, where it judges what a frozen network sees; `domains`
    say what arrays mean. `about` tells a person which discriminator it is.
    """

    def __init__(
        self,
        discriminator: nn.Module,
        views: Sequence[FrozenView],
        adversarial: Adversarial,
        domains: Domains,
        about: str = "",
    ) -> None:
        self.about = about
        self._discriminator, self._views = discriminator, views
        self._adversarial, self._domains = adversarial, domains
        self._device = next(discriminator.parameters()).device
        self._stride, self._least = patch_stride(discriminator), least_side(discriminator)

    def takes(self, size: Size) -> bool:
        """Whether pictures of this height and width have patches, and not too many pixels."""
        return min(size) >= self._least and size[0] * size[1] <= MOST_PIXELS

    def of(self, result: Result) -> JudgedPair | None:
        """The decisions on one pair; None where it does not take pictures of that size."""
        if not self.takes(array_size(result.target)):
            return None
        arrays = result.source[None], result.translated[None], result.target[None]
        return self(*arrays)[0]

    @torch.no_grad()
    def __call__(
        self, sources: np.ndarray, translated: np.ndarray, targets: np.ndarray
    ) -> list[JudgedPair]:
        """The decisions on pairs `(N, H, W, C)`, arrays of their domains, one by one.

        Where a target has no data the translated shows the target there, as in training.
        """
        training = self._discriminator.training
        self._discriminator.eval()
        try:
            return [
                self._judged(*map(_as_tensor, arrays))
                for arrays in zip(sources, translated, targets, strict=True)
            ]
        finally:
            self._discriminator.train(training)

    def _judged(self, source: Tensor, translated: Tensor, target: Tensor) -> JudgedPair:
        shown = encode(source.to(self._device), self._domains[0])
        real = encode(target.to(self._device), self._domains[1])
        ours = encode(translated.to(self._device), self._domains[1])
        known = known_places(target.to(self._device), self._domains[1])
        if known is not None:
            ours = torch.where(known, ours, real)
        return JudgedPair(self._decisions(shown, real), self._decisions(shown, ours))

    def _decisions(self, source: Tensor, picture: Tensor) -> Decisions:
        given = judged_pair(self._discriminator, self._views, source, picture, self._adversarial)
        logits = self._discriminator(*given)
        sizes = [logits] if isinstance(logits, Tensor) else logits
        grids = [each[0, 0].float().sigmoid().cpu().numpy() for each in sizes]
        height, width = picture.shape[-2:]
        return Decisions(grids, (height, width), self._stride)


def _as_tensor(array: np.ndarray) -> Tensor:
    """`(1, H, W, C)`; float32 of integers that torch compares none of."""
    return torch.from_numpy(array[None].astype(np.uint8 if array.dtype == np.uint8 else np.float32))


def mean_decisions(pairs: Sequence[JudgedPair]) -> dict[str, float]:
    """How far targets and translated pictures are taken for real, on average."""
    return {
        "target": round(fmean(pair.target.mean for pair in pairs), 4),
        "translated": round(fmean(pair.translated.mean for pair in pairs), 4),
    }
