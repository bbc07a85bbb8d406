"""What a network costs: parameters and multiply-adds, counted on one forward pass."""

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode


def parameters(network: nn.Module) -> int:
    """How many numbers the network learns."""
    return sum(parameter.numel() for parameter in network.parameters())


def multiply_adds(network: nn.Module, channels: int, size: tuple[int, int]) -> int:
    """True multiply-adds of the convolutions on one picture of `size` (height, width).

    A transposed convolution costs `kernel^2 * C_in * C_out` for every pixel it reads; counting it
    for every pixel it writes, as published figures often do, gives four times as much.
    """
    device = next(network.parameters()).device
    return multiply_adds_on(network, torch.zeros(1, channels, *size, device=device))


def multiply_adds_on(network: nn.Module, *inputs: Tensor) -> int:
    """The same on inputs of any kind."""
    was_training = network.training
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        network.eval()(*inputs)
    network.train(was_training)
    return int(counter.get_total_flops()) // 2  # of which half are additions
