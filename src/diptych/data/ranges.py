"""From where to where the numbers of one side run, found without holding its pictures."""

from collections.abc import Sequence

import numpy as np

from diptych.data.pairs import Picture, evenly_spread
from diptych.errors import DiptychError
from diptych.images.domain import Domain, Range
from diptych.schema import DomainSettings

RANGED = 100  # training pictures from which a range is taken, evenly spread
SAMPLED = 2**22  # numbers of a channel, at most, that percentiles are told by


def find_range(
    domain: Domain, settings: DomainSettings, pictures: Sequence[Picture]
) -> tuple[Range, ...]:
    """What -1 and 1 stand for: one for all channels or one for each.

    Raises DiptychError where the settings do not fit the numbers, or there are none.
    """
    if not isinstance(settings.range, str):
        ranges = settings.range if isinstance(settings.range[0], tuple) else (settings.range,)
        if len(ranges) not in (1, domain.channels):
            raise DiptychError(
                f"domain.{domain.name}.range: {len(ranges)} ranges for {domain.channels} channels"
            )
        return tuple((float(low), float(high)) for low, high in ranges)
    if settings.range == "dtype" or (settings.range == "auto" and domain.dtype == "uint8"):
        if np.dtype(domain.dtype).kind == "f":
            raise DiptychError(
                f"domain.{domain.name}.range: {domain.dtype} has no range of its own: "
                "give [lo, hi] or percentile:1,99"
            )
        limits = np.iinfo(domain.dtype)
        return ((float(limits.min), float(limits.max)),)
    chosen = evenly_spread(pictures, RANGED)
    spreads = [Spread(len(chosen)) for _ in range(domain.channels)]
    read = 0
    for picture in chosen:
        try:
            values = picture.read(domain)
        except DiptychError:  # what reads all of them says so
            continue
        read += 1
        for spread, channel in zip(spreads, np.moveaxis(values, -1, 0), strict=True):
            spread.add(channel[np.isfinite(channel) & (channel != domain.void)])
    if not read:
        pictures[0].read(domain)  # which says why
    return tuple(_ends(spread.between(settings.percentiles()), domain.name) for spread in spreads)


def _ends(found: Range | None, name: str) -> Range:
    if found is None:
        raise DiptychError(f"{name}: no data in any of the pictures looked at")
    low, high = found
    return (low, high) if low < high else (low, low + 1)


class Spread:
    """Of one channel of several pictures: its ends exactly, what lies between by a sample.

    Of each picture an equal share is sampled, evenly spread over it; all of it, where that is less.
    """

    def __init__(self, pictures: int) -> None:
        self._share = max(1, SAMPLED // max(1, pictures))
        self._ends: list[float] = []
        self._sample: list[np.ndarray] = []

    def add(self, values: np.ndarray) -> None:
        """The numbers of another picture, without those that stand for no data."""
        if values.size:
            self._ends += [float(values.min()), float(values.max())]
            self._sample.append(values.ravel()[:: -(-values.size // self._share)].copy())

    def between(self, percentiles: tuple[float, float]) -> Range | None:
        """The numbers at two percentiles; None where there were no numbers at all."""
        if not self._ends:
            return None
        found = {0.0: min(self._ends), 100.0: max(self._ends)}
        inner = [percentile for percentile in percentiles if percentile not in found]
        if inner:
            numbers = np.percentile(np.concatenate(self._sample), inner).tolist()
            found |= dict(zip(inner, numbers, strict=True))
        low, high = (found[percentile] for percentile in percentiles)
        return low, high
