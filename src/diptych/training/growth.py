"""A run without a budget: it learns as long as it gets better, and then lets the rate fall."""

from dataclasses import asdict, dataclass
from typing import Any

from diptych.schema import Recipe

BETTER = 0.005  # by such a share of the best score a score is better
PATIENCE = 0.25  # of all steps so far without a better score
LEAST = 1500  # and at least so many


@dataclass
class Growth:
    """What validations said, and what follows from it.

    A phase lasts until the score, lower is better, has not become better for a quarter of all
    steps, and of 1,500. Where a discriminator waits for its turn a second phase begins with it.
    After the last phase the rate falls for a `decay` share of all steps.
    """

    decay: float
    waiting: bool  # a discriminator, for its turn
    best: float | None = None  # score of this phase
    best_step: int = 0
    decay_from: int | None = None

    def learned(self, step: int, score: float) -> None:
        """A validation at a step came to a score; what follows, follows from it alone."""
        if self.decay_from is not None:
            return
        if self.best is None or score < self.best * (1 - BETTER):
            self.best, self.best_step = score, step
        elif step - self.best_step >= max(LEAST, PATIENCE * step):
            self.best, self.best_step = None, step
            if self.waiting:
                self.waiting = False
            else:
                self.decay_from = step

    @property
    def end(self) -> int | None:
        """The step after the last; None as long as it is not known."""
        if self.decay_from is None:
            return None
        return round(self.decay_from / (1 - self.decay))

    def progress(self, step: int) -> float:
        """What of the run is done: `1 - decay` when the rate begins to fall; 0 before."""
        if self.end is None or self.decay_from is None:
            return 0.0
        fallen = (step - self.decay_from) / max(self.end - self.decay_from, 1)
        return min(1.0, 1 - self.decay * (1 - fallen))

    @property
    def shortest(self) -> int:
        """Steps that a run has at the least, from here on."""
        return round(LEAST * (2 if self.waiting else 1) / (1 - self.decay))

    def state_dict(self) -> dict[str, Any]:
        """What a checkpoint keeps."""
        return asdict(self)

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a checkpoint's."""
        for name, value in state.items():
            setattr(self, name, value)


def growth_of(recipe: Recipe) -> Growth:
    """That of a run which begins."""
    return Growth(recipe.train.decay, waiting=recipe.loss.waits > 0)
