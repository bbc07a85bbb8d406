"""Pairs that are there twice: found by a hash of both sides, confirmed by their pixels.

A hash alone will not do: plain products on white share it in hundreds. Neither will a difference in
gray levels: tiles of open sea differ by one level. So the difference is taken relative to what the
pictures show, and on both sides.
"""

from collections.abc import Callable, Iterator
from functools import lru_cache

import numpy as np
from PIL import Image

from diptych.data.pairs import Pair, sides
from diptych.doctor.findings import Finding, Place, Sureness, count
from diptych.doctor.look import THUMB, small
from diptych.doctor.survey import Survey, view_of

_SIDE = 64  # pixels, at which both are compared in colour
# Root mean square of the difference over the standard deviation of what is shown, as the mean of
# both sides and on the worse one. Of 36 copies at .6 to 1 times the size, saved as JPEG of quality
# 50 to 90, the means are .24 at most and the worse side .34, but for one of .43 (thin lines). Of
# different pairs the lowest means are .35 (open sea, one side empty) and .50 (edges2shoes).
_SAME = 0.24, 0.38
_PRUNED = 0.22, 0.42  # on gray thumbnails, before a file is opened again: .20 and .38 at most
_EMPTY = 3.0  # levels of 255: a side with a lower deviation has nothing to compare
# Copies differ by at most 7 of the 128 bits (95 % of those at half the size and quality 60, all
# that were only saved again): one of 8 parts of 16 bits is then equal.
_BITS, _PARTS, _APART = 16, 8, 7
_EXACT = "the same as"
_NEIGHBOURS = 16  # that each is compared with among those with an equal part


def duplicates(survey: Survey) -> Iterator[Finding]:
    """Copies within a split, and copies of held-out pairs in training."""
    thumbnails = lru_cache(maxsize=256)(_thumbnails)
    order = ("test", "val", "train")  # what is held out stays: its copies go from training
    within: list[Place] = []
    leaks: list[Place] = []
    for group in _groups(survey, thumbnails):
        ranked = sorted(group, key=lambda n: (min(map(order.index, survey.splits[n])), n))
        kept = ranked[0]
        for number in ranked[1:]:
            one, other = (thumbnails(survey.pairs[n]) for n in (number, kept))
            exact = one is not None and other is not None and np.array_equal(one, other)
            detail = f"{_EXACT if exact else f'nearly {_EXACT}'} {survey.file(kept, 0)}"
            leak = set(survey.splits[number]) != set(survey.splits[kept])
            if leak:
                detail += f", {'/'.join(survey.splits[number])} and {'/'.join(survey.splits[kept])}"
            (leaks if leak else within).append(survey.place(number, 0, detail, kept))
    if leaks:
        message = f"{count(len(leaks), 'pair')} in two splits at once"
        advice = (
            "scores flatter where a model has trained on what it is scored on: leave it out "
            "of training"
        )
        yield Finding("leak", "warning", _sure(leaks), message, advice, leaks, leave_out=True)
    if within:
        message = f"{count(len(within), 'pair')} there twice in a split"
        advice = "it counts twice in training, and in the scores: leave one out"
        yield Finding(
            "duplicate", "warning", _sure(within), message, advice, within, leave_out=True
        )


def _sure(places: list[Place]) -> Sureness:
    return "certain" if all(place.detail.startswith(_EXACT) for place in places) else "likely"


def _groups(survey: Survey, thumbnails: Callable[[Pair], np.ndarray | None]) -> list[list[int]]:
    """Numbers of pairs that are copies of each other."""
    leader = list(range(len(survey.pairs)))

    def lead(number: int) -> int:
        while leader[number] != number:
            leader[number] = leader[leader[number]]
            number = leader[number]
        return number

    for first, second in candidates(survey):
        if lead(first) == lead(second):
            continue
        one, other = thumbnails(survey.pairs[first]), thumbnails(survey.pairs[second])
        if one is None or other is None:
            continue
        if alike_in_pixels(one[None], other[None], _SAME).all():
            leader[max(lead(first), lead(second))] = min(lead(first), lead(second))
    groups: dict[int, list[int]] = {}
    for number in range(len(leader)):
        groups.setdefault(lead(number), []).append(number)
    return [group for group in groups.values() if len(group) > 1]


def candidates(survey: Survey) -> list[tuple[int, int]]:
    """Pairs that may be copies, by their hashes and thumbnails; linear in the number of pairs."""
    whole = survey.looks_of_pairs()
    if len(whole) < 2:
        return []
    numbers = np.array(list(whole))
    hashes = np.array([[look.hash for look in looks] for looks in whole.values()], np.uint64)
    bits = np.unpackbits(hashes.view(np.uint8).reshape(len(whole), -1), axis=1)
    thumbs = np.frombuffer(
        b"".join(look.thumb for looks in whole.values() for look in looks), np.uint8
    ).reshape(len(whole), -1, THUMB, THUMB, 1)
    # The bits are dealt out by chance, the same each time, so that each part has some of every
    # region. Many pairs may still share a part; of those the most alike come to lie together.
    random = np.random.default_rng(0)
    dealings = [random.permutation(bits.shape[1]) for _ in range(_BITS * _PARTS // bits.shape[1])]
    dealt = np.concatenate(dealings).reshape(_PARTS, _BITS)
    alike = thumbs.reshape(len(whole), -1) @ random.normal(size=thumbs[0].size).astype(np.float32)
    close_pairs = [np.zeros((0, 2), np.int64)]
    for part in dealt:
        keys = bits[:, part] @ (1 << np.arange(_BITS))
        order = np.lexsort((alike, keys))
        for step in range(1, min(_NEIGHBOURS, len(order) - 1) + 1):
            both = np.stack([order[:-step], order[step:]], axis=1)
            both = both[keys[both[:, 0]] == keys[both[:, 1]]]
            close = (bits[both[:, 0]] != bits[both[:, 1]]).sum(axis=1) <= _APART
            close_pairs.append(np.sort(both[close], axis=1))
    places = np.unique(np.concatenate(close_pairs), axis=0)
    kept = [
        chunk[alike_in_pixels(thumbs[chunk[:, 0]], thumbs[chunk[:, 1]], _PRUNED)]
        for chunk in np.array_split(places, 1 + len(places) // 4096)
    ]
    return [(int(a), int(b)) for a, b in numbers[np.concatenate(kept)]]


def alike_in_pixels(one: np.ndarray, other: np.ndarray, limits: tuple[float, float]) -> np.ndarray:
    """Whether pictures `(N, sides, H, W, C)` uint8 show the same, `(N,)`: see `_SAME`.

    Sides that show nothing have to be alike, and at least one side has to show something.
    """
    mean, worse = limits
    first, second = one.astype(np.float32), other.astype(np.float32)
    pixels = (2, 3, 4)
    apart = np.sqrt(((first - second) ** 2).mean(axis=pixels))
    spread = sum(
        np.sqrt(((p - p.mean(axis=(2, 3), keepdims=True)) ** 2).mean(axis=pixels)) / 2
        for p in (first, second)
    )
    shows = spread >= _EMPTY
    shares = np.where(shows, apart / np.maximum(spread, _EMPTY), 0)
    alike = (shares.sum(axis=1) <= mean * shows.sum(axis=1)) & (shares.max(axis=1) <= worse)
    alike &= shows.any(axis=1) & (np.where(shows, 0, apart) <= _EMPTY).all(axis=1)
    same = (one == other).all(axis=(1, 2, 3, 4)) & (one != one[:, :, :1, :1]).any(axis=(1, 2, 3, 4))
    return np.asarray(alike | same)


def _thumbnails(pair: Pair) -> np.ndarray | None:
    """`(sides, _SIDE, _SIDE, 3)` uint8; None where a file has gone bad since."""
    views = [view for picture in sides(pair) if (view := view_of(picture)) is not None]
    if len(views) < len(sides(pair)):
        return None
    return np.stack([small(Image.fromarray(view), _SIDE) for view in views])
