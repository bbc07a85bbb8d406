"""Validation: the generator as it would translate, scored on pairs it was not trained on."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import torch

from diptych.batch_share import Share
from diptych.data.crops import pictures_to_validate
from diptych.data.pairs import evenly_spread
from diptych.evaluation.scores import default_scorer
from diptych.evaluation.summary import PictureScores
from diptych.evaluation.units import score_in_domain
from diptych.images.encoding import decode, encode
from diptych.networks import at_test_time, build_generator
from diptych.networks.odd_sizes import take_any_size
from diptych.training.plan import Plan
from diptych.training.soundness import Diverged
from diptych.training.together import Processes
from diptych.training.trackers import Tracker

AT_ONCE = 8  # pictures in a forward pass
ALL = slice(None)


class Scored(NamedTuple):
    """Pictures that were translated, as `Validator.translate` gives them, and their scores."""

    translated: np.ndarray
    scores: list[PictureScores]


class Validator:
    """Translates and scores the same pairs each time.

    `sources` and `targets`: `(N, H, W, C)`, arrays of their domains. Noise, where the recipe has
    it at test time, is the same each time, and training's random numbers are left as they were.
    """

    def __init__(self, plan: Plan, device: torch.device, tracker: Tracker) -> None:
        """Of pairs evenly spread over the plan's."""
        recipe, pairs = plan.recipe, plan.data.splits["val"]
        chosen = evenly_spread(pairs, recipe.train.validation_pairs)
        self.names, self.domains = [pair.name for pair in chosen], plan.domains
        self.sources, self.targets = pictures_to_validate(
            chosen, recipe, plan.domains, tracker.decoded
        )
        self.scorer = default_scorer(device, border=plan.scale)
        tester = build_generator(recipe.generator.name, **plan.generator_options).to(device)
        take_any_size(tester)
        self.noisy, self.device = recipe.test.dropout, device
        self.tester = at_test_time(tester, self.noisy)

    def scored(self, weights: Mapping[str, torch.Tensor], processes: Processes) -> Scored | None:
        """A process's share of the sources, translated and scored; None where it has none.

        With noise, which is drawn from the first picture on, all are the first process's.
        """
        total = len(self.sources)
        share = Share.of_process(total, processes.number, processes.count)
        if self.noisy:
            share = Share(total, 0, total, counts=processes.first)
        if not share.counts:
            return None
        translated = self.translate(weights, share.rows)
        return Scored(translated, self.score(translated, share.rows))

    @torch.no_grad()
    def translate(self, weights: Mapping[str, torch.Tensor], own: slice = ALL) -> np.ndarray:
        """The sources, or its `own`, translated with `weights`, in the domain of the targets.

        Raises Diverged where what comes out is not finite.
        """
        own_sources = self.sources[own]
        self.tester.load_state_dict(dict(weights))
        forked = [self.device.index or 0] if self.device.type == "cuda" else []
        translated = []
        with torch.random.fork_rng(forked):
            torch.manual_seed(0)
            for start in range(0, len(own_sources), AT_ONCE):
                sources = own_sources[start : start + AT_ONCE]
                batch = torch.from_numpy(sources.copy()).to(self.device)
                outputs = self.tester(encode(batch, self.domains[0]))
                if not bool(outputs.isfinite().all()):
                    raise Diverged("what the generator makes is not finite")
                translated.append(decode(outputs, self.domains[1], batch, self.domains[0]))
        return np.concatenate(translated)

    def score(self, translated: np.ndarray, own: slice = ALL) -> list[PictureScores]:
        """The scores of every translated picture."""
        return score_in_domain(self.scorer, translated, self.targets[own], self.domains[1])
