"""Normalisation by statistics that are stored with a model."""

import torch
from torch import Tensor, nn

from diptych.pix2pix import Normalization


class StoredNormalization(Normalization):
    """Normalises by the picture's own statistics, or when `stored`, by those that it holds.

    `mean` and `variance`, `(C,)`, are buffers and so part of a model file. Training neither uses
    nor changes them.
    """

    def __init__(self, layer: Normalization) -> None:
        super().__init__(len(layer.weight), layer.statistics, layer.eps)
        self.weight, self.bias = layer.weight, layer.bias
        self.mean = nn.Buffer(torch.zeros(len(layer.weight)))
        self.variance = nn.Buffer(torch.ones(len(layer.weight)))
        self.stored = False

    def forward(self, x: Tensor) -> Tensor:
        """Normalise `(N, C, H, W)`; see `Normalization`."""
        if self.training or not self.stored:
            return super().forward(x)
        scale = self.weight * torch.rsqrt(self.variance + self.eps)
        centred = x - self.mean.view(-1, 1, 1)
        return centred * scale.view(-1, 1, 1) + self.bias.view(-1, 1, 1)


def add_stored_statistics(network: nn.Module) -> None:
    """Give every normalisation a place for statistics: a network of the same names, and more."""
    for parent, name, layer in normalizations(network):
        setattr(parent, name, StoredNormalization(layer))


def normalizations(network: nn.Module) -> list[tuple[nn.Module, str, Normalization]]:
    """Every layer that normalises, with its parent and its name there."""
    return [
        (parent, name, child)
        for parent in network.modules()
        for name, child in parent.named_children()
        if isinstance(child, Normalization) and child.statistics != "none"
    ]
