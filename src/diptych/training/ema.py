"""An exponential moving average of a network's weights."""

import torch
from torch import nn


class EMA:
    """Keeps `average = decay * average + (1 - decay) * weights`, one update a step.

    Early on the decay is lower, `(1 + n) / (10 + n)` after n updates, so that the random weights
    of the beginning are soon forgotten.
    """

    def __init__(self, network: nn.Module, decay: float) -> None:
        self.decay, self.updates = decay, 0
        self.average = {name: p.detach().clone() for name, p in network.named_parameters()}

    @torch.no_grad()
    def update(self, network: nn.Module) -> None:
        """Take the weights of one more step in."""
        decay = min(self.decay, (1 + self.updates) / (10 + self.updates))
        self.updates += 1
        weights = dict(network.named_parameters())
        names = list(self.average)
        torch._foreach_lerp_(
            [self.average[name] for name in names], [weights[name] for name in names], 1 - decay
        )

    def state_dict(self) -> dict[str, object]:
        """What a checkpoint keeps."""
        return {"average": self.average, "updates": self.updates}

    def load_state_dict(self, state: dict[str, object]) -> None:
        """Go on from a checkpoint."""
        average, updates = state["average"], state["updates"]
        assert isinstance(average, dict)  # noqa: S101 - for the type checker
        assert isinstance(updates, int)  # noqa: S101
        for name, tensor in self.average.items():
            tensor.copy_(average[name])
        self.updates = updates
