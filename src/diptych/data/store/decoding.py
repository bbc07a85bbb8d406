"""Pictures decoded, brought to their size, on all cores and in order."""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

import numpy as np

from diptych.data.fitting import Size, array_size
from diptych.data.pairs import Item, Pair, Picture
from diptych.data.store.wanted import PartPlan
from diptych.errors import DiptychError
from diptych.images.arrays import resized

# Pillow lets go of the interpreter while it decodes and resizes, so that threads use every core.
DECODERS = min(16, os.cpu_count() or 1)

Result = TypeVar("Result")
Decoded = tuple[np.ndarray | None, Size]  # the picture, and the size it had before


def decode(parts: Sequence[PartPlan], number: int) -> list[Decoded]:
    """Picture `number` of each of the parts, whose files are the same and read once if they can be.

    Raises DiptychError where one that is asked for is bad; one that is not is left out.
    """
    pictures = [part.pictures[number] for part in parts]
    domains = [part.domain for part in parts]
    try:
        if len(pictures) == 2 and isinstance(pictures[1], Picture):
            arrays = list(Pair("", pictures[0], pictures[1]).read((domains[0], domains[1])))
        else:
            arrays = [
                picture.read(domain) for picture, domain in zip(pictures, domains, strict=True)
            ]
    except DiptychError as error:
        if any(part.asked[number] for part in parts):
            hint = "`diptych data check PAIRS --fix FOLDER` finds all such files"
            raise DiptychError(f"{error} ({hint})") from error
        return [(None, (0, 0))] * len(parts)
    return [
        (resized(array, part.fit.of(array_size(array)), part.domain), array_size(array))
        for array, part in zip(arrays, parts, strict=True)
    ]


def in_order(work: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
    """What `work` makes of each, in threads, a few ahead of the one that is taken."""
    with ThreadPoolExecutor(DECODERS) as pool:
        ahead: deque[Future[Result]] = deque()
        for item in items:
            ahead.append(pool.submit(work, item))
            if len(ahead) > 2 * DECODERS:
                yield ahead.popleft().result()
        while ahead:
            yield ahead.popleft().result()
