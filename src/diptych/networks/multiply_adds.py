"""What a network costs: parameters and multiply-adds, counted on one forward pass."""

import torch
from torch import nn

from diptych.networks.compact import Depthwise


def parameters(network: nn.Module) -> int:
    """How many numbers the network learns."""
    return sum(parameter.numel() for parameter in network.parameters())


def multiply_adds(network: nn.Module, channels: int, size: tuple[int, int]) -> int:
    """True multiply-adds of the convolutions on one picture of `size` (height, width).

    A transposed convolution costs `kernel^2 * C_in * C_out` for every pixel it reads; counting it
    for every pixel it writes, as published figures often do, gives four times as much.
    """
    total = 0

    def count(layer: nn.Module, inputs: tuple[torch.Tensor, ...], output: torch.Tensor) -> None:
        nonlocal total
        grid = inputs[0] if isinstance(layer, nn.ConvTranspose2d) else output
        weight = layer.weight() if isinstance(layer, Depthwise) else layer.weight
        assert isinstance(weight, torch.Tensor)  # noqa: S101 - of those hooked below
        total += weight.numel() * grid.shape[-2] * grid.shape[-1]

    hooks = [
        layer.register_forward_hook(count)
        for layer in network.modules()
        if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d | Depthwise)
    ]
    device = next(network.parameters()).device
    was_training = network.training
    try:
        with torch.no_grad():
            network.eval()(torch.zeros(1, channels, *size, device=device))
    finally:
        network.train(was_training)
        for hook in hooks:
            hook.remove()
    return total
