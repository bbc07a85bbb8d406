"""Validation: the generator as it would translate, scored on pairs it was not trained on."""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import nn

from diptych.data.crops import pictures_to_validate
from diptych.data.domains import Domains
from diptych.data.pairs import evenly_spread
from diptych.evaluation.scores import Scorer, default_scorer
from diptych.evaluation.units import score_in_domain
from diptych.images.encoding import decode, encode
from diptych.networks import at_test_time, build_generator
from diptych.training.plan import Plan
from diptych.training.trackers import Tracker
from diptych.weights import GET_HINT

AT_ONCE = 8  # pictures in a forward pass


class Validator:
    """Translates and scores the same pairs each time.

    `sources` and `targets`: `(N, H, W, C)`, arrays of their domains. Noise, where
    the recipe has it at test time, is the same each time, and the random numbers of training are
    left as they were.
    """

    def __init__(
        self,
        pictures: tuple[np.ndarray, np.ndarray],
        names: Sequence[str],
        domains: Domains,
        scorer: Scorer,
        tester: nn.Module,
        noisy: bool,
    ) -> None:
        self.sources, self.targets = pictures
        self.names, self.domains = names, domains
        self.scorer = scorer
        self.tester = at_test_time(tester, noisy)

    @torch.no_grad()
    def translate(self, weights: Mapping[str, torch.Tensor]) -> np.ndarray:
        """The sources translated with `weights`, in the domain of the targets."""
        self.tester.load_state_dict(dict(weights))
        device = next(self.tester.parameters()).device
        forked = [device.index or 0] if device.type == "cuda" else []
        translated = []
        with torch.random.fork_rng(forked):
            torch.manual_seed(0)
            for start in range(0, len(self.sources), AT_ONCE):
                batch = torch.from_numpy(self.sources[start : start + AT_ONCE].copy()).to(device)
                outputs = self.tester(encode(batch, self.domains[0]))
                translated.append(decode(outputs, self.domains[1], batch, self.domains[0]))
        return np.concatenate(translated)

    def score(self, translated: np.ndarray) -> list[dict[str, float]]:
        """The scores of every translated picture."""
        return score_in_domain(self.scorer, translated, self.targets, self.domains[1])


def validator_of(plan: Plan, device: torch.device, tracker: Tracker) -> Validator:
    """A validator for pairs that are evenly spread over the plan's, on a device."""
    recipe, pairs = plan.recipe, plan.data.splits["val"]
    chosen = [pairs[i] for i in evenly_spread(len(pairs), recipe.train.validation_pairs)]
    pictures = pictures_to_validate(chosen, recipe, plan.domains, tracker.decoded)
    scorer = default_scorer(device, border=plan.scale)
    if not scorer.has_lpips:
        tracker.note(f"validating by SSIM and L1. {GET_HINT}")
    tester = build_generator(recipe.generator.name, **plan.generator_options).to(device)
    names = [pair.name for pair in chosen]
    return Validator(pictures, names, plan.domains, scorer, tester, recipe.test.dropout)
