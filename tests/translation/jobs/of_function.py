"""A translator that is a function of arrays, for tests of what is around it."""

from collections.abc import Callable

import numpy as np

from diptych import model_file
from diptych.images.domain import plain
from diptych.model_file import Dataset, Header, Network
from diptych.translation.translator import Translator


class OfFunction(Translator):
    """Translates `(N, H, W, 3)` by a function, so many pictures at once."""

    threads = 1

    def __init__(self, function: Callable[[np.ndarray], np.ndarray], at_once: int = 1) -> None:
        super().__init__(
            Header(
                generator=Network(name="unet", options={}),
                size_multiple=32,
                crop_size=(32, 32),
                source=plain("labels"),
                target=plain("photo"),
                test=model_file.TestTime(),
                dataset=Dataset(fingerprint="", pairs={}),
                recipe={},
            )
        )
        self.function, self.at_once = function, at_once

    def run(self, pictures: np.ndarray) -> np.ndarray:
        """What the function says."""
        return self.function(pictures)

    def _foretold(self, source: np.ndarray) -> np.ndarray:
        raise AssertionError("takes no look")

    def together(self, *_: int) -> int:
        """As it was told."""
        return self.at_once
