"""An exponential moving average of a network's weights."""

from typing import Any

import torch
from torch import nn


class EMA:
    """Keeps `average = decay * average + (1 - decay) * weights`, one update a step.

    Early on the decay is lower, `(1 + n) / (10 + n)` after n updates, so that the random weights
    of the beginning are soon forgotten. With a `share` it rises all along, `1 - 1 / (1 + share *
    n)`: the average reaches back over that share of all updates (Karras et al. 2024, section 3.1).
    """

    def __init__(self, network: nn.Module, decay: float, share: float = 0.0) -> None:
        self.decay, self.share, self.updates = decay, share, 0
        self.average = {
            name: p.detach().clone() for name, p in network.named_parameters() if p.requires_grad
        }

    @torch.no_grad()
    def update(self, network: nn.Module) -> None:
        """Take the weights of one more step in."""
        if self.share:
            new = 1 / (1 + self.share * self.updates)
        else:
            new = 1 - min(self.decay, (1 + self.updates) / (10 + self.updates))
        self.updates += 1
        weights = dict(network.named_parameters())
        own = tuple(weights[name] for name in self.average)
        torch._foreach_lerp_(tuple(self.average.values()), own, new)

    def state_dict(self) -> dict[str, Any]:
        """What a checkpoint keeps."""
        return {"average": self.average, "updates": self.updates}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a checkpoint."""
        for name, tensor in self.average.items():
            tensor.copy_(state["average"][name])
        self.updates = state["updates"]
