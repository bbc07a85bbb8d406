"""Pairs as training, validation and scoring take them, by what the recipe says of their size."""

import zlib
from collections.abc import Sequence

import numpy as np

from diptych.config import Recipe
from diptych.data.cache import Progress, Ragged, decoded_pairs, decoded_pictures
from diptych.data.crops import Crops, Patches, Squares
from diptych.data.derive import derive
from diptych.data.pairs import Pair
from diptych.errors import DiptychError
from diptych.images.files import resize


def training_crops(
    pairs: Sequence[Pair], recipe: Recipe, on_progress: Progress | None = None
) -> Crops:
    """What batches are cut from, decoded and cached. Raises DiptychError on a bad picture."""
    data = recipe.data
    if data.fit == "resize":
        decoded = decoded_pairs(
            pairs, data.load_size, same_shape=data.shapes == "same", on_progress=on_progress
        )
        return Squares(decoded, data.crop_size)
    sources, targets = _at_own_size(pairs, recipe, on_progress)
    return Patches(sources, targets, data.crop_size)


def pictures_to_validate(
    pairs: Sequence[Pair], recipe: Recipe, on_progress: Progress | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Sources and targets of one size, `(N, H, W, 3 or 4)` uint8: resized, or cut at the centre."""
    size = recipe.data.crop_size
    if recipe.data.fit == "resize":
        same = recipe.data.shapes == "same"
        decoded = decoded_pairs(pairs, size, same_shape=same, on_progress=on_progress)
        sources, targets = decoded[:, 0], decoded[:, -1]
    else:
        given, wanted = _at_own_size(pairs, recipe, on_progress)
        targets = np.stack([_centre(picture, size) for picture in wanted])
        sources = targets if given is None else np.stack([_centre(p, size) for p in given])
    if recipe.derive.kind == "none":
        return sources, targets
    made = [_derived(pair, target, recipe) for pair, target in zip(pairs, targets, strict=True)]
    return np.stack(made), targets


def make_source(pair: Pair, recipe: Recipe, side: int | None) -> tuple[np.ndarray, np.ndarray]:
    """Source and target of one pair, uint8; resized to a square of `side`, or as they are.

    What is made from the target is the same each time: its random draws follow from the name.
    """
    target = pair.target.read()
    if side is not None:
        target = resize(target, (side, side))
    if recipe.derive.kind == "none":
        source = pair.source.read()
        return np.asarray(source if side is None else resize(source, (side, side))), np.asarray(
            target
        )
    scale = recipe.derive.scale
    if min(target.size) < scale:
        raise DiptychError(f"{pair.target.path}: too small to be made {scale} times smaller")
    whole = np.asarray(target)[: target.height // scale * scale, : target.width // scale * scale]
    return _derived(pair, whole, recipe), whole


def _derived(pair: Pair, target: np.ndarray, recipe: Recipe) -> np.ndarray:
    random = np.random.default_rng(zlib.crc32(pair.name.encode("utf-8", "surrogateescape")))
    return np.asarray(derive(target[None], recipe.derive, random)[0])


def _at_own_size(
    pairs: Sequence[Pair], recipe: Recipe, on_progress: Progress | None
) -> tuple[Ragged | None, Ragged]:
    least = recipe.data.crop_size
    targets = decoded_pictures([pair.target for pair in pairs], least, on_progress=on_progress)
    if recipe.derive.kind != "none":
        return None, targets
    sources = decoded_pictures([pair.source for pair in pairs], least, on_progress=on_progress)
    for pair, source, target in zip(pairs, sources.shapes, targets.shapes, strict=True):
        if tuple(source) != tuple(target):
            raise DiptychError(
                f"{pair.source.path}: {source[1]}x{source[0]}, but its target is "
                f"{target[1]}x{target[0]}: patches need equal sizes; data.fit = 'resize' does not"
            )
    return sources, targets


def _centre(picture: np.ndarray, size: int) -> np.ndarray:
    top, left = (picture.shape[0] - size) // 2, (picture.shape[1] - size) // 2
    return picture[top : top + size, left : left + size]
