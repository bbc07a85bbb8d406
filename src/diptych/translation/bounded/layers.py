"""Layers that see more than a pixel, computed by windows: rules for functions of torch.

Each says which part of its input a part of its output reaches for, and how the one makes the other.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from diptych.images.windows import Span, Window
from diptych.translation.bounded.windowed import Windowed, cut, no_rule

Pair = tuple[int, int]  # for rows and columns
# Which place of a side is repeated at places beyond its ends, by how it is padded.
REPEATED: dict[str, Callable[[np.ndarray, int], np.ndarray]] = {
    "reflect": lambda places, side: side - 1 - np.abs(side - 1 - np.abs(places)),
    "replicate": lambda places, side: places.clip(0, side - 1),
}
CUBIC = 3  # pixels to either side that bicubic enlargement looks at, and one to spare


def conv2d(
    x: Windowed,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: int | Pair = 1,
    padding: int | Pair = 0,
    dilation: int | Pair = 1,
    groups: int = 1,
) -> Windowed:
    """A convolution; zeros stand beyond the edges of the picture, and nowhere else."""
    steps, pads, gaps = _pair(stride), _pair(padding), _pair(dilation)
    extent = [gap * (side - 1) + 1 for gap, side in zip(gaps, weight.shape[-2:], strict=True)]

    def reach(span: Span, axis: int) -> Span:
        start = span[0] * steps[axis] - pads[axis]
        return start, (span[1] - 1) * steps[axis] - pads[axis] + extent[axis]

    def make(parts: Sequence[Tensor], window: Window, held: Window) -> Tensor:
        rows, columns = (
            (had[0] - reached[0], reached[1] - had[1])
            for had, reached in zip(held, map(reach, window, (0, 1)), strict=True)
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


def conv_transpose2d(
    x: Windowed,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: int | Pair = 1,
    padding: int | Pair = 0,
    output_padding: int | Pair = 0,
    groups: int = 1,
    dilation: int | Pair = 1,
) -> Windowed:
    """A transposed convolution, of which only what lies in the window is kept."""
    steps, pads, more, gaps = map(_pair, (stride, padding, output_padding, dilation))
    extent = [gap * (side - 1) + 1 for gap, side in zip(gaps, weight.shape[-2:], strict=True)]
    if any(m > pad for m, pad in zip(more, pads, strict=True)) or any(
        within < step for within, step in zip(extent, steps, strict=True)
    ):
        raise no_rule("a transposed convolution that leaves pixels out")

    def reach(span: Span, axis: int) -> Span:
        # Input i is spread over i * step - pad and the extent from there.
        start = -((extent[axis] - 1 - pads[axis] - span[0]) // steps[axis])
        return start, (span[1] - 1 + pads[axis]) // steps[axis] + 1

    def make(parts: Sequence[Tensor], window: Window, held: Window) -> Tensor:
        spread = F.conv_transpose2d(parts[0], weight, bias, steps, 0, 0, groups, gaps)
        starts = [g[0] * step - pad for g, step, pad in zip(held, steps, pads, strict=True)]
        return cut(spread, window, starts)

    height, width = (
        (side - 1) * step - 2 * pad + within + m
        for side, step, pad, within, m in zip(
            (x.height, x.width), steps, pads, extent, more, strict=True
        )
    )
    return x.derived(make, (weight.shape[1] * groups, height, width), reach)


def pixel_shuffle(x: Windowed, factor: int) -> Windowed:
    """Channels spread over `factor` by `factor` pixels."""
    channels = x.channels // factor**2
    return _enlarged(x, channels, factor, lambda part: F.pixel_shuffle(part, factor))


def interpolate(
    x: Windowed, size: Any = None, scale_factor: float | None = None, **how: Any
) -> Windowed:
    """Enlargement by a whole number, of any kind up to bicubic, corners not aligned."""
    larger = scale_factor or 1
    height, width = size or (int(x.height * larger), int(x.width * larger))
    factor = height // x.height
    if (height, width) != (x.height * factor, x.width * factor) or how.get("align_corners"):
        raise no_rule("enlarging by no whole number")

    def enlarge(part: Tensor) -> Tensor:
        return F.interpolate(part, [factor * side for side in part.shape[-2:]], **how)

    around = 0 if how.get("mode", "nearest") == "nearest" else CUBIC
    return _enlarged(x, x.channels, factor, enlarge, around)


def _enlarged(
    x: Windowed, channels: int, factor: int, enlarge: Callable[[Tensor], Tensor], around: int = 0
) -> Windowed:
    """What `enlarge` makes of a map, looking at so many pixels `around` each."""

    def reach(span: Span, _: int) -> Span:
        return span[0] // factor - around, -(-span[1] // factor) + around

    def make(parts: Sequence[Tensor], window: Window, held: Window) -> Tensor:
        return cut(enlarge(parts[0]), window, [factor * start for start, _ in held])

    return x.derived(make, (channels, factor * x.height, factor * x.width), reach)


def pad(x: Windowed, pad: Sequence[int], mode: str = "constant", **_: Any) -> Windowed:
    """Padding on any side, by reflection or by the edge's values."""
    if mode not in REPEATED or len(pad) != 4:
        raise no_rule(f"padding by {mode}")
    before, sides = (pad[2], pad[0]), (x.height, x.width)

    def repeated(span: Span, axis: int) -> np.ndarray:
        return REPEATED[mode](np.arange(*span) - before[axis], sides[axis])

    def reach(span: Span, axis: int) -> Span:
        places = repeated(span, axis)
        return int(places.min()), int(places.max()) + 1

    def make(parts: Sequence[Tensor], window: Window, held: Window) -> Tensor:
        part = parts[0]
        for axis in (0, 1):
            places = repeated(window[axis], axis) - held[axis][0]
            if (places != np.arange(len(places))).any():  # not all of what is held, in order
                part = part.index_select(2 + axis, torch.from_numpy(places).to(part.device))
        return part

    size = x.channels, x.height + pad[2] + pad[3], x.width + pad[0] + pad[1]
    return x.derived(make, size, reach)


def _pair(value: int | Pair) -> Pair:
    return (value, value) if isinstance(value, int) else value
