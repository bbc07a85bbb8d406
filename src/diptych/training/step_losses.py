"""The losses of steps: their means since the last line of the log, and which steps were skipped."""

from typing import Any

import torch
from torch import Tensor

from diptych.training.soundness import Diverged


class StepLosses:
    """Sums them up on the device: reading them would wait for it.

    A step is skipped where one of its losses is not finite, and counts in no mean.
    """

    LOST = 3  # so many skipped steps in a row are no bad pair, but weights gone astray

    def __init__(self, device: torch.device) -> None:
        self.sums: dict[str, Tensor] = {}  # since the last line of the log
        self.summed: dict[str, Tensor] = {}  # how many steps each sum is of
        self.last: dict[str, Tensor] = {}  # of the last step
        self.skipped_in_a_row = torch.zeros((), device=device)  # up to the last step
        self.skipped = torch.zeros((), device=device)  # in all, by this process

    def add(self, losses: dict[str, Tensor]) -> None:
        """Sum up those of a step, unless it was skipped."""
        self.last = losses
        sound = torch.stack([loss.float() for loss in losses.values()]).sum().isfinite()
        for name, loss in losses.items():
            self.sums[name] = self.sums.get(name, 0) + torch.where(sound, loss, 0)
            self.summed[name] = self.summed.get(name, 0) + sound
        self.skipped = self.skipped + ~sound
        self.skipped_in_a_row = (self.skipped_in_a_row + 1) * ~sound

    def means(self) -> dict[str, float]:
        """The means since the last call; of skipped steps alone there are none."""
        counts = {name: int(count) for name, count in self.summed.items()}
        means = {
            name: round(float(total) / counts[name], 6)
            for name, total in self.sums.items()
            if counts[name]
        }
        self.sums, self.summed = {}, {}
        return means

    @property
    def sound(self) -> bool:
        """Whether the last step was made, not skipped."""
        return not self.skipped_in_a_row

    def check(self) -> None:
        """Raise Diverged where the last steps were all skipped."""
        if int(self.skipped_in_a_row) >= self.LOST:
            names = [name for name, loss in self.last.items() if not loss.isfinite()]
            raise Diverged(f"{', '.join(names)} not finite, {self.LOST} steps in a row")

    def state_dict(self) -> dict[str, Any]:
        """The sums, for a checkpoint."""
        return {"sums": self.sums, "summed": self.summed}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a checkpoint, of which there may be more; no step since was skipped."""
        device, summed = self.skipped_in_a_row.device, state["summed"]
        self.sums = {name: total.to(device) for name, total in state["sums"].items()}
        if not isinstance(summed, dict):  # it was one number for all once
            summed = dict.fromkeys(self.sums, summed)
        self.summed = {name: torch.as_tensor(n, device=device) for name, n in summed.items()}
        self.skipped_in_a_row = torch.zeros((), device=device)
