"""Normalisation by statistics that are held: of all frames of a video, or stored with a model."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from diptych.pix2pix import Normalization, Size

# Below so many pixels a layer goes by each picture's own statistics: there they are much of what
# the layer says of the picture. Held there as well, videos of labels flickered more than without;
# from 64 on less, and as much as with any higher bound.
LEAST = 64


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

    def forward(self, x: Tensor, valid: Size | None = None) -> Tensor:
        """Normalise `(N, C, H, W)`; see `Normalization`."""
        if self.training or not self.stored:
            return super().forward(x, valid)
        scale = self.weight * torch.rsqrt(self.variance + self.eps)
        centred = x - self.mean.view(-1, 1, 1)
        return centred * scale.view(-1, 1, 1) + self.bias.view(-1, 1, 1)


def add_stored_statistics(network: nn.Module) -> None:
    """Give every normalisation a place for statistics: a network of the same names, and more."""
    for parent, name, layer in _normalizations(network):
        setattr(parent, name, StoredNormalization(layer))


def _normalizations(network: nn.Module) -> list[tuple[nn.Module, str, Normalization]]:
    """Every layer that normalises, with its parent and its name there."""
    return [
        (parent, name, child)
        for parent in network.modules()
        for name, child in parent.named_children()
        if isinstance(child, Normalization) and child.statistics != "none"
    ]


class HeldNormalization(nn.Module):
    """Normalises as `layer`, by statistics that are gathered once and then stay.

    Until `hold` is called a pass ends here, so that every layer is gathered from what the held
    layers before it let through.
    """

    def __init__(self, layer: Normalization) -> None:
        super().__init__()
        self.layer = layer
        self.gathered: list[tuple[Tensor, Tensor]] = []  # variance and mean of each picture
        self.held: tuple[Tensor, Tensor] | None = None

    def forward(self, x: Tensor, valid: Size | None = None) -> Tensor:
        """Normalise `(N, C, H, W)`; statistics come from the top left `valid` (height, width)."""
        inside = x if valid is None else x[..., : valid[0], : valid[1]]
        if inside.shape[-2] * inside.shape[-1] < LEAST:
            own: Tensor = self.layer(x, valid)
            return own
        if self.held is None:
            self.gathered.append(torch.var_mean(inside, dim=(0, 2, 3), correction=0))
            raise _Reached(self)
        variance, mean = self.held
        layer = self.layer
        return F.batch_norm(x, mean, variance, layer.weight, layer.bias, eps=layer.eps)

    def hold(self) -> None:
        """Pool what was gathered, each picture counting as much as any other."""
        variances, means = (torch.stack(values) for values in zip(*self.gathered, strict=True))
        between, mean = torch.var_mean(means, dim=0, correction=0)
        self.held = variances.mean(dim=0) + between, mean
        self.gathered.clear()


class _Reached(Exception):  # noqa: N818 - no error
    """A pass came to a layer that does not hold its statistics yet."""

    def __init__(self, layer: HeldNormalization) -> None:
        super().__init__()
        self.layer = layer


@contextmanager
def held_statistics(
    generator: nn.Module,
    pictures: Iterable[Any],
    run: Callable[[Any], object],
    on_progress: Callable[[int, int], object] = lambda _done, _layers: None,
) -> Iterator[None]:
    """Within this block the generator normalises by statistics pooled over `pictures`.

    They are what batch normalisation would take from all of them as one batch, at the memory of a
    single picture: `run` translates each once for every layer. The pictures are of one size, and
    only taken where there is something to normalise. After the block all is as before.
    """
    places = [
        place for place in _normalizations(generator) if not getattr(place[2], "stored", False)
    ]
    try:
        for parent, name, child in places:
            setattr(parent, name, HeldNormalization(child))
        if places:
            _gather(list(pictures), run, lambda done: on_progress(done, len(places)))
            on_progress(len(places), len(places))
        yield
    finally:
        for parent, name, child in places:
            setattr(parent, name, child)


@torch.no_grad()
def _gather(
    pictures: list[Any], run: Callable[[Any], object], on_progress: Callable[[int], object]
) -> None:
    """Layer by layer: all pictures are of one size and end at the same."""
    done = 0
    while (layer := _end_of(run, pictures[0])) is not None:
        for picture in pictures[1:]:
            _end_of(run, picture)
        layer.hold()
        done += 1
        on_progress(done)


def _end_of(run: Callable[[Any], object], picture: Any) -> HeldNormalization | None:
    """The layer at which a pass over the picture ends; None where it goes through."""
    try:
        run(picture)
    except _Reached as reached:
        return reached.layer
    return None
