"""How long training goes on, what rate follows from it, and what may be done beside it."""

from dataclasses import dataclass

from torch import nn


@dataclass(frozen=True)
class Budget:
    """So many steps, or where `minutes` is not 0 so much wall clock."""

    steps: int
    minutes: float = 0.0

    def finished(self, step: int, finished_minutes: float) -> bool:
        """Whether a run that stands there has nothing left to do."""
        return finished_minutes >= self.minutes if self.minutes else step >= self.steps

    def progress(self, step: int, seconds: float, reserved: float = 0.0) -> float:
        """The share that is used up, from 0 to 1; `reserved` seconds are not for training.

        None before the first step, so that there is one, however little time is given.
        """
        if step == 0:
            return 0.0
        if not self.minutes:
            return min(1.0, step / self.steps)
        return min(1.0, seconds / max(60 * self.minutes - reserved, 1e-9))


def rate_factor(progress: float) -> float:
    """Constant for the first half, then falling linearly to 0."""
    return min(1.0, 2 * (1 - progress))


class Upkeep:
    """When validations and checkpoints are due under a wall-clock budget.

    Together they stay under 5 % of it: 3 % on the way, the rest kept for the end. What the next one
    costs is what the last one did; a first checkpoint is expected to write 200 MB a second.
    """

    SHARE = 0.03
    ROUNDS = 20  # at most so many validations on the way
    BYTES_PER_SECOND = 2e8

    def __init__(self, budget: Budget, generator: nn.Module, spent: float) -> None:
        self.budget = budget
        self.spent = spent
        size = sum(p.numel() * p.element_size() for p in generator.parameters())
        # Weights and Adam's two moments; the discriminator and the average add about a third.
        self.costs = {"checkpoint": 4 * size / self.BYTES_PER_SECOND, "validation": 0.0}

    def record(self, kind: str, seconds: float) -> None:
        """A validation or a checkpoint took so long."""
        self.spent += seconds
        self.costs[kind] = seconds

    def affordable(self, kind: str, seconds: float) -> bool:
        """Whether one more would stay within the share of the `seconds` gone by."""
        return self.spent + self.costs[kind] <= self.SHARE * seconds

    def due(self, seconds: float, since: float) -> bool:
        """Whether to validate now, the last time having been `since` seconds ago."""
        spaced = since >= 60 * self.budget.minutes / self.ROUNDS
        return spaced and self.affordable("validation", seconds)

    def reserve(self) -> float:
        """Seconds to leave for the last validation and checkpoint."""
        return sum(self.costs.values())
