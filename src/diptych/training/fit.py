"""The training loop: batch, step, average, track, validate, checkpoint; each is one call."""

from contextlib import suppress

from diptych.data.batches import Batches
from diptych.errors import DiptychError
from diptych.training.keeper import Keeper
from diptych.training.soundness import Diverged
from diptych.training.stop import Stop
from diptych.training.waiting import Waiting
from diptych.training.way_back import WayBack


def fit(keeper: Keeper, batches: Batches, stop: Stop) -> bool:
    """Train until the budget is used up; False where a stop came before.

    Where training diverges it goes back, and on at a lower rate; raises DiptychError where it
    diverges again and again. Whatever else ends it, as a full disk or a terminal that has gone,
    what was trained is kept as after a stop, if that can be.
    """
    keeper.schedule.begin()
    log, way_back = LossLog(keeper, batches), WayBack(keeper)
    try:
        while True:
            try:
                return _fit(keeper, log, stop)
            except Diverged as fault:
                way_back.go(fault)
                log.begin()
    except Exception as error:
        keeper.processes.part()
        if keeper.processes.first:
            with suppress(Diverged, DiptychError, OSError):
                keeper.leave()
        if isinstance(error, OSError):
            raise DiptychError(
                f"{keeper.run.path}: training ended at step {keeper.state.step:,}: "
                f"{error.strerror or error}; the same command goes on from what is kept"
            ) from error
        raise


def _fit(keeper: Keeper, log: "LossLog", stop: Stop) -> bool:
    """Raises Diverged where losses or weights are not finite."""
    state, schedule = keeper.state, keeper.schedule
    if state.step == 0:
        keeper.checkpoint()
        keeper.validate()
    while not (stopped := _stopped(keeper, stop)) and schedule.goes_on(state.step):
        if schedule.begins_to_fall(state.step):
            keeper.keep_before_decay()
        state.set_rate(schedule.rate)
        state.judge(schedule.judging)
        losses = state.learn(log.waiting.batch(state.step))
        state.update_average()
        state.add_losses(losses)
        keeper.tracker.stepped(state.step, schedule.progress, schedule.tick())
        if state.step % log.every == 0:
            log.write()
        if schedule.validation_due(state.step):
            keeper.validate()
        if schedule.checkpoint_due(state.step) and state.losses.sound:
            keeper.checkpoint()
    if stopped:
        keeper.leave()
        if keeper.tracker.lost:
            raise keeper.tracker.lost
        return False
    if schedule.minutes:
        keeper.validate()
        schedule.finish()
    keeper.checkpoint()
    return True


def _stopped(keeper: Keeper, stop: Stop) -> bool:
    """Whether a signal, or a tracker that was lost, asks for a stop, in whichever process."""
    return keeper.processes.any(stop.requested or keeper.tracker.lost is not None)


class LossLog:
    """Writes a line of the log: mean losses, and the pace of the steps since the line before."""

    def __init__(self, keeper: Keeper, batches: Batches) -> None:
        recipe = keeper.plan.recipe
        self.keeper, self.batches, self.every = keeper, batches, recipe.train.log_steps
        self.waiting = Waiting(batches, recipe, keeper.tracker.note)
        self._skipping_said = False
        self.begin()

    def begin(self) -> None:
        """Lines are of the steps from here on."""
        self._last = self.keeper.state.step, self.keeper.schedule.stepping

    def write(self) -> None:
        """The line of the step that was just made.

        Raises Diverged where losses are not finite, DiptychError where the directory was lost.
        """
        state, schedule = self.keeper.state, self.keeper.schedule
        if self.keeper.processes.first:
            self.keeper.run.lock.check()
        state.losses.check()
        self._say_skipped()
        step = state.step
        steps, seconds = step - self._last[0], schedule.stepping - self._last[1]
        self._last = step, schedule.stepping
        losses = state.losses.means()
        if not losses:
            return
        self.keeper.tracker.log(
            {
                "step": step,
                "epoch": step // self.batches.steps_per_epoch,
                **losses,
                "rate": schedule.rate,
                "images_per_second": round(steps * self.batches.batch_size / seconds, 2),
                "waiting": self.waiting.share(seconds),
                "seconds": round(schedule.seconds, 2),
            }
        )

    def _say_skipped(self) -> None:
        """Once: where a pair is to blame it comes again in every epoch."""
        state = self.keeper.state
        skipped = int(state.losses.skipped)
        if skipped and state.losses.sound and not self._skipping_said:
            self._skipping_said = True
            self.keeper.tracker.note(
                f"losses of {skipped} of the steps up to {state.step:,} were not finite: skipped; "
                "look at the pairs where it goes on"
            )
