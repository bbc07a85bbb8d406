"""One pair at a size: the same to training, validation, scoring and exporting."""

import zlib

import numpy as np

from diptych.data.derive import derive
from diptych.data.domains import Domains
from diptych.data.fitting import Fit, Size, array_size
from diptych.data.pairs import Pair, of_one_shape
from diptych.errors import DiptychError
from diptych.images.arrays import resized
from diptych.schema import Derive


def prepared(
    pair: Pair,
    domains: Domains,
    fit: Fit | None,
    settings: Derive | None = None,
    *,
    same_shape: bool = True,
) -> tuple[np.ndarray, np.ndarray]:
    """Source and target of a pair, `(H, W, C)`, arrays of their domains.

    Both are brought to the size that `fit` has for the target, and of what is larger than
    `fit.size` the centre is taken; None leaves them as they are. The domains say how they are
    resized: classes, and values beside no data, by their nearest neighbour, all else bicubically.
    `same_shape` refuses to resize a source of another shape than its target's.

    By `settings` a source is made from its target, the same each time, for its random draws follow
    from the pair's name; the target is cut to a multiple of the scale. Without them such a source
    is the target itself, one array.

    Raises DiptychError where a picture is bad, of another shape, or too small.
    """
    if pair.source == pair.target:
        target = pair.target.read(domains[1])
        if fit is not None:
            target = centre(resized(target, fit.of(array_size(target)), domains[1]), fit.size)
        if settings is None or settings.kind == "none":
            return target, target
        scale, (height, width) = settings.scale, target.shape[:2]
        if min(height, width) < scale:
            raise DiptychError(f"{pair.target.path}: too small to be made {scale} times smaller")
        target = target[: height // scale * scale, : width // scale * scale]
        return made_source(pair, target, settings), target
    source, target = pair.read(domains)
    if fit is None:
        return source, target
    if same_shape:
        refuse_other_shape(pair, array_size(source), array_size(target))
    size = fit.of(array_size(target))
    return (
        centre(resized(source, size, domains[0]), fit.size),
        centre(resized(target, size, domains[1]), fit.size),
    )


def made_source(pair: Pair, target: np.ndarray, settings: Derive) -> np.ndarray:
    """The source that is made from `target`, the pair's, `(H, W, 3)`: for one name the same."""
    random = np.random.default_rng(zlib.crc32(pair.name.encode("utf-8", "surrogateescape")))
    return np.asarray(derive(target[None], settings, random)[0])


def centre(picture: np.ndarray, size: Size) -> np.ndarray:
    """The middle of a picture `(H, W, C)` that is as large or larger."""
    top, left = ((had - kept) // 2 for had, kept in zip(array_size(picture), size, strict=True))
    return picture[top : top + size[0], left : left + size[1]]


def refuse_other_shape(pair: Pair, source: Size, target: Size) -> None:
    """Raise DiptychError where source and target differ in the ratio of their sides."""
    if not of_one_shape(source, target):
        raise DiptychError(
            f"{pair.source.path}: {source[1]}x{source[0]}, but its target is "
            f"{target[1]}x{target[0]}, of another shape; "
            "if that is meant, --set data.shapes=own"
        )
