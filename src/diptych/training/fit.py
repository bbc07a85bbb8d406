"""The training loop: batch, step, average, track, validate, checkpoint; each is one call."""

from dataclasses import dataclass

from diptych.data.batches import Batches
from diptych.schema import Recipe
from diptych.training.keeper import Keeper
from diptych.training.schedule import Schedule
from diptych.training.soundness import Diverged
from diptych.training.state import TrainingState
from diptych.training.stop import Stop
from diptych.training.trackers import Tracker
from diptych.training.waiting import Waiting
from diptych.training.way_back import WayBack


def fit(
    state: TrainingState,
    batches: Batches,
    recipe: Recipe,
    schedule: Schedule,
    keeper: Keeper,
    tracker: Tracker,
    stop: Stop,
) -> bool:
    """Train until the budget is used up; False where a stop came before.

    Where training diverges it goes back, and on at a lower rate; raises DiptychError where it
    diverges again and again.
    """
    schedule.begin()
    log, way_back = LossLog(state, batches, recipe, schedule, tracker), WayBack(keeper)
    while True:
        try:
            return _fit(state, log, schedule, keeper, tracker, stop)
        except Diverged as fault:
            way_back.go(fault)
            log.begin()


def _fit(
    state: TrainingState,
    log: "LossLog",
    schedule: Schedule,
    keeper: Keeper,
    tracker: Tracker,
    stop: Stop,
) -> bool:
    """Raises Diverged where losses or weights are not finite."""
    if state.step == 0:
        keeper.checkpoint()
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
        log.stepped()
        if schedule.validation_due(state.step):
            keeper.validate()
        if schedule.checkpoint_due(state.step) and state.sound:
            keeper.checkpoint()
    finished = not stop.requested
    if finished and schedule.minutes:
        keeper.validate()
        schedule.finish()
    if finished or state.sound:
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
        self._skipping_said = False
        self.begin()

    def begin(self) -> None:
        """Lines are of the steps from here on."""
        self._last = self.state.step, self.schedule.seconds

    def stepped(self) -> None:
        """Write a line where one is due after the step; raises Diverged where losses diverged."""
        step = self.state.step
        if step % self.recipe.train.log_steps:
            return
        self.state.check_losses()
        self._say_skipped()
        steps, seconds = step - self._last[0], self.schedule.seconds - self._last[1]
        self._last = step, self.schedule.seconds
        losses = self.state.mean_losses()
        if not losses:
            return
        self.tracker.log(
            {
                "step": step,
                "epoch": step // self.batches.steps_per_epoch,
                **losses,
                "rate": self.schedule.rate,
                "images_per_second": round(steps * self.batches.batch_size / seconds, 2),
                "waiting": self.waiting.share(seconds),
                "seconds": round(self.schedule.seconds, 2),
            }
        )

    def _say_skipped(self) -> None:
        """Once: where a pair is to blame it comes again in every epoch."""
        skipped = int(self.state.skipped)
        if skipped and self.state.sound and not self._skipping_said:
            self._skipping_said = True
            self.tracker.note(
                f"losses of {skipped} of the steps up to {self.state.step:,} were not finite: "
                "skipped; look at the pairs where it goes on"
            )
