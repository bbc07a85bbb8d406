"""The geometry of the report's charts, in the pixels of one small frame; the template draws it."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

MOST_POINTS = 160  # a curve has about as many points as a chart on a phone has room for


@dataclass(frozen=True)
class Frame:
    """The size of a chart and the edges of its plot, in pixels from the top left corner."""

    width: int = 320
    height: int = 200
    left: int = 46
    right: int = 272
    top: int = 34
    bottom: int = 156


FRAME = Frame()


@dataclass(frozen=True)
class Mark:
    """A place along an axis, or on the plot, and the text that stands beside it."""

    label: str
    x: float
    y: float


@dataclass(frozen=True)
class Bar:
    """One bar of a histogram."""

    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True)
class Chart:
    """What a chart shows: bars or a line, the ticks of both axes, and the one value it points at.

    ``line`` is the ``points`` attribute of an SVG polyline; ``averaged`` says how many logged
    values one of its points stands for.
    """

    title: str
    description: str
    x_label: str
    y_label: str
    x_ticks: Sequence[Mark]
    y_ticks: Sequence[Mark]
    mark: Mark
    bars: Sequence[Bar] = ()
    line: str = ""
    averaged: int = 1
    remarks: Sequence[Mark] = ()  # places along the x axis that are spoken of elsewhere
    frame: Frame = FRAME


@dataclass(frozen=True)
class _Axis:
    """A linear map from the values ``low`` to ``high`` to the pixels ``start`` to ``end``."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        share = (value - self.low) / (self.high - self.low)
        return round(self.start + share * (self.end - self.start), 1)


def histogram(values: Sequence[float], label: str, digits: int) -> Chart:
    """Counts of ``values`` in bins with round edges, the mean marked. At least one value."""
    scores = np.asarray(values, dtype=float)
    mean = float(scores.mean())
    edges = _ticks(*_span(scores), about=min(14, 2 + math.ceil(1.5 * math.sqrt(scores.size))))
    counts, _ = np.histogram(scores.clip(edges[0], edges[-1]), edges)
    heights = _ticks(0, counts.max(), about=4, least=1)
    x = _Axis(edges[0], edges[-1], FRAME.left, FRAME.right)
    y = _Axis(0, heights[-1], FRAME.bottom, FRAME.top)
    bars = [
        Bar(x(low), y(count), round(x(high) - x(low), 1), round(FRAME.bottom - y(count), 1))
        for low, high, count in zip(edges, edges[1:], counts, strict=False)
        if count
    ]
    return Chart(
        title=f"How {label} is spread over the pairs",
        description=f"Histogram of {scores.size} pairs: {label} from {scores.min():.{digits}f} "
        f"to {scores.max():.{digits}f}, mean {mean:.{digits}f}.",
        x_label=label,
        y_label="pairs",
        x_ticks=_x_marks(x),
        y_ticks=_y_marks(heights, y),
        mark=Mark(f"mean {mean:.{digits}f}", x(mean), FRAME.top),
        bars=bars,
    )


def line(
    label: str, steps: Sequence[float], values: Sequence[float], remarked: Sequence[float] = ()
) -> Chart | None:
    """One curve over the steps of a run, thinned by averaging; None where no value is finite.

    Steps that are `remarked` on are marked by their number, from 1 on.
    """
    points = np.asarray([steps, values], dtype=float)
    points = points[:, np.isfinite(points).all(axis=0)]
    logged = points.shape[1]
    if not logged:
        return None
    averaged = math.ceil(logged / MOST_POINTS)
    ends = np.append(np.arange(averaged, logged, averaged), logged)
    means = [float(part.mean()) for part in np.split(points[1], ends[:-1])]
    heights = _ticks(*_span(np.asarray(means)), about=4)
    x = _Axis(*_span(points[0]), FRAME.left, FRAME.right)
    y = _Axis(heights[0], heights[-1], FRAME.bottom, FRAME.top)
    places = [(x(step), y(mean)) for step, mean in zip(points[0, ends - 1], means, strict=True)]
    first, last = (_text(mean, (heights[1] - heights[0]) / 10) for mean in (means[0], means[-1]))
    # A run that ended in NaN is not drawn as if it had ended well.
    ended = last if math.isfinite(values[-1]) else str(float(values[-1]))
    return Chart(
        title=f"{label} over the run",
        description=f"Line chart of {logged} values of {label}: "
        f"{first} at first, {last} at step {points[0, -1]:,.0f}.",
        x_label="step",
        y_label=label,
        x_ticks=_x_marks(x, least=1),
        y_ticks=_y_marks(heights, y),
        mark=Mark(ended, *places[-1]),
        line=" ".join(f"{across},{down}" for across, down in places),
        averaged=averaged,
        remarks=[
            Mark(str(number), x(step), FRAME.top)
            for number, step in enumerate(remarked, start=1)
            if x.low <= step <= x.high
        ],
    )


def _span(values: np.ndarray) -> tuple[float, float]:
    """The lowest and the highest value, moved apart where they are the same."""
    low, high = float(values.min()), float(values.max())
    if high - low > 1e-9 * max(abs(low), abs(high)):
        return low, high
    room = abs(high) / 10 or 1.0
    return low - room, high + room


def _ticks(low: float, high: float, about: int, least: float = 0) -> list[float]:
    """Round values, 1, 2 or 5 times a power of ten apart, that enclose ``low`` to ``high``."""
    rough = (high - low) / about
    power = 10.0 ** math.floor(math.log10(rough))
    step = max(least, next((n * power for n in (1, 2, 5) if n * power >= rough), 10 * power))
    return [i * step for i in range(math.floor(low / step), math.ceil(high / step) + 1)]


def _x_marks(x: _Axis, least: float = 0) -> list[Mark]:
    values = _ticks(x.low, x.high, 4, least)
    step = values[1] - values[0]
    return [Mark(_text(v, step), x(v), FRAME.bottom) for v in values if x.low <= v <= x.high]


def _y_marks(values: Sequence[float], y: _Axis) -> list[Mark]:
    step = values[1] - values[0]
    return [Mark(_text(v, step), FRAME.left, y(v)) for v in values]


def _text(value: float, step: float) -> str:
    """``value`` with as many digits as tell apart values ``step`` apart."""
    if not 1e-5 < step < 1e6:
        return f"{value:.3g}"
    digits = max(0, -math.floor(math.log10(step) + 1e-6))  # differences of floats fall short
    return f"{value:,.{digits}f}".replace("-", "−")
