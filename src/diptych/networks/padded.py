"""Pictures that were padded to be translated: normalisation goes by their own part alone."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import torch
from torch import Tensor, nn

from diptych.networks.stored_statistics import StoredNormalization, normalizations

Size = tuple[int, int]  # height and width

# Of the pass that runs in this thread: the picture's own size, and what it was padded to.
_sizes: ContextVar[tuple[Size, Size] | None] = ContextVar("sizes", default=None)


class PictureNormalization(StoredNormalization):
    """As a network normalises to translate: by stored statistics, or by each picture's own part.

    A plain layer becomes one by its class alone. Sums over large pictures keep all their digits,
    which torch's batch normalisation would lose.
    """

    stored = False  # where the layer itself says nothing

    def forward(self, x: Tensor) -> Tensor:
        """Normalise `(N, C, H, W)`."""
        if self.stored or self.statistics == "none":
            return super().forward(x)
        variance, mean = torch.var_mean(own_part(x), dim=(2, 3), keepdim=True, correction=0)
        scale = self.weight.view(-1, 1, 1) * torch.rsqrt(variance + self.eps)
        return (x - mean) * scale + self.bias.view(-1, 1, 1)


def normalize_by_picture(network: nn.Module) -> None:
    """Let a network normalise as it translates, with the weights it has."""
    for _, _, layer in normalizations(network):
        layer.__class__ = PictureNormalization


def translate_padded(
    network: nn.Module, padded: Any, size: Size, scale: int = 1, look: Tensor | None = None
) -> Any:
    """What a network that enlarges by `scale` makes of pictures of `size` (height, width).

    They come padded below and to the right, `(N, C, H, W)`, as a tensor or what stands for one; the
    result is cut to `scale * size`. `look`: for a network that takes one.
    """
    with only_own(size, (padded.shape[-2], padded.shape[-1])):
        translated = network(padded) if look is None else network(padded, look)
    return translated[..., : scale * size[0], : scale * size[1]]


@contextmanager
def only_own(size: Size, padded: Size) -> Iterator[None]:
    """Within this block networks get pictures of `size` that were padded to `padded`."""
    before = _sizes.set((size, padded))
    try:
        yield
    finally:
        _sizes.reset(before)


def own_part(x: Tensor) -> Tensor:
    """The top left of a map `(N, C, H, W)` that shows the picture, not its padding."""
    sizes = _sizes.get()
    if sizes is None:
        return x
    # Rounded up, in numbers that are never negative: ONNX rounds divisions towards zero.
    height, width = (
        (own * side + padded - 1) // padded
        for own, padded, side in zip(*sizes, x.shape[-2:], strict=True)
    )
    return x[..., :height, :width]
