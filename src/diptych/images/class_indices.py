"""Labels in files, as indices of their classes: from numbers, from colours, from colour tables."""

from pathlib import Path

import numpy as np

from diptych.errors import DiptychError
from diptych.images.display import colours
from diptych.images.domain import Domain

_CODE = np.array([1 << 16, 1 << 8, 1])  # a colour as one number
_GRAYS = tuple(f"#{bytes([level] * 3).hex()}" for level in range(256))


def class_indices(
    values: np.ndarray, domain: Domain, path: Path, table: tuple[str, ...] = ()
) -> np.ndarray:
    """The classes in a file of numbers `(H, W, C)`, as `(H, W, 1)` uint8.

    One channel holds indices, unless the domain has a palette and the file a colour `table` of its
    own that begins otherwise: what counts are colours then. So do those of gray, where the palette
    has all of them, or some that can be no indices. What the domain says is no data becomes its
    `void`. Raises DiptychError where there is what is no label, naming the file and the first.
    """
    if values.shape[2] not in {1, 3, 4}:
        raise DiptychError(f"{path}: {values.shape[2]} channels: neither labels nor colours")
    if values.shape[2] > 1 and not domain.palette:
        raise DiptychError(
            f"{path}: a picture in colours, but {domain.name} has no palette: "
            f"--set 'domain.{domain.name}.palette=[\"#rrggbb\", ...]', one colour a class"
        )
    empty = _empty(values, domain)
    shown = _colours(values, domain, empty, table)
    if shown is None:
        indices = _by_number(values, domain, empty, path)
    else:
        indices = _by_colour(shown, domain, empty, path)
    if domain.void is not None:
        indices = np.where(empty, np.uint8(domain.void), indices)
    return indices[..., None]


def table_of_windows(domain: Domain, table: tuple[str, ...]) -> tuple[str, ...]:
    """A table that says of each window of a file what the whole would say of all of it.

    Without one of its own, numbers are gray where nothing else is in the palette, else indices.
    """
    gray = all(colour in _GRAYS for colour in domain.palette)
    return table or (_GRAYS if gray else domain.palette)


def _empty(values: np.ndarray, domain: Domain) -> np.ndarray:
    """Where a file of one channel holds no data, `(H, W)` bool."""
    if domain.nodata is None or values.shape[2] > 1:
        return np.zeros(values.shape[:2], bool)
    numbers = values[..., 0]
    return np.asarray((numbers == domain.nodata) | (numbers != numbers))  # noqa: PLR0124 - NaN


def _colours(
    values: np.ndarray, domain: Domain, empty: np.ndarray, table: tuple[str, ...]
) -> np.ndarray | None:
    """The colours `(H, W, 3)` that stand for classes; None where numbers do."""
    if values.shape[2] > 1:
        return values[..., :3]
    if not domain.palette or values.dtype != np.uint8:
        return None
    numbers = values[..., 0]
    if table:
        own = np.zeros((256, 3), np.uint8)
        own[: len(table)] = [list(bytes.fromhex(colour[1:])) for colour in table]
        return None if table[: domain.channels] == domain.palette else own[numbers]
    grays = np.isin(numbers, [int(c[1:3], 16) for c in domain.palette if c[1:3] * 3 == c[1:]])
    no_index = grays & (numbers >= domain.channels)
    return values.repeat(3, axis=2) if (grays | empty).all() or no_index.any() else None


def _by_number(values: np.ndarray, domain: Domain, empty: np.ndarray, path: Path) -> np.ndarray:
    numbers = values[..., 0]
    right = (numbers >= 0) & (numbers < domain.channels) & (numbers == np.trunc(numbers))
    outside = numbers[~(right | empty)]
    if outside.size:
        first = outside[0]
        message = (
            f"{path}: label {first} in {outside.size:,} pixels, but "
            f"{domain.name} has {domain.channels} classes, 0 to {domain.channels - 1}"
        )
        if domain.palette and first in range(256):
            message += f", and #{bytes([int(first)] * 3).hex()} is not in its palette"
        if domain.nodata is None and (first == 255 or first < 0):
            message += f"; where it means no class: --set domain.{domain.name}.nodata={first:g}"
        raise DiptychError(message)
    return np.where(empty, 0, numbers).astype(np.uint8)


def _by_colour(shown: np.ndarray, domain: Domain, empty: np.ndarray, path: Path) -> np.ndarray:
    codes, classes = shown.astype(np.int64) @ _CODE, colours(domain).astype(np.int64) @ _CODE
    order = np.argsort(classes, kind="stable")
    place = order[np.searchsorted(classes, codes, sorter=order).clip(max=len(classes) - 1)]
    wrong = (classes[place] != codes) & ~empty
    if wrong.any():
        raise DiptychError(
            f"{path}: colour #{codes[wrong][0]:06x} in {wrong.sum():,} pixels is not in the "
            f"palette of {domain.name}; JPEG blurs labels: keep them as PNG"
        )
    return np.asarray(place.astype(np.uint8))
