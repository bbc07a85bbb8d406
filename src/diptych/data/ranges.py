"""From where to where numbers run, picture after picture, without holding the pictures."""

import numpy as np

from diptych.images.domain import Range

SAMPLED = 2**22  # numbers of a channel, at most, that percentiles are told by


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
