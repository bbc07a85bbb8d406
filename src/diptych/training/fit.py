"""The training loop: batch, step, average, track, validate, checkpoint; each is one call."""

import math
from dataclasses import dataclass

from diptych.data.batches import Batches
from diptych.errors import DiptychError
from diptych.schema import Recipe
from diptych.training.keeper import Keeper
from diptych.training.schedule import Schedule
from diptych.training.state import TrainingState
from diptych.training.stop import Stop
from diptych.training.trackers import Tracker
from diptych.training.waiting import Waiting


def fit(
    state: TrainingState,
    batches: Batches,
    recipe: Recipe,
    schedule: Schedule,
    keeper: Keeper,
    tracker: Tracker,
    stop: Stop,
) -> bool:
    """Train until the budget is used up; False where a stop came before."""
    schedule.begin()
    log = LossLog(state, batches, recipe, schedule, tracker)
    if state.step == 0:
        keeper.validate()
    while not stop.requested and schedule.goes_on(state.step):
        if schedule.begins_to_fall(state.step):
            keeper.keep_before_decay()
        state.set_rate(schedule.rate)
        state.judge(schedule.judging)
        losses = state.learn(log.waiting.batch(state.step))
        state.update_average()
        state.add_losses(losses)
        tracker.stepped(state.step, schedule.progress, schedule.tick())
        if state.step % recipe.train.log_steps == 0:
            log.write()
        if schedule.validation_due(state.step):
            keeper.validate()
        if schedule.checkpoint_due(state.step):
            keeper.checkpoint()
    finished = not stop.requested
    if finished and schedule.minutes:
        keeper.validate()
        schedule.finish()
    keeper.checkpoint()
    return finished


@dataclass
class LossLog:
    """Writes a line of the log: mean losses and the pace since the line before."""

    state: TrainingState
    batches: Batches
    recipe: Recipe
    schedule: Schedule
    tracker: Tracker

    def __post_init__(self) -> None:
        self.waiting = Waiting(self.batches, self.recipe, self.tracker.note)
        self._last = self.state.step, self.schedule.seconds

    def write(self) -> None:
        """The line of the step that was just made; raises DiptychError where losses diverged."""
        step = self.state.step
        steps, seconds = step - self._last[0], self.schedule.seconds - self._last[1]
        self._last = step, self.schedule.seconds
        self.tracker.log(
            {
                "step": step,
                "epoch": step // self.batches.steps_per_epoch,
                **_finite(self.state.mean_losses(), step),
                "rate": self.schedule.rate,
                "images_per_second": round(steps * self.batches.batch_size / seconds, 2),
                "waiting": self.waiting.share(seconds),
                "seconds": round(self.schedule.seconds, 2),
            }
        )


def _finite(losses: dict[str, float], step: int) -> dict[str, float]:
    if not all(math.isfinite(loss) for loss in losses.values()):
        listed = ", ".join(f"{name} {loss}" for name, loss in losses.items())
        raise DiptychError(
            f"training diverged by step {step} ({listed}): lower train.learning_rate; "
            "the model and the checkpoints from before are kept"
        )
    return losses
