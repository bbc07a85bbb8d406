"""The look: a picture's overall colours, told to a generator beside its source.

A drawing does not say that the shoe is red. A generator that must still answer learns the mean of
all shoes; told the target's overall colours while it trains, it learns what they change. What is
told is small: of every channel the mean over the picture, and the standard deviation. Where nobody
tells it, it is foretold from the source.
"""

import copy
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from diptych.batch_share import Share
from diptych.networks.padded import Size, only_own, own_part

WIDTH = 64  # of the two layers between the numbers and what they change
NUMBERS = 2  # a channel: mean and standard deviation
NOISE = 0.1  # of a number's deviation


def look_of(pictures: Tensor, known: Tensor | None = None) -> Tensor:
    """Mean and standard deviation of each channel of `(N, C, H, W)`: `(N, 2C)`, means first.

    `known`, of the same shape and bool: where there is data; a channel without any has mean 0.
    """
    weight = torch.ones_like(pictures) if known is None else known.to(pictures.dtype)
    share = weight.mean((2, 3)).clamp(min=1e-12)
    mean = (pictures * weight).mean((2, 3)) / share
    apart = (pictures - mean[..., None, None]).square()
    return torch.cat((mean, ((apart * weight).mean((2, 3)) / share).sqrt()), dim=1)


class Look(nn.Module):
    """Scales and shifts of a generator's maps, from `numbers` that say how the result is to look.

    What is not told, NaN, is foretold from the mean of the generator's `encoded` maps over the
    picture: linearly, by what was learned from the training pairs, and within what was seen there.
    """

    def __init__(self, numbers: int, encoded: int, widths: list[int]) -> None:
        super().__init__()
        self.mean = nn.Buffer(torch.zeros(numbers))  # over the training targets
        self.deviation = nn.Buffer(torch.ones(numbers))
        self.least = nn.Buffer(torch.full((numbers,), -1.0))
        self.most = nn.Buffer(torch.ones(numbers))
        self.foretelling = nn.Buffer(torch.zeros(numbers, encoded))
        self.foretold_base = nn.Buffer(torch.zeros(numbers))
        self.dense = nn.Sequential(
            nn.Linear(numbers, WIDTH), nn.ReLU(), nn.Linear(WIDTH, WIDTH), nn.ReLU()
        )
        self.changes = nn.ModuleList(_little(nn.Linear(WIDTH, 2 * width)) for width in widths)

    def forward(self, encoded: Tensor, look: Tensor | None) -> list[tuple[Tensor, Tensor]]:
        """A scale and a shift, `(N, C, 1, 1)`, for each of the widths."""
        told = self.foretold(encoded)
        if look is not None:
            told = torch.where(look.isnan(), told, look)
        return self.changes_by(told)

    def changes_by(self, told: Tensor) -> list[tuple[Tensor, Tensor]]:
        """As `forward`, of looks `(N, numbers)` of which nothing is left to foretell."""
        standard = (told - self.mean) / self.deviation
        inner = self.dense(standard.to(next(self.dense.parameters()).dtype))
        halves = (change(inner)[..., None, None].chunk(2, dim=1) for change in self.changes)
        return [(scale, shift) for scale, shift in halves]

    def told(
        self, targets: Tensor, known: Tensor | None = None, share: Share | None = None
    ) -> Tensor:
        """The looks of targets `(N, C, H, W)` to train with, none exact, as nobody will say one.

        They are the `share` of a batch, by default all of it.
        """
        look = look_of(targets, known)
        share = share or Share.whole(len(look))
        noise = look.new_empty(share.total, look.shape[1]).normal_()
        return look + NOISE * self.deviation * share.of(noise)

    def foretold(self, encoded: Tensor) -> Tensor:
        """The numbers that the maps `(N, C, H, W)` of sources foretell, `(N, numbers)`."""
        numbers = F.linear(pooled(encoded), self.foretelling, self.foretold_base)
        return numbers.clamp(self.least, self.most)


class SaidLook(nn.Module):
    """Stands where a `Look` did, and changes by one look whatever the source foretells.

    So no pixel depends on the picture as a whole. `numbers`, `(numbers,)`; NaN: as the mean of the
    training targets has it.
    """

    def __init__(self, look: Look, numbers: Tensor) -> None:
        super().__init__()
        with torch.no_grad():
            changes = look.changes_by(torch.where(numbers.isnan(), look.mean, numbers)[None])
        self.scales = nn.ParameterList(scale for scale, _ in changes)
        self.shifts = nn.ParameterList(shift for _, shift in changes)

    def forward(self, encoded: Tensor, look: Tensor | None) -> list[tuple[Tensor, Tensor]]:  # noqa: ARG002
        """A scale and a shift, `(1, C, 1, 1)`, for each width, as `Look`."""
        return list(zip(self.scales, self.shifts, strict=True))


def with_said_look(generator: nn.Module, numbers: Tensor) -> nn.Module:
    """A copy of a generator that takes a look, for which that one is said for good."""
    (name, look), *_ = looks_in(generator)
    generator = copy.deepcopy(generator)
    generator.set_submodule(name, SaidLook(look, numbers))
    return generator


def foretold_look(generator: nn.Module, padded: Any, size: Size) -> Tensor:
    """What sources of `size`, `(N, C, H, W)` as `translate_padded` takes them, foretell.

    By a generator that takes a look.
    """
    with only_own(size, (padded.shape[-2], padded.shape[-1])):
        encoded = generator.encoded(padded)  # type: ignore[operator]
        return looks_in(generator)[0][1].foretold(encoded[-1])


def looks_in(network: nn.Module) -> list[tuple[str, Look]]:
    """The `Look` of a generator and its name there; empty where it takes none."""
    return [(name, module) for name, module in network.named_modules() if isinstance(module, Look)]


def pooled(encoded: Tensor) -> Tensor:
    """The mean of maps `(N, C, H, W)` over the picture, its padding left out: `(N, C)`, float32."""
    _, mean = torch.var_mean(own_part(encoded), dim=(2, 3), keepdim=True, correction=0)
    return mean.flatten(1).float()


def _little(layer: nn.Linear) -> nn.Linear:
    """A layer that changes little at first."""
    nn.init.normal_(layer.weight, std=0.02)
    nn.init.zeros_(layer.bias)
    return layer


def changed(x: Tensor, change: tuple[Tensor, Tensor] | None) -> Tensor:
    """Maps `(N, C, H, W)` with a scale and a shift, where there are any."""
    if change is None:
        return x
    scale, shift = change
    return x * (1 + scale) + shift
