"""The training loop: batch, step, average, track, validate, checkpoint; each is one call."""

import math
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

from diptych.data.batches import Batches
from diptych.errors import DiptychError
from diptych.schema import Recipe
from diptych.training.budget import Budget, Upkeep, rate_factor
from diptych.training.state import TrainingState
from diptych.training.trackers import Tracker
from diptych.training.waiting import Waiting


@dataclass
class Hooks:
    """What the loop calls and does not do itself."""

    validate: Callable[[], None]
    checkpoint: Callable[[], None]
    tracker: Tracker


class Stop:
    """Ctrl-C or a polite kill asks for a stop after the step at hand; a second one insists."""

    def __init__(self) -> None:
        self.requested = False

    def _ask(self, _number: int, _frame: object) -> None:
        if self.requested:
            raise KeyboardInterrupt
        self.requested = True

    @contextmanager
    def listening(self) -> Iterator["Stop"]:
        """Listen while the block runs; only a program's main thread can."""
        if threading.current_thread() is not threading.main_thread():
            yield self
            return
        before = {kind: signal.signal(kind, self._ask) for kind in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield self
        finally:
            for kind, handler in before.items():
                signal.signal(kind, handler)


def fit(  # noqa: C901 - one loop, read from top to bottom
    state: TrainingState,
    batches: Batches,
    recipe: Recipe,
    budget: Budget,
    hooks: Hooks,
    stop: Stop,
) -> bool:
    """Train until the budget is used up; False where a stop came before.

    In steps the order of all that happens is fixed, so that a resumed run repeats it; a budget of
    minutes spaces validations by the time they take.
    """
    settings = recipe.train
    upkeep = Upkeep(budget, state.generator, state.upkeep)
    begun = time.monotonic() - state.seconds
    validate = partial(_timed, upkeep, "validation", hooks.validate)
    logged_at = state.seconds, state.step
    waiting = Waiting(batches, recipe, hooks.tracker.note)

    def elapsed() -> float:
        state.seconds, state.upkeep = time.monotonic() - begun, upkeep.spent
        return state.seconds

    if state.step == 0:
        validate()
    validated_at = checkpointed_at = elapsed()
    progress = 0.0
    while not stop.requested:
        # What is set aside for the last validation may shrink; the rate does not rise again for it.
        progress = max(progress, budget.progress(state.step, elapsed(), upkeep.reserve()))
        if progress >= 1:
            break
        rate = settings.learning_rate * rate_factor(progress)
        state.set_rate(rate)
        losses = state.learn(waiting.batch(state.step))
        if state.ema is not None:
            state.ema.update(state.generator)
        state.add_losses(losses)
        hooks.tracker.stepped(state.step, progress, elapsed())

        if state.step % settings.log_steps == 0:
            seconds, steps = elapsed() - logged_at[0], state.step - logged_at[1]
            logged_at = state.seconds, state.step
            hooks.tracker.log(
                {
                    "step": state.step,
                    "epoch": state.step // batches.steps_per_epoch,
                    **_checked(state.mean_losses(), state.step),
                    "rate": rate,
                    "images_per_second": round(steps * batches.batch_size / seconds, 2),
                    "waiting": waiting.share(seconds),
                    "seconds": round(state.seconds, 2),
                }
            )
        if budget.minutes:
            due = upkeep.due(elapsed(), elapsed() - validated_at)
        else:
            due = state.step % (settings.validate_epochs * batches.steps_per_epoch) == 0
            due = due or state.step == budget.steps
        if due:
            validate()
            validated_at = elapsed()
        waited = elapsed() - checkpointed_at
        if state.step % settings.checkpoint_steps == 0 or (
            waited >= 60 * settings.checkpoint_minutes
            and (not budget.minutes or upkeep.affordable("checkpoint", elapsed()))
        ):
            _timed(upkeep, "checkpoint", hooks.checkpoint)
            checkpointed_at = elapsed()

    finished = not stop.requested
    if finished and budget.minutes:
        validate()
        state.finished_minutes = budget.minutes
    elapsed()
    hooks.checkpoint()
    return finished


def _timed(upkeep: Upkeep, kind: str, work: Callable[[], None]) -> None:
    begun = time.monotonic()
    work()
    upkeep.record(kind, time.monotonic() - begun)


def _checked(losses: dict[str, float], step: int) -> dict[str, float]:
    if not all(math.isfinite(loss) for loss in losses.values()):
        listed = ", ".join(f"{name} {loss}" for name, loss in losses.items())
        raise DiptychError(
            f"training diverged by step {step} ({listed}): lower train.learning_rate; "
            "the model and the checkpoints from before are kept"
        )
    return losses
