"""Less memory for more time: what layers made is computed again in the backward pass."""

from collections.abc import Callable
from functools import wraps
from typing import Any

import torch
from torch import nn
from torch.utils.checkpoint import checkpoint

from diptych.networks import compact, residual, resnet
from diptych.pix2pix import Down, PatchGAN, Up

# Parts that hold little where they meet the next: of them only what goes in is kept.
PARTS = (
    Down, Up, residual.Block, resnet.Block, resnet.Normalized, compact.Block, compact.Enlarge,
    PatchGAN,
)  # fmt: skip


def recompute(network: nn.Module) -> None:
    """Have the parts of a network keep what goes in alone, while gradients are wanted.

    Results and gradients are the same, those of dropout too: its random numbers are drawn again as
    they were. Names of weights stay.
    """
    if isinstance(network, PARTS):
        network.forward = _again(network.forward)  # type: ignore[method-assign]
        return
    for child in network.children():
        recompute(child)


def _again(forward: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(forward)
    def kept(*inputs: Any) -> Any:
        if not torch.is_grad_enabled():
            return forward(*inputs)
        return checkpoint(forward, *inputs, use_reentrant=False)

    return kept
