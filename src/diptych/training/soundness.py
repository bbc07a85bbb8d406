"""Losses and weights that are numbers: looked at before anything is kept."""

from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor


class Diverged(Exception):  # noqa: N818 - no mistake of anybody's: training goes back and on
    """Something is not finite; says what."""


def check_finite(state: Mapping[str, Any]) -> None:
    """Raise Diverged where a tensor of `state`, however deep in it, holds what is not finite.

    A sum tells: it is finite only where all that it adds up is.
    """
    tensors = dict(_tensors("", state))
    if not tensors:
        return
    finite = torch.stack([tensor.sum().float().cpu() for tensor in tensors.values()]).isfinite()
    if not bool(finite.all()):
        name = list(tensors)[int(finite.int().argmin())]
        raise Diverged(f"{name} is not finite")


def _tensors(place: str, part: Any) -> Iterator[tuple[str, Tensor]]:
    if isinstance(part, Tensor):
        if part.is_floating_point():
            yield place, part.detach()
    elif isinstance(part, Mapping):
        for name, inner in part.items():
            yield from _tensors(f"{place}.{name}" if place else str(name), inner)
