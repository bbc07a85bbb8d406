"""Feature maps that are never whole in memory, on which a network's own `forward` runs.

A `FeatureMap` stands where a tensor would and holds no values. A network without normalisation is
so computed window by window, each with as much around it as it reaches for. Where the statistics of
a whole map are asked for, that map is computed first, kept in the workspace, and read from there
ever after. Every value comes from the same numbers as in a pass over the whole picture, whatever
the windows are: there are no seams.

A network can be run so if its `forward` calls the functions in `RULES` alone; beside them it may
add, subtract and multiply maps, or numbers for each channel, and cut maps at the top left. For a
further function, write the rule: what part of its input a part of its output reaches for, and how
the one makes the other.
"""

from collections.abc import Callable, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from diptych.translation.bounded import layers
from diptych.translation.bounded.windowed import Windowed, no_rule


class FeatureMap(Windowed):
    """`(1, C, H, W)` float32 as networks see it."""

    cut_from: "FeatureMap | None" = None  # where it is the top left of another

    @property
    def shape(self) -> torch.Size:
        """As a tensor's."""
        return torch.Size((1, self.channels, self.height, self.width))

    @property
    def device(self) -> torch.device:
        """Where windows are computed."""
        return self.workspace.device

    def __len__(self) -> int:
        return 1

    def float(self) -> "FeatureMap":
        """Itself."""
        return self

    def new_zeros(self, shape: Sequence[int]) -> "FeatureMap":
        """A map of zeros, as high and wide as this one."""
        channels = shape[1]
        return self.derived(
            lambda parts, *_: parts[0].new_zeros(1, channels, *parts[0].shape[-2:]),
            (channels, self.height, self.width),
        )

    def __getitem__(self, key: Any) -> "FeatureMap":
        keys = key if isinstance(key, tuple) else (key,)
        if keys[0] is Ellipsis:
            keys = (slice(None),) * (5 - len(keys)) + keys[1:]
        keys += (slice(None),) * (4 - len(keys))
        if not all(isinstance(each, slice) for each in keys):
            raise no_rule("a cut by other than slices")
        _, channels, rows, columns = (range(n)[k] for n, k in zip(self.shape, keys, strict=True))
        if any(side.start or side.step != 1 for side in (rows, columns)):
            raise no_rule("a cut that does not begin at the top left")
        size = len(channels), len(rows), len(columns)
        cut = self.derived(lambda parts, *_: parts[0][:, keys[1]], size)
        if len(channels) == self.channels:
            cut.cut_from = self
        return cut

    def __add__(self, other: Any) -> "FeatureMap":
        return _together(torch.add, self, other)

    def __sub__(self, other: Any) -> "FeatureMap":
        return _together(torch.sub, self, other)

    def __mul__(self, other: Any) -> "FeatureMap":
        return _together(torch.mul, self, other)

    @classmethod
    def __torch_function__(
        cls, function: Callable[..., Any], _: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        """Called in place of a function of torch that is given a feature map."""
        if function not in RULES:
            raise no_rule(getattr(function, "__name__", str(function)))
        return RULES[function](*args, **(kwargs or {}))


# Pixel by pixel.


def _pixelwise(function: Callable[..., Tensor]) -> Callable[..., FeatureMap]:
    def rule(x: FeatureMap, *args: Any, inplace: bool = False, **kwargs: Any) -> FeatureMap:  # noqa: ARG001
        # In place never: a part may be a view of what is kept for others.
        return x.derived(lambda parts, *_: function(parts[0], *args, **kwargs))

    return rule


def _together(
    function: Callable[[Any, Any], Tensor], x: FeatureMap, other: "FeatureMap | Tensor | float"
) -> FeatureMap:
    if isinstance(other, FeatureMap):
        return x.derived(lambda parts, *_: function(*parts), others=[other])
    if isinstance(other, Tensor) and other.shape[-2:].numel() > 1:
        raise no_rule("numbers that differ from place to place")
    return x.derived(lambda parts, *_: function(parts[0], other))


def _cat(maps: Sequence[FeatureMap], dim: int = 0) -> FeatureMap:
    if dim != 1:
        raise no_rule(f"cat along {dim}")
    first, *others = maps
    size = sum(x.channels for x in maps), first.height, first.width
    return first.derived(lambda parts, *_: torch.cat(list(parts), 1), size, others=others)


def _mean(x: FeatureMap, dim: int, keepdim: bool = False) -> FeatureMap:
    if dim != 1 or not keepdim:
        raise no_rule(f"a mean over {dim}")
    size = 1, x.height, x.width
    return x.derived(lambda parts, *_: parts[0].mean(1, keepdim=True), size)


def _dropout(x: FeatureMap, p: float = 0.5, training: bool = True, **_: Any) -> FeatureMap:
    if training and p:
        raise no_rule("noise")
    return x


# Statistics of the whole map.


def _var_mean(
    x: FeatureMap, dim: Sequence[int], correction: int = 1, keepdim: bool = False
) -> tuple[Tensor, Tensor]:
    if tuple(dim) != (2, 3) or correction or not keepdim:
        raise no_rule("statistics of another kind")
    variance, mean = (x.cut_from or x).settle((x.height, x.width))
    return variance.view(1, -1, 1, 1), mean.view(1, -1, 1, 1)


RULES: dict[Callable[..., Any], Callable[..., Any]] = {
    F.relu: _pixelwise(F.relu),
    F.leaky_relu: _pixelwise(F.leaky_relu),
    F.relu6: _pixelwise(F.relu6),
    torch.tanh: _pixelwise(torch.tanh),
    torch.clamp: _pixelwise(torch.clamp),
    torch.square: _pixelwise(torch.square),
    torch.rsqrt: _pixelwise(torch.rsqrt),
    torch.mean: _mean,
    torch.cat: _cat,
    F.dropout: _dropout,
    F.conv2d: layers.conv2d,
    F.conv_transpose2d: layers.conv_transpose2d,
    F.pixel_shuffle: layers.pixel_shuffle,
    F.interpolate: layers.interpolate,
    F.pad: layers.pad,
    torch.var_mean: _var_mean,
}
