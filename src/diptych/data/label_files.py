"""Labels that lie in files: which numbers or colours they are, also where nobody said so.

Label maps and few-level photos can hold the same numbers. Measured over the known label sets and
over photos, scans and depths reduced to few levels: in label maps neighbours are alike (.86 of them
and more), hardly a pixel stands alone (.003), and where regions meet their numbers differ by
anything; in pictures of light or height mostly by one step. Depths in steps of a metre, holes
beside them, cannot be told from classes.
"""

from collections.abc import Iterator, Sequence

import numpy as np

from diptych.data.pairs import Picture, evenly_spread
from diptych.errors import DiptychError
from diptych.images.description import Description
from diptych.images.values import probe, read_values

VOID = 255  # what stands beside the numbers of classes where a pixel has none
MOST = 64  # classes that are concluded
_PIXELS = 2**27  # looked at, so that a small set is looked at whole
_LEAST, _PICTURES = 24, 1000
_HEADERS = 400
_ALIKE = 0.8  # of neighbours, at least
_ALONE = 0.004  # of pixels, at most


def headers_of(pictures: Sequence[Picture]) -> list[Description]:
    """What files evenly spread over a side say of themselves; those that are bad say nothing.

    Raises DiptychError where all are bad, the first one's.
    """
    headers = []
    for picture in evenly_spread(pictures, _HEADERS):
        try:
            headers.append(probe(picture.path))
        except DiptychError:
            continue
    return headers or [probe(pictures[0].path)]


def concluded_classes(
    pictures: Sequence[Picture], nodata: float | None = None
) -> tuple[int, bool] | None:
    """How many classes pictures of one channel hold, and whether 255 stands for none beside them.

    None where they are no labels, as far as their numbers tell: 0 to K - 1 in all of them, K from 3
    to MOST, in regions of one number each. `nodata` is none of the numbers.
    """
    seen = np.zeros(256, np.int64)
    neighbours = np.zeros(4, np.int64)
    for numbers in _numbers_of(pictures):
        counts = np.bincount(numbers.reshape(-1), minlength=256)
        if nodata is not None and nodata in range(256):
            counts[int(nodata)] = 0
        if counts[MOST:VOID].any():
            return None
        seen += counts
        if neighbours[0] < _PIXELS // 8:
            neighbours += _neighbours(numbers)
    own = np.flatnonzero(seen[:VOID])
    classes = int(own[-1]) + 1 if own.size else 0
    pairs, alike, a_step, alone = neighbours.tolist()
    ordered = a_step / max(1, pairs - alike)
    if (
        own.size < max(3, classes / 2)
        or alike < _ALIKE * pairs
        or alone > _ALONE * pairs / 2
        or ordered > min(0.95, 2 / classes + 0.3)  # by chance it would be 2 / classes
    ):
        return None
    return classes, bool(seen[VOID])


def used_colours(pictures: Sequence[Picture]) -> tuple[str, ...]:
    """The colours that indexed pictures show, each by its own table, in order of their codes.

    Raises DiptychError where they are more than labels have.
    """
    colours: set[str] = set()
    for picture, values in _values_of(pictures):
        table = probe(picture.path).palette
        colours.update(
            table[number] for number in np.unique(values).tolist() if number < len(table)
        )
        if len(colours) > 256:
            raise DiptychError(f"{picture.path}: the 257th colour: labels are 256 at most")
    return tuple(sorted(colours))


def black_and_white(pictures: Sequence[Picture]) -> bool:
    """Whether pictures are masks of 0 and 255, in gray or in colours that are gray."""
    seen = False
    for _, values in _values_of(pictures):
        white = values == VOID
        if not ((values == 0) | white).all() or (white != white[..., :1]).any():
            return False
        seen = seen or bool(white.any())
    return seen


def highest_number(pictures: Sequence[Picture]) -> int:
    """The highest that indexed pictures hold, 255 aside."""
    highest = [numbers[numbers != VOID].max(initial=0) for numbers in _numbers_of(pictures)]
    return int(max(highest, default=0))


def without_padding(table: tuple[str, ...]) -> tuple[str, ...]:
    """A colour table without the colours at its end that repeat earlier ones."""
    length = len(table)
    while length > 1 and table[length - 1] in table[: length - 1]:
        length -= 1
    return table[:length]


def _looked_at(pictures: Sequence[Picture]) -> list[Picture]:
    try:
        width, height = pictures[0].size
    except DiptychError:
        width = height = 1024
    return evenly_spread(pictures, min(_PICTURES, max(_LEAST, _PIXELS // (width * height))))


def _values_of(pictures: Sequence[Picture]) -> Iterator[tuple[Picture, np.ndarray]]:
    """Some of the pictures, and their values `(H, W, C)`."""
    for picture in _looked_at(pictures):
        try:
            values = picture.of(read_values(picture.path))
        except DiptychError:  # what reads all of them says so
            continue
        yield picture, values


def _numbers_of(pictures: Sequence[Picture]) -> Iterator[np.ndarray]:
    """The numbers `(H, W)` uint8 of pictures that can be read and have one such channel."""
    for _, values in _values_of(pictures):
        if values.dtype == np.uint8 and values.shape[2] == 1:
            yield values[..., 0]


def _neighbours(numbers: np.ndarray) -> np.ndarray:
    """Pairs of neighbours, those alike, those a step apart, and pixels unlike all around them."""
    signed = numbers.astype(np.int16)
    down, right = (np.abs(np.diff(signed, axis=axis)) for axis in (0, 1))
    rows, columns = down[:, 1:-1] > 0, right[1:-1] > 0
    alone = rows[:-1] & rows[1:] & columns[:, :-1] & columns[:, 1:]
    both = np.concatenate([down.reshape(-1), right.reshape(-1)])
    return np.array([both.size, (both == 0).sum(), (both == 1).sum(), alone.sum()])
