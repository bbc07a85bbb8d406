"""Validation: the generator as it would translate, scored on pairs it was not trained on."""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import nn

from diptych.data.batches import to_pictures, to_unit_range
from diptych.evaluation.scores import Scorer
from diptych.networks import at_test_time

AT_ONCE = 8  # pictures in a forward pass


class Validator:
    """Translates and scores the same pairs each time.

    `pairs`: `(N, 2, S, S, 3)` uint8. Noise of dropout, where the recipe has it at test time, is the
    same each time, and the random numbers of training are left as they were.
    """

    def __init__(
        self,
        pairs: np.ndarray,
        names: Sequence[str],
        scorer: Scorer,
        tester: nn.Module,
        dropout: bool,
    ) -> None:
        self.names = names
        self.sources, self.targets = pairs[:, 0], pairs[:, 1]
        self.scorer, self.dropout = scorer, dropout
        self.tester = at_test_time(tester, dropout)

    @torch.no_grad()
    def translate(self, weights: Mapping[str, torch.Tensor]) -> np.ndarray:
        """The sources translated with `weights`: `(N, S, S, 3)` uint8."""
        self.tester.load_state_dict(dict(weights))
        device = next(self.tester.parameters()).device
        forked = [device.index or 0] if device.type == "cuda" else []
        translated = []
        with torch.random.fork_rng(forked):
            torch.manual_seed(0)
            for start in range(0, len(self.sources), AT_ONCE):
                batch = torch.from_numpy(self.sources[start : start + AT_ONCE].copy())
                translated.append(to_pictures(self.tester(to_unit_range(batch.to(device)))))
        return np.concatenate(translated)

    def score(self, translated: np.ndarray) -> list[dict[str, float]]:
        """The scores of every translated picture."""
        return self.scorer(translated, self.targets)
