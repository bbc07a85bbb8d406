"""Which pictures lie in one file: those whose paths have like hashes.

The hash's bits part them, first by the first bit, then by the next, until no part holds too much.
So a picture that comes, goes or changes touches one part alone, or two where one is parted or two
are joined, however many there are; where it is listed, and beside what, does not matter.
"""

import hashlib
from collections.abc import Sequence

import numpy as np

MOST = 4000  # pictures in a part
PART_BYTES = 2**30  # about, of pictures that are large
FILE_BYTES = 2**28  # of the files they come from, where nothing says how large they are inside


def most_at(picture_bytes: int) -> int:
    """How many pictures of a size a part has at most."""
    return max(1, min(MOST, PART_BYTES // max(1, picture_bytes)))


def buckets(
    places: Sequence[str], weights: Sequence[int], most: int, heaviest: int
) -> list[list[int]]:
    """Numbers of `places`, parted: at most `most` together, and of a weight of at most `heaviest`.

    Those of one place stay together.
    """
    hashes = np.array([_hash(place) for place in places], np.uint64)
    order = np.argsort(hashes, kind="stable")
    hashes, before = hashes[order], np.concatenate([[0], np.cumsum(np.asarray(weights)[order])])
    parted: list[list[int]] = []

    def part(start: int, stop: int, bit: int) -> None:
        fits = stop - start <= most and before[stop] - before[start] <= heaviest
        if start == stop:
            return
        if fits or bit < 0 or hashes[start] == hashes[stop - 1]:
            parted.append(order[start:stop].tolist())
            return
        ones = (hashes[start:stop] >> np.uint64(bit)) & np.uint64(1)
        middle = stop - int(ones.sum())
        part(start, middle, bit - 1)
        part(middle, stop, bit - 1)

    part(0, len(order), 63)
    return parted


def _hash(place: str) -> int:
    encoded = place.encode("utf-8", "surrogateescape")
    return int.from_bytes(hashlib.blake2b(encoded, digest_size=8).digest())
