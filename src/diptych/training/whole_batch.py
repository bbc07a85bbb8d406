"""Layers that look beyond the pictures at hand: they do as in the whole batch.

Dropout and noise are drawn for all of its pictures, and batch statistics are taken of all, where it
is computed in parts or by several processes.
"""

from collections.abc import Callable, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from diptych.batch_share import Share
from diptych.networks.noise import NoiseInput
from diptych.networks.stored_statistics import normalizations
from diptych.pix2pix import Normalization

AddUp = Callable[[Sequence[Tensor]], None]


class WholeBatch:
    """Which pictures the networks are shown just now, and how numbers of all are added up."""

    def __init__(self, add_up: AddUp) -> None:
        self.add_up = add_up
        self.share: Share | None = None  # None: the whole batch


class SharedDropout(nn.Dropout):
    """Drops what it would drop of these pictures in the whole batch."""

    whole: WholeBatch

    def forward(self, x: Tensor) -> Tensor:
        """`(N, C, H, W)` to the same shape."""
        share = self.whole.share
        if share is None or not self.training:
            return super().forward(x)
        # Random numbers fall on places as they lie in memory.
        last = x.is_contiguous(memory_format=torch.channels_last)
        ones = torch.empty(
            (share.total, *x.shape[1:]),
            dtype=x.dtype,
            device=x.device,
            memory_format=torch.channels_last if last else torch.contiguous_format,
        ).fill_(1)
        return x * share.of(F.dropout(ones, self.p))


class SharedNoise(NoiseInput):
    """Draws what it would draw for these pictures in the whole batch."""

    whole: WholeBatch

    def _drawn(self, source: Tensor, shape: tuple[int, ...]) -> Tensor:
        share = self.whole.share
        if share is None:
            return super()._drawn(source, shape)
        return share.of(super()._drawn(source, (share.total, *shape[1:])))


class SharedNormalization(Normalization):
    """Normalises by the statistics of the whole batch, to which all processes add theirs."""

    whole: WholeBatch

    def forward(self, x: Tensor) -> Tensor:
        """Normalise `(N, C, H, W)`; see `Normalization`."""
        share = self.whole.share
        if share is None or not self.training:
            return super().forward(x)
        places = (0, 2, 3)
        wide = x.to(torch.promote_types(x.dtype, torch.float32))
        mean = self._of_all(share.weight * wide.mean(places, keepdim=True))
        centred = wide - mean
        variance = self._of_all(share.weight * centred.square().mean(places, keepdim=True))
        scale = self.weight.view(-1, 1, 1) * torch.rsqrt(variance + self.eps)
        return (centred * scale + self.bias.view(-1, 1, 1)).to(x.dtype)

    def _of_all(self, part: Tensor) -> Tensor:
        added: Tensor = _Added.apply(part, self.whole.add_up)  # type: ignore[no-untyped-call]
        return added


class _Added(torch.autograd.Function):
    """The sum over all processes; what all make of it, each is told in the backward pass."""

    @staticmethod
    def forward(ctx: Any, part: Tensor, add_up: AddUp) -> Tensor:
        ctx.add_up = add_up
        return _Added._sum(part, add_up)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        return _Added._sum(gradients[0], ctx.add_up), None

    @staticmethod
    def _sum(part: Tensor, add_up: AddUp) -> Tensor:
        total = part.clone(memory_format=torch.contiguous_format)
        add_up([total])
        return total


def take_batch_statistics(network: nn.Module) -> bool:
    """Whether pictures of a batch depend on each other in it."""
    return any(layer.statistics == "batch" for _, _, layer in normalizations(network))


def do_as_in(whole: WholeBatch, network: nn.Module) -> None:
    """Have the layers of a network do as in the whole batch, with the weights they have."""
    for layer in network.modules():
        # Classes of the same attributes: names and identity of the weights stay.
        if type(layer) is nn.Dropout:
            layer.__class__ = SharedDropout
        elif type(layer) is NoiseInput:
            layer.__class__ = SharedNoise
        elif isinstance(layer, Normalization) and layer.statistics == "batch":
            layer.__class__ = SharedNormalization
        else:
            continue
        layer.whole = whole  # type: ignore[assignment]
