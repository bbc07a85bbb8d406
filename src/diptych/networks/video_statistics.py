"""Normalisation by statistics that are pooled over all frames of a video, and held."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from diptych.networks.padded import own_part
from diptych.networks.stored_statistics import normalizations
from diptych.pix2pix import Normalization

# Below so many pixels a layer goes by each picture's own statistics: there they are much of what
# the layer says of the picture. Held there as well, videos of labels flickered more than without;
# from 64 on less, and as much as with any higher bound.
LEAST = 64


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

    def forward(self, x: Tensor) -> Tensor:
        """Normalise `(N, C, H, W)`."""
        own = own_part(x)
        if own.shape[-2] * own.shape[-1] < LEAST:
            normalized: Tensor = self.layer(x)
            return normalized
        if self.held is None:
            self.gathered.append(torch.var_mean(own, dim=(0, 2, 3), correction=0))
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
        place for place in normalizations(generator) if not getattr(place[2], "stored", False)
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
