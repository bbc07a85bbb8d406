"""Crops of the pictures, source and target under one geometry, as the recipe says."""

import warnings
from collections.abc import Sequence
from functools import partial

import numpy as np
import torch
from torch import Tensor

from diptych.data.cache import Ragged, decoded_pairs, decoded_pictures
from diptych.data.domains import Domains
from diptych.data.pairs import Pair, Progress
from diptych.data.prepare import Size, made_source
from diptych.errors import DiptychError
from diptych.schema import Recipe

Place = tuple[int, int, int, bool]  # which picture, top row, left column, whether mirrored


class Rectangles:
    """Random parts of pictures that were resized to a somewhat larger size (appendix 6.2).

    `sources` and `targets`: `(N, H, W, C)`; both are the targets where sources are made from them.
    """

    def __init__(self, sources: np.ndarray, targets: np.ndarray, crop: Size) -> None:
        with warnings.catch_warnings():
            # The memory map is read only, and nothing here writes to it.
            warnings.filterwarnings("ignore", message="The given NumPy array is not writable")
            self.targets = torch.from_numpy(targets)
            self.sources = self.targets if sources is targets else torch.from_numpy(sources)
        self.crop = crop

    def __len__(self) -> int:
        return len(self.targets)

    def take(self, chosen: Tensor, mirror: bool, random: torch.Generator) -> tuple[Tensor, Tensor]:
        """The same part of source and target of each chosen pair, `(N, *crop, C)` of their domains.

        With `mirror` half of them are mirrored. Where sources are made from their targets, both are
        the targets.
        """
        count = len(chosen)
        top, left = (
            torch.randint(size - crop + 1, (count,), generator=random).tolist()
            for size, crop in zip(self.targets.shape[1:3], self.crop, strict=True)
        )
        draws = torch.rand(count, generator=random).tolist() if mirror else [1.0] * count
        mirrored = [draw < 0.5 for draw in draws]
        places = list(zip(chosen.tolist(), top, left, mirrored, strict=True))
        cut = copied if self.targets.device.type == "cpu" else gathered
        targets = cut(self.targets, places, self.crop)
        if self.sources is self.targets:
            return targets, targets
        return cut(self.sources, places, self.crop), targets

    def move_to(self, device: torch.device, free: int) -> None:
        """Keep all pictures on the device, and cut them there, if half of its `free` bytes do."""
        alone = self.sources is self.targets
        if (0 if alone else self.sources.nbytes) + self.targets.nbytes <= free / 2:
            self.targets = self.targets.to(device)
            self.sources = self.targets if alone else self.sources.to(device)


def copied(pictures: Tensor, places: Sequence[Place], crop: Size) -> Tensor:
    """Parts `(N, *crop, C)` of `pictures`, copied row by row: what a CPU does fastest.

    A single one may be a view, to be read alone.
    """

    def part(number: int, top: int, left: int, mirrored: bool) -> Tensor:
        inside = pictures[number, top : top + crop[0], left : left + crop[1]]
        return inside.flip(1) if mirrored else inside

    parts = [part(*place) for place in places]
    return torch.stack(parts) if len(parts) > 1 else parts[0][None]


def gathered(pictures: Tensor, places: Sequence[Place], crop: Size) -> Tensor:
    """As `copied`, in one go: what a GPU does fastest."""
    on_device = torch.tensor(places).to(pictures.device, non_blocking=True)
    number, top, left, mirrored = on_device[..., None].unbind(1)
    rows, columns = (torch.arange(side, device=pictures.device) for side in crop)
    columns = left + torch.where(mirrored > 0, columns.flip(0), columns)
    return pictures[number[..., None], (top + rows)[..., None], columns[:, None]]


class Patches:
    """Random parts of pictures at their own size; `sources` is None where they are made."""

    def __init__(self, sources: Ragged | None, targets: Ragged, crop: Size) -> None:
        self.sources, self.targets, self.crop = sources, targets, crop

    def __len__(self) -> int:
        return len(self.targets)

    def take(self, chosen: Tensor, mirror: bool, random: torch.Generator) -> tuple[Tensor, Tensor]:
        """As `Rectangles.take`."""
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


Crops = Rectangles | Patches


def training_crops(
    pairs: Sequence[Pair], recipe: Recipe, domains: Domains, on_progress: Progress | None = None
) -> Crops:
    """What batches are cut from, decoded and cached. Raises DiptychError on a bad picture."""
    data = recipe.data
    if data.fit == "resize":
        same = data.shapes == "same"
        decoded = decoded_pairs(pairs, domains, data.load, same_shape=same, on_progress=on_progress)
        return Rectangles(*decoded, data.crop)
    return Patches(*_at_own_size(pairs, recipe, domains, on_progress), data.crop)


def pictures_to_validate(
    pairs: Sequence[Pair], recipe: Recipe, domains: Domains, on_progress: Progress | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Sources and targets of one size, `(N, H, W, C)`: resized, or cut at the centre."""
    size = recipe.data.crop
    if recipe.data.fit == "resize":
        same = recipe.data.shapes == "same"
        decoded = decoded_pairs(pairs, domains, size, same_shape=same, on_progress=on_progress)
        sources, targets = decoded
    else:
        own_sources, own_targets = _at_own_size(pairs, recipe, domains, on_progress)
        targets = _centres(own_targets, size)
        sources = targets if own_sources is None else _centres(own_sources, size)
    if recipe.derive.kind != "none":
        both = zip(pairs, targets, strict=True)
        sources = np.stack([made_source(pair, target, recipe.derive) for pair, target in both])
    return sources, targets


def _at_own_size(
    pairs: Sequence[Pair], recipe: Recipe, domains: Domains, on_progress: Progress | None
) -> tuple[Ragged | None, Ragged]:
    decoded = partial(decoded_pictures, least=recipe.data.crop, on_progress=on_progress)
    targets = decoded([pair.target for pair in pairs], domains[1])
    if recipe.derive.kind != "none":
        return None, targets
    sources = decoded([pair.source for pair in pairs], domains[0])
    for pair, source, target in zip(pairs, sources.shapes, targets.shapes, strict=True):
        if tuple(source) != tuple(target):
            raise DiptychError(
                f"{pair.source.path}: {source[1]}x{source[0]}, but its target is "
                f"{target[1]}x{target[0]}: patches need equal sizes; data.fit = 'resize' does not"
            )
    return sources, targets


def _centres(pictures: Ragged, size: Size) -> np.ndarray:
    corners = (pictures.shapes - size) // 2
    return np.stack(
        [
            picture[top : top + size[0], left : left + size[1]]
            for picture, (top, left) in zip(pictures, corners, strict=True)
        ]
    )
