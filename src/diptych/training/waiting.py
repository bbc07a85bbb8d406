"""How much of training is waiting for data, and what to do where it is much."""

import time
from collections.abc import Callable

from diptych.data.ahead import Ahead
from diptych.data.batches import Batch, Batches
from diptych.schema import Recipe

MUCH = 0.1


class Waiting:
    """Hands out batches, and knows how long each kept the step waiting."""

    def __init__(self, batches: Batches, recipe: Recipe, note: Callable[[str], None]) -> None:
        self._at = Ahead(batches).at if batches.device.type == "cuda" else batches.at
        self.recipe, self.note = recipe, note
        self.seconds = 0.0  # since the last line of the log
        self._lines, self._said = 0, False

    def batch(self, step: int) -> Batch:
        """Batch number `step`."""
        begun = time.monotonic()
        batch = self._at(step)
        self.seconds += time.monotonic() - begun
        return batch

    def share(self, seconds: float) -> float:
        """The share of the last `seconds`, from 0 to 1; the count begins anew.

        Where it is much a note says so, once; not of the first line, when files are read first.
        """
        share, self.seconds = self.seconds / seconds, 0.0
        self._lines += 1
        if share > MUCH and self._lines > 1 and not self._said:
            self._said = True
            self.note(f"{share:.0%} of the time goes into waiting for pairs: {advice(self.recipe)}")
        return round(share, 4)


def advice(recipe: Recipe) -> str:
    """What makes batches faster."""
    augment = recipe.augment
    if recipe.derive.kind != "none":
        return "their sources are made each time; `diptych data derive` makes pairs of them once"
    if augment.rotation or augment.colour or set(augment.scale) != {1}:
        return "augment.rotation, augment.scale and augment.colour are what takes long"
    if recipe.data.fit == "patches":
        return "large pictures are read from the cache: put DIPTYCH_CACHE on a fast disk"
    return "a smaller data.load_size, or DIPTYCH_CACHE on a faster disk, makes it less"
