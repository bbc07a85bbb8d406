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

from diptych.errors import DiptychError
from diptych.images.padding import reflected
from diptych.images.windows import Span, Window
from diptych.translation.windowed import Make, Reach, Size, Windowed, as_it_is

Pair = tuple[int, int]  # for rows and columns
CUBIC = 3  # pixels to either side that bicubic enlargement looks at, and one to spare


class FeatureMap(Windowed):
    """`(1, C, H, W)` float32 as networks see it."""

    cut_from: "FeatureMap | None" = None  # where it is the top left of another

    def derived(
        self,
        make: Make,
        size: Size | None = None,
        reach: Reach = as_it_is,
        others: Sequence["FeatureMap"] = (),
    ) -> "FeatureMap":
        """A map made of this one, and of `others` of the same height and width."""
        size = size or (self.channels, self.height, self.width)
        return FeatureMap(size, self.workspace, make, (self, *others), reach)

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
        keys = (slice(None),) * (5 - len(key)) + key[1:] if key[0] is Ellipsis else key
        keys += (slice(None),) * (4 - len(keys))
        _, channels, *sides = (range(n)[k] for n, k in zip(self.shape, keys, strict=True))
        if any(side.start or side.step != 1 for side in sides):
            raise _unknown("a cut that does not begin at the top left")
        size = len(channels), *map(len, sides)
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
            raise _unknown(getattr(function, "__name__", str(function)))
        return RULES[function](*args, **(kwargs or {}))


def _unknown(what: str) -> DiptychError:
    return DiptychError(f"this network can only translate whole pictures: no rule for {what}")


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
        raise _unknown("numbers that differ from place to place")
    return x.derived(lambda parts, *_: function(parts[0], other))


def _cat(maps: Sequence[FeatureMap], dim: int = 0) -> FeatureMap:
    if dim != 1:
        raise _unknown(f"cat along {dim}")
    first, *others = maps
    size = sum(x.channels for x in maps), first.height, first.width
    return first.derived(lambda parts, *_: torch.cat(list(parts), 1), size, others=others)


def _dropout(
    x: FeatureMap, p: float = 0.5, training: bool = True, inplace: bool = False  # noqa: ARG001
) -> FeatureMap:
    if training and p:
        raise _unknown("noise")
    return x


# Convolutions, and what else sees more than a pixel.


def _conv2d(
    x: FeatureMap,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: int | Pair = 1,
    padding: int | Pair = 0,
    dilation: int | Pair = 1,
    groups: int = 1,
) -> FeatureMap:
    steps, pads, gaps = _pair(stride), _pair(padding), _pair(dilation)
    extent = [gap * (side - 1) + 1 for gap, side in zip(gaps, weight.shape[-2:], strict=True)]

    def reach(span: Span, axis: int) -> Span:
        start = span[0] * steps[axis] - pads[axis]
        return start, (span[1] - 1) * steps[axis] - pads[axis] + extent[axis]

    def make(parts: Sequence[Tensor], window: Window, given: Window) -> Tensor:
        rows, columns = (
            (had[0] - reached[0], reached[1] - had[1])
            for had, reached in zip(given, map(reach, window, (0, 1)), strict=True)
        )
        if rows[0] == rows[1] and columns[0] == columns[1]:
            zeros, part = (rows[0], columns[0]), parts[0]
        else:
            zeros, part = (0, 0), F.pad(parts[0], (*columns, *rows))
        return F.conv2d(part, weight, bias, steps, zeros, gaps, groups)

    height, width = (
        (side + 2 * pad - within) // step + 1
        for side, pad, within, step in zip((x.height, x.width), pads, extent, steps, strict=True)
    )
    return x.derived(make, (len(weight), height, width), reach)


def _conv_transpose2d(
    x: FeatureMap,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: int | Pair = 1,
    padding: int | Pair = 0,
    output_padding: int | Pair = 0,
    groups: int = 1,
    dilation: int | Pair = 1,
) -> FeatureMap:
    steps, pads, more, gaps = map(_pair, (stride, padding, output_padding, dilation))
    extent = [gap * (side - 1) + 1 for gap, side in zip(gaps, weight.shape[-2:], strict=True)]
    if any(m > p for m, p in zip(more, pads, strict=True)):
        raise _unknown("output_padding above padding")

    def reach(span: Span, axis: int) -> Span:
        # Input i is spread over i * step - pad and the extent from there.
        start = -((extent[axis] - 1 - pads[axis] - span[0]) // steps[axis])
        return start, (span[1] - 1 + pads[axis]) // steps[axis] + 1

    def make(parts: Sequence[Tensor], window: Window, given: Window) -> Tensor:
        spread = F.conv_transpose2d(parts[0], weight, bias, steps, 0, 0, groups, gaps)
        starts = [g[0] * step - pad for g, step, pad in zip(given, steps, pads, strict=True)]
        return _cut(spread, window, starts)

    height, width = (
        (side - 1) * step - 2 * pad + within + m
        for side, step, pad, within, m in zip(
            (x.height, x.width), steps, pads, extent, more, strict=True
        )
    )
    return x.derived(make, (weight.shape[1] * groups, height, width), reach)


def _pixel_shuffle(x: FeatureMap, factor: int) -> FeatureMap:
    def make(parts: Sequence[Tensor], window: Window, given: Window) -> Tensor:
        return _cut(F.pixel_shuffle(parts[0], factor), window, [factor * g[0] for g in given])

    size = x.channels // factor**2, x.height * factor, x.width * factor
    return x.derived(make, size, lambda span, _: (span[0] // factor, -(-span[1] // factor)))


def _interpolate(
    x: FeatureMap, size: Any = None, scale_factor: float | None = None, **how: Any
) -> FeatureMap:
    height, width = size if size is not None else (int(s * scale_factor) for s in x.shape[-2:])
    factor = height // x.height
    if (height, width) != (x.height * factor, x.width * factor) or how.get("align_corners"):
        raise _unknown("enlarging by no whole number")

    def reach(span: Span, _: int) -> Span:
        return span[0] // factor - CUBIC, -(-span[1] // factor) + CUBIC

    def make(parts: Sequence[Tensor], window: Window, given: Window) -> Tensor:
        sides = [factor * side for side in parts[0].shape[-2:]]
        larger = F.interpolate(parts[0], sides, **how)
        return _cut(larger, window, [factor * g[0] for g in given])

    return x.derived(make, (x.channels, height, width), reach)


def _pad(
    x: FeatureMap, pad: Sequence[int], mode: str = "constant", value: float | None = None  # noqa: ARG001
) -> FeatureMap:
    if mode != "reflect" or len(pad) != 4:
        raise _unknown(f"padding by {mode}")
    before = pad[2], pad[0]
    sides = x.height, x.width

    def places(span: Span, axis: int) -> Tensor:
        return torch.arange(*span).sub(before[axis])

    def reach(span: Span, axis: int) -> Span:
        shown = reflected(places(span, axis).numpy(), sides[axis])
        return int(shown.min()), int(shown.max()) + 1

    def make(parts: Sequence[Tensor], window: Window, given: Window) -> Tensor:
        part = parts[0]
        for axis in (0, 1):
            shown = reflected(places(window[axis], axis).numpy(), sides[axis]) - given[axis][0]
            part = part.index_select(2 + axis, torch.from_numpy(shown).to(part.device))
        return part

    size = x.channels, x.height + pad[2] + pad[3], x.width + pad[0] + pad[1]
    return x.derived(make, size, reach)


# Statistics of the whole map.


def _var_mean(
    x: FeatureMap, dim: Pair, correction: int = 1, keepdim: bool = False
) -> tuple[Tensor, Tensor]:
    if dim != (2, 3) or correction or not keepdim:
        raise _unknown("statistics of another kind")
    variance, mean = (x.cut_from or x).settle((x.height, x.width))
    return variance.view(1, -1, 1, 1), mean.view(1, -1, 1, 1)


def _cut(values: Tensor, window: Window, starts: Sequence[int]) -> Tensor:
    """The window of `values`, which begin at `starts` of rows and columns."""
    rows, columns = (
        slice(span[0] - start, span[1] - start) for span, start in zip(window, starts, strict=True)
    )
    return values[..., rows, columns]


def _pair(value: int | Pair) -> Pair:
    return (value, value) if isinstance(value, int) else value


RULES: dict[Callable[..., Any], Callable[..., Any]] = {
    F.relu: _pixelwise(F.relu),
    F.leaky_relu: _pixelwise(F.leaky_relu),
    torch.tanh: _pixelwise(torch.tanh),
    torch.clamp: _pixelwise(torch.clamp),
    torch.cat: _cat,
    F.dropout: _dropout,
    F.conv2d: _conv2d,
    F.conv_transpose2d: _conv_transpose2d,
    F.pixel_shuffle: _pixel_shuffle,
    F.interpolate: _interpolate,
    F.pad: _pad,
    torch.var_mean: _var_mean,
}
