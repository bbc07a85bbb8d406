"""One pair at a size: the same to training, validation, scoring and exporting."""

import zlib

import numpy as np

from diptych.data.derive import derive
from diptych.data.domains import Domains
from diptych.data.pairs import Pair, of_one_shape
from diptych.errors import DiptychError
from diptych.images.arrays import resized
from diptych.images.domain import Domain
from diptych.schema import Derive

Size = tuple[int, int]  # height and width


def prepared(
    pair: Pair,
    domains: Domains,
    size: Size | None,
    settings: Derive | None = None,
    *,
    same_shape: bool = True,
) -> tuple[np.ndarray, np.ndarray]:
    """Source and target of a pair, `(H, W, C)`, arrays of their domains.

    Both are brought to `size`; None leaves them as they are. The domains say how they are resized:
    classes, and values beside no data, by their nearest neighbour, all else bicubically.
    `same_shape` refuses to resize a source of another shape than its target's.

    By `settings` a source is made from its target, the same each time, for its random draws follow
    from the pair's name; the target is cut to a multiple of the scale. Without them such a source
    is the target itself, one array.

    Raises DiptychError where a picture is bad, of another shape, or too small.
    """
    if pair.source == pair.target:
        target = _at(size, pair.target.read(domains[1]), domains[1])
        if settings is None or settings.kind == "none":
            return target, target
        scale, (height, width) = settings.scale, target.shape[:2]
        if min(height, width) < scale:
            raise DiptychError(f"{pair.target.path}: too small to be made {scale} times smaller")
        target = target[: height // scale * scale, : width // scale * scale]
        return made_source(pair, target, settings), target
    source, target = pair.read(domains)
    if size is not None and same_shape and not of_one_shape(source.shape[:2], target.shape[:2]):
        raise DiptychError(
            f"{pair.source.path}: {source.shape[1]}x{source.shape[0]}, but its target is "
            f"{target.shape[1]}x{target.shape[0]}, of another shape; "
            "if that is meant, --set data.shapes=own"
        )
    return _at(size, source, domains[0]), _at(size, target, domains[1])


def made_source(pair: Pair, target: np.ndarray, settings: Derive) -> np.ndarray:
    """The source that is made from `target`, the pair's, `(H, W, 3)`: for one name the same."""
    random = np.random.default_rng(zlib.crc32(pair.name.encode("utf-8", "surrogateescape")))
    return np.asarray(derive(target[None], settings, random)[0])


def _at(size: Size | None, values: np.ndarray, domain: Domain) -> np.ndarray:
    return values if size is None else resized(values, size, domain)
