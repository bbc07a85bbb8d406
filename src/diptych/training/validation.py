"""Validation: the generator as it would translate, scored on pairs it was not trained on."""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import nn

from diptych.evaluation.scores import Scorer
from diptych.images.encoding import Colour, decode, encode
from diptych.networks import at_test_time

AT_ONCE = 8  # pictures in a forward pass


class Validator:
    """Translates and scores the same pairs each time.

    `sources` and `targets`: `(N, H, W, 3 or 4)` uint8, and how the network sees them. Noise, where
    the recipe has it at test time, is the same each time, and the random numbers of training are
    left as they were.
    """

    def __init__(
        self,
        pictures: tuple[np.ndarray, np.ndarray],
        names: Sequence[str],
        colours: tuple[Colour, Colour],
        scorer: Scorer,
        tester: nn.Module,
        noisy: bool,
    ) -> None:
        self.sources, self.targets = pictures
        self.names, self.colours = names, colours
        self.scorer = scorer
        self.tester = at_test_time(tester, noisy)

    @torch.no_grad()
    def translate(self, weights: Mapping[str, torch.Tensor]) -> np.ndarray:
        """The sources translated with `weights`: pictures as the targets are."""
        self.tester.load_state_dict(dict(weights))
        device = next(self.tester.parameters()).device
        forked = [device.index or 0] if device.type == "cuda" else []
        translated = []
        with torch.random.fork_rng(forked):
            torch.manual_seed(0)
            for start in range(0, len(self.sources), AT_ONCE):
                batch = torch.from_numpy(self.sources[start : start + AT_ONCE].copy()).to(device)
                outputs = self.tester(encode(batch, self.colours[0]))
                translated.append(decode(outputs, self.colours[1], batch))
        return np.concatenate(translated)

    def score(self, translated: np.ndarray) -> list[dict[str, float]]:
        """The scores of every translated picture."""
        return self.scorer(translated, self.targets)
