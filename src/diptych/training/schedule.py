"""How far a run is, and all that follows: the rate, whether D judges, what is due, and the end."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from math import ceil
from typing import Any, Literal

from torch import nn

from diptych.schema import Recipe
from diptych.training.growth import Growth, growth_of

Kind = Literal["validation", "checkpoint"]


class Schedule:
    """The budget of a run, so many steps or so much wall clock, and what of it is used up.

    With a budget of steps, or with none, all that changes a result follows from the steps and the
    scores alone, so that a resumed run repeats it; `Growth` says what ends a run without.

    A run has some thirty validations, whatever its budget, or fewer where they would take too much
    of it. In steps that is a tenth, where a picture validated counts as one trained on. In minutes
    validations and checkpoints are spaced by the time they take: together they stay under 5 % of
    it, 3 % on the way, the rest kept for the end. What the next one costs is what the last one did;
    a first checkpoint is expected to write 200 MB a second.
    """

    ROUNDS = 30  # validations on the way, at most
    SHARE = 0.03  # of the minutes
    STEPS_SHARE = 0.1  # of the steps
    BYTES_PER_SECOND = 2e8
    SLOWER = 1 / 3  # of the rate, wherever training diverged and went back
    SPACING = 0.1  # of all steps so far lie between two validations without a budget
    LEAST = 120  # and at least so many

    def __init__(
        self,
        recipe: Recipe,
        steps: int,
        steps_per_epoch: int,
        generator: nn.Module,
        validated: float = 0.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`steps`: of the whole run; 0 for as many as it takes, where there are no minutes.

        `validated`: pictures looked at in a validation, in batches.
        """
        self.settings, self.steps_per_epoch = recipe.train, steps_per_epoch
        self.least = ceil(validated / self.STEPS_SHARE)  # steps between two validations
        self.minutes, self.steps = recipe.train.minutes, steps
        self.judges_from = recipe.loss.waits
        self.growth: Growth | None = None
        if not self.minutes and not steps:
            self.growth = growth_of(recipe)
        self._next_validation = max(self.LEAST, self.least)
        self.judged_from: int | None = None  # the step at which the discriminator's turn came
        self._fell = False  # whether the rate fell by now
        self.progress = 0.0  # the share of the budget that is used up, from 0 to 1
        self.seconds = 0.0  # of training so far, over all restarts
        self.upkeep = 0.0  # of them spent on validations and checkpoints
        self.finished_minutes = 0.0  # a budget of minutes that was used up
        self.returns = 0  # how often training diverged and went back
        size = sum(p.numel() * p.element_size() for p in generator.parameters())
        # Weights and Adam's two moments; the discriminator and the average add about a third.
        self.costs = {"checkpoint": 4 * size / self.BYTES_PER_SECOND, "validation": 0.0}
        self._clock, self._begun = clock, clock()
        self._last = {"validation": 0.0, "checkpoint": 0.0}  # when it ended, in `seconds`

    def finished(self, step: int) -> bool:
        """Whether a run that stands there has nothing left to do."""
        if self.minutes:
            return self.finished_minutes >= self.minutes
        end = self.steps if self.growth is None else self.growth.end
        return end is not None and step >= end

    @property
    def rate(self) -> float:
        """The learning rate: constant, and in the last part falling linearly to 0."""
        left = (1 - self.progress) / self.settings.decay
        return self.settings.learning_rate * min(1.0, left) * self.SLOWER**self.returns

    def begins_to_fall(self, step: int) -> bool:
        """Whether the rate falls from this step on."""
        fell, self._fell = self._fell, self._falls(self.progress)
        return self._fell and not fell and step > 0

    def _falls(self, progress: float) -> bool:
        return 1 - progress < self.settings.decay

    @property
    def judging(self) -> bool:
        """Whether it is the discriminator's turn."""
        if self.growth is not None:
            return not self.growth.waiting
        return self.progress >= self.judges_from

    @property
    def stepping(self) -> float:
        """Of the `seconds` those that went into steps, not into validations and checkpoints."""
        return self.seconds - self.upkeep

    def begin(self) -> None:
        """The clock runs from here."""
        self._begun = self._clock() - self.seconds
        self._last = {"validation": self.seconds, "checkpoint": self.seconds}

    def tick(self) -> float:
        """Look at the clock; gives `seconds`."""
        self.seconds = self._clock() - self._begun
        return self.seconds

    def goes_on(self, step: int) -> bool:
        """Whether there is a step after so many; `progress` and `rate` are those of that step."""
        self.tick()
        self._advance(step)
        return self.progress < 1

    def _advance(self, step: int) -> None:
        if self.growth is not None:
            share = self.growth.progress(step)
        elif self.minutes and step:
            reserved = sum(self.costs.values())
            share = self.seconds / max(60 * self.minutes - reserved, 1e-9)
        else:  # no progress before the first step: there is one, however little time is given
            share = step / self.steps if self.steps else 0.0
        # What is set aside for the last validation may shrink; the rate does not rise for it.
        self.progress = max(self.progress, min(1.0, share))
        if self.judged_from is None and self.judging:
            self.judged_from = step

    def validation_due(self, step: int) -> bool:
        """Whether to validate now; where minutes are over it is done in any case."""
        if self.growth is not None:
            return step >= self._next_validation or step == self.growth.end
        if not self.minutes:
            return step % self._spacing == 0 or step == self.steps
        spaced = self.tick() - self._last["validation"] >= 60 * self.minutes / self.ROUNDS
        return spaced and self._affordable("validation")

    @property
    def _spacing(self) -> int:
        """Steps between two validations with a budget of steps."""
        said = self.settings.validate_epochs * self.steps_per_epoch
        return said or max(1, ceil(self.steps / self.ROUNDS), self.least)

    def learned(self, step: int, score: float) -> None:
        """A validation came to a score, lower is better."""
        if self.growth is not None:
            self.growth.learned(step, score)
            spacing = max(self.LEAST, self.least, round(self.SPACING * step))
            self._next_validation = step + spacing

    def checkpoint_due(self, step: int) -> bool:
        """Whether to write a checkpoint now; when training ends it is done in any case."""
        if step % self.settings.checkpoint_steps == 0:
            return True
        waited = self.tick() - self._last["checkpoint"]
        spaced = waited >= 60 * self.settings.checkpoint_minutes
        return spaced and (not self.minutes or self._affordable("checkpoint"))

    def _affordable(self, kind: Kind) -> bool:
        """Whether one more would stay within the share of the seconds gone by."""
        return self.upkeep + self.costs[kind] <= self.SHARE * self.seconds

    @contextmanager
    def timed(self, kind: Kind) -> Iterator[None]:
        """A validation or a checkpoint is made in the block: learn what it costs."""
        begun = self.tick()
        yield
        self._last[kind] = self._clock() - self._begun
        self.costs[kind] = self._last[kind] - begun
        self.upkeep += self.costs[kind]

    def finish(self) -> None:
        """The budget is used up."""
        self.finished_minutes = self.minutes

    def state_dict(self) -> dict[str, Any]:
        """What a checkpoint keeps of it."""
        return {
            "seconds": self.seconds,
            "upkeep": self.upkeep,
            "finished_minutes": self.finished_minutes,
            "returns": self.returns,
            "progress": self.progress,
            "judged_from": self.judged_from,
            "growth": None if self.growth is None else self.growth.state_dict(),
            "next_validation": self._next_validation,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a checkpoint's state of training."""
        self.progress = 0.0
        self.seconds, self.upkeep = state["seconds"], state["upkeep"]
        self.finished_minutes = state["finished_minutes"]
        self.returns = state.get("returns", 0)
        if self.growth is not None and state.get("growth") is not None:
            self.growth.load_state_dict(state["growth"])
            self._next_validation = state["next_validation"]
        self._fell = self._falls(state.get("progress", 1.0))
        self.judged_from = state.get("judged_from", 0)
        self._advance(state["step"])

    def go_back(self, state: dict[str, Any]) -> None:
        """Take up an earlier state of training at a lower rate; the clock goes on."""
        seconds, upkeep, returns = self.seconds, self.upkeep, self.returns
        self.load_state_dict(state)
        self.seconds, self.upkeep, self.returns = seconds, upkeep, returns + 1

    def outgrows(self, state: dict[str, Any]) -> bool:
        """Whether the rate fell in a checkpoint that was loaded, and this budget is a larger one.

        Then the run goes on from before its rate fell.
        """
        before = float(state.get("progress", 0.0))
        if self.finished(
            state["step"]
        ):  # of short minutes much is set aside, which is not known yet
            return False
        return self._falls(before) and self.progress < 0.98 * before
