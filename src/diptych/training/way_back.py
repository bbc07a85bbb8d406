"""Where training diverged: back to the last sound checkpoint, and on at a lower rate."""

from typing import Any

from diptych.errors import DiptychError
from diptych.training.checkpoint import checkpoint_apart, latest_checkpoint
from diptych.training.keeper import Keeper
from diptych.training.previews import drop_previews_after
from diptych.training.soundness import Diverged


class WayBack:
    """Goes back, a few times in a run."""

    MOST = 4

    def __init__(self, keeper: Keeper) -> None:
        self.keeper = keeper
        self._last = -1  # the step of the checkpoint that it went back to

    def go(self, fault: Diverged) -> None:
        """Take up the last checkpoint, more slowly; raises DiptychError where that was no help."""
        keeper = self.keeper
        state, schedule = keeper.state, keeper.schedule
        step = state.step
        checkpoint = keeper.processes.by_first(lambda: self._checkpoint(fault))
        schedule.go_back(checkpoint["training"])
        state.load_state_dict(checkpoint["training"])
        self._last, keeper.latest_step = state.step, None
        if keeper.log is not None:
            keeper.log.drop_after(checkpoint["log_bytes"])
            drop_previews_after(keeper.run.previews, state.step)
        keeper.tracker.went_back(state.step)
        words = (
            f"training diverged by step {step:,} ({fault}): back to step {state.step:,}, at a "
            f"learning rate of {schedule.rate:.3g}"
        )
        keeper.tracker.note(words)
        keeper.tracker.log({"step": state.step, "findings": [words]})

    def _checkpoint(self, fault: Diverged) -> dict[str, Any]:
        """The last one, or, where it diverged from that once more, the one before it.

        Later ones are of another way: a longer run goes on from before its rate fell.
        """
        folder, step = self.keeper.run.checkpoints, self.keeper.state.step
        schedule = self.keeper.schedule
        if schedule.returns == self.MOST:
            raise DiptychError(
                f"training diverged by step {step:,} ({fault}), also at a learning rate of "
                f"{schedule.rate:.3g}, lowered {self.MOST} times: lower train.learning_rate, or "
                "look at the pairs; the model and the checkpoints from before are kept"
            )
        last = latest_checkpoint(folder, step)
        if last is not None and last["training"]["step"] == self._last:
            last = latest_checkpoint(folder, self._last - 1) or last
        checkpoint = last or checkpoint_apart(folder, "before_decay")
        if checkpoint is None:
            raise DiptychError(f"training diverged by step {step:,}: {fault}, and so it began")
        return checkpoint
