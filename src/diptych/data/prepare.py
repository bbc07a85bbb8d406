"""Pairs as training, validation and scoring take them, by what the recipe says of their size."""

import zlib
from collections.abc import Sequence

import numpy as np

from diptych.data.cache import Ragged, decoded_pairs, decoded_pictures
from diptych.data.crops import Crops, Patches, Rectangles
from diptych.data.derive import derive
from diptych.data.domains import Domains
from diptych.data.pairs import Pair, Progress
from diptych.errors import DiptychError
from diptych.images.arrays import resized
from diptych.schema import Recipe

Size = tuple[int, int]  # height and width


def training_crops(
    pairs: Sequence[Pair], recipe: Recipe, domains: Domains, on_progress: Progress | None = None
) -> Crops:
    """What batches are cut from, decoded and cached. Raises DiptychError on a bad picture."""
    data = recipe.data
    if data.fit == "resize":
        same = data.shapes == "same"
        decoded = decoded_pairs(pairs, domains, data.load, same_shape=same, on_progress=on_progress)
        return Rectangles(*decoded, data.crop)
    sources, targets = _at_own_size(pairs, recipe, domains, on_progress)
    return Patches(sources, targets, data.crop)


def pictures_to_validate(
    pairs: Sequence[Pair], recipe: Recipe, domains: Domains, on_progress: Progress | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Sources and targets of one size, `(N, H, W, C)`: resized, or cut at the centre."""
    size = recipe.data.crop
    if recipe.data.fit == "resize":
        same = recipe.data.shapes == "same"
        sources, targets = decoded_pairs(
            pairs, domains, size, same_shape=same, on_progress=on_progress
        )
    else:
        given, wanted = _at_own_size(pairs, recipe, domains, on_progress)
        targets = np.stack([_centre(picture, size) for picture in wanted])
        sources = targets if given is None else np.stack([_centre(p, size) for p in given])
    if recipe.derive.kind == "none":
        return sources, targets
    made = [_derived(pair, target, recipe) for pair, target in zip(pairs, targets, strict=True)]
    return np.stack(made), targets


def make_source(
    pair: Pair, recipe: Recipe, domains: Domains, size: Size | None
) -> tuple[np.ndarray, np.ndarray]:
    """Source and target of one pair, arrays of their domains; resized, or as they are.

    What is made from the target is the same each time: its random draws follow from the name.
    """
    target = pair.target.read(domains[1])
    if size is not None:
        target = resized(target, size, domains[1])
    if recipe.derive.kind == "none":
        source = pair.source.read(domains[0])
        return source if size is None else resized(source, size, domains[0]), target
    scale, (height, width) = recipe.derive.scale, target.shape[:2]
    if min(height, width) < scale:
        raise DiptychError(f"{pair.target.path}: too small to be made {scale} times smaller")
    whole = target[: height // scale * scale, : width // scale * scale]
    return _derived(pair, whole, recipe), whole


def _derived(pair: Pair, target: np.ndarray, recipe: Recipe) -> np.ndarray:
    random = np.random.default_rng(zlib.crc32(pair.name.encode("utf-8", "surrogateescape")))
    return np.asarray(derive(target[None], recipe.derive, random)[0])


def _at_own_size(
    pairs: Sequence[Pair], recipe: Recipe, domains: Domains, on_progress: Progress | None
) -> tuple[Ragged | None, Ragged]:
    least = recipe.data.crop
    targets = decoded_pictures(
        [pair.target for pair in pairs], domains[1], least, on_progress=on_progress
    )
    if recipe.derive.kind != "none":
        return None, targets
    sources = decoded_pictures(
        [pair.source for pair in pairs], domains[0], least, on_progress=on_progress
    )
    for pair, source, target in zip(pairs, sources.shapes, targets.shapes, strict=True):
        if tuple(source) != tuple(target):
            raise DiptychError(
                f"{pair.source.path}: {source[1]}x{source[0]}, but its target is "
                f"{target[1]}x{target[0]}: patches need equal sizes; data.fit = 'resize' does not"
            )
    return sources, targets


def _centre(picture: np.ndarray, size: Size) -> np.ndarray:
    top, left = ((side - wanted) // 2 for side, wanted in zip(picture.shape, size, strict=False))
    return picture[top : top + size[0], left : left + size[1]]
