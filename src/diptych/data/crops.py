"""Crops of the pictures, source and target under one geometry, as the recipe says."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from diptych.batch_share import Share
from diptych.data.domains import Domains
from diptych.data.fitting import Fit, Size, array_size
from diptych.data.pairs import Pair, Progress
from diptych.data.parted import Parted, as_tensor
from diptych.data.prepare import centre, made_source, refuse_other_shape
from diptych.data.store.decoded import decoded
from diptych.data.store.pictures import Pictures
from diptych.data.store.wanted import Wanted
from diptych.errors import DiptychError
from diptych.images.arrays import resized
from diptych.schema import Recipe

Place = tuple[int, int, int, bool]  # which picture, top row, left column, whether mirrored


class Rectangles:
    """Random parts of pictures of one size, somewhat larger than the parts (appendix 6.2).

    `sources` and `targets`: `(N, H, W, C)`; both are the targets where sources are made from them.
    """

    def __init__(
        self, sources: np.ndarray | Pictures, targets: np.ndarray | Pictures, crop: Size
    ) -> None:
        self.targets = _as_one(targets)
        self.sources = self.targets if sources is targets else _as_one(sources)
        self.crop = crop

    def __len__(self) -> int:
        return len(self.targets)

    def take(
        self, chosen: Tensor, mirror: bool, random: torch.Generator, share: Share | None = None
    ) -> tuple[Tensor, Tensor]:
        """The same part of source and target of each chosen pair, `(N, *crop, C)` of their domains.

        With `mirror` half of them are mirrored. Of the pairs of a batch, which are `chosen`, those
        of the `share` are cut, by default all. Where sources are made from their targets, both are
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
        if share is not None:
            places = places[share.rows]
        targets = _cut(self.targets, places, self.crop)
        if self.sources is self.targets:
            return targets, targets
        return _cut(self.sources, places, self.crop), targets

    def move_to(self, device: torch.device, free: int) -> None:
        """Keep all pictures on the device, and cut them there, if half of its `free` bytes do."""
        alone = self.sources is self.targets
        if (0 if alone else self.sources.nbytes) + self.targets.nbytes <= free / 2:
            self.targets = self.targets.to(device)
            self.sources = self.targets if alone else self.sources.to(device)


def _as_one(pictures: np.ndarray | Pictures) -> Tensor | Parted:
    if isinstance(pictures, np.ndarray):
        return as_tensor(pictures)
    together = pictures.in_one_file()
    return Parted(pictures) if together is None else as_tensor(together)


def _cut(pictures: Tensor | Parted, places: Sequence[Place], crop: Size) -> Tensor:
    if isinstance(pictures, Parted) or pictures.device.type == "cpu":
        return copied(pictures, places, crop)
    return gathered(pictures, places, crop)


def copied(pictures: Tensor | Parted, places: Sequence[Place], crop: Size) -> Tensor:
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
    """Random parts of pictures that differ in size; `sources` is None where they are made.

    All are as large as the crop or larger. A source of another size than its target is brought to
    the target's before it is cut.
    """

    def __init__(self, sources: Pictures | None, targets: Pictures, crop: Size) -> None:
        self.sources, self.targets, self.crop = sources, targets, crop

    def __len__(self) -> int:
        return len(self.targets)

    def take(
        self, chosen: Tensor, mirror: bool, random: torch.Generator, share: Share | None = None
    ) -> tuple[Tensor, Tensor]:
        """As `Rectangles.take`."""
        draws = torch.rand(len(chosen), 3, generator=random)
        if share is not None:
            chosen, draws = share.of(chosen), share.of(draws)
        sources, targets = [], []
        for number, (down, along, flip) in zip(chosen.tolist(), draws.tolist(), strict=True):
            pair = _pair(self.sources, self.targets, number)
            height, width = pair[-1].shape[:2]
            top = int(down * (height - self.crop[0] + 1))
            left = int(along * (width - self.crop[1] + 1))
            inside = slice(top, top + self.crop[0]), slice(left, left + self.crop[1])
            parts = [picture[inside] for picture in pair]
            if mirror and flip < 0.5:
                parts = [part[:, ::-1] for part in parts]
            sources.append(parts[0])
            targets.append(parts[-1])
        cut = torch.from_numpy(np.stack(targets))
        return cut if self.sources is None else torch.from_numpy(np.stack(sources)), cut


Crops = Rectangles | Patches


def training_crops(
    pairs: Sequence[Pair],
    recipe: Recipe,
    domains: Domains,
    on_progress: Progress | None = None,
    among: Sequence[Pair] = (),
) -> Crops:
    """What batches are cut from, decoded once and kept; `among`: see `Wanted`.

    Raises DiptychError on a bad picture.
    """
    data = recipe.data
    sources, targets = _both(pairs, recipe, domains, data.load, on_progress, among)
    if data.fitting != "patches" and targets.size is not None:
        beside = targets if sources is None else sources
        if beside.size == targets.size:
            return Rectangles(beside, targets, data.crop)
    return Patches(sources, targets, data.crop)


def pictures_to_validate(
    pairs: Sequence[Pair], recipe: Recipe, domains: Domains, on_progress: Progress | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Sources and targets of the size of the crops, `(N, H, W, C)`.

    As training's, but brought to the size of the crop, and of what is larger the centre is taken.
    """
    size = recipe.data.crop
    both = _both(pairs, recipe, domains, size, on_progress)
    centres = [
        [centre(picture, size) for picture in _pair(*both, number)] for number in range(len(pairs))
    ]
    targets = np.stack([pair[-1] for pair in centres])
    if recipe.derive.kind == "none":
        return np.stack([pair[0] for pair in centres]), targets
    made = zip(pairs, targets, strict=True)
    return np.stack([made_source(pair, target, recipe.derive) for pair, target in made]), targets


def _both(
    pairs: Sequence[Pair],
    recipe: Recipe,
    domains: Domains,
    size: Size,
    on_progress: Progress | None,
    among: Sequence[Pair] = (),
) -> tuple[Pictures | None, Pictures]:
    """Sources, where they are not made, and targets, brought to `size` as the recipe fits them."""
    fit = Fit(recipe.data.fitting, size)
    targets, *beside = decoded(sides_wanted(pairs, recipe, domains, fit, among), None, on_progress)
    sources = beside[0] if beside else None
    for i, pair in enumerate(pairs):
        target = _size(targets.own[i])
        source = target if sources is None else _size(sources.own[i])
        if fit.kind == "patches":
            _refuse_for_patches(pair, source, target, recipe.data.crop)
        elif recipe.data.shapes == "same":
            refuse_other_shape(pair, source, target)
    return sources, targets


def sides_wanted(
    pairs: Sequence[Pair],
    recipe: Recipe,
    domains: Domains,
    fit: Fit,
    among: Sequence[Pair] = (),
) -> list[Wanted]:
    """What is asked of the store: targets, and sources where they are not made of them."""
    targets = [pair.target for pair in pairs]
    wanted = [Wanted(targets, domains[1], fit, [pair.target for pair in among])]
    if recipe.derive.kind == "none":
        sources = [pair.source for pair in pairs]
        wanted.append(Wanted(sources, domains[0], fit, [pair.source for pair in among]))
    return wanted


def _refuse_for_patches(pair: Pair, source: Size, target: Size, crop: Size) -> None:
    if source != target:
        raise DiptychError(
            f"{pair.source.path}: {source[1]}x{source[0]}, but its target is "
            f"{target[1]}x{target[0]}: patches need equal sizes; data.fit = 'shorter' does not"
        )
    if target[0] < crop[0] or target[1] < crop[1]:
        raise DiptychError(
            f"{pair.target.path}: {target[1]}x{target[0]} is smaller than the patches of "
            f"{crop[1]}x{crop[0]}: lower data.crop_size, or leave the picture out"
        )


def _pair(sources: Pictures | None, targets: Pictures, number: int) -> tuple[np.ndarray, ...]:
    """Source and target of one size, or the target alone."""
    target = targets[number]
    if sources is None:
        return (target,)
    return resized(sources[number], array_size(target), sources.domain), target


def _size(shape: Sequence[int]) -> Size:
    return int(shape[0]), int(shape[1])
