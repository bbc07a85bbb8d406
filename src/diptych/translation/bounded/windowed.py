"""Arrays computed window by window, each window from windows of the arrays it is made of."""

from collections.abc import Callable, Iterator, Sequence
from typing import Self

import numpy as np
import torch
from torch import Tensor

from diptych.errors import DiptychError
from diptych.images.windows import Span, Window
from diptych.translation.bounded.workspace import Block, Workspace, in_gb

Size = tuple[int, int, int]  # channels, height, width
Reach = Callable[[Span, int], Span]
Make = Callable[[Sequence[Tensor], Window, Window], Tensor]

STATISTICS_BLOCK = 4096  # pixels summed in float32 at a time: few enough to be exact to 1e-7
SMALLEST = 8  # a window's side
COMFORTABLE = 64_000_000  # bytes behind a window, below which smaller ones are no faster
AGAIN = 1.05  # so much more work, since windows overlap, is not worth halving them


def as_it_is(span: Span, _: int) -> Span:
    """The reach of what is done to each pixel by itself."""
    return span


def no_rule(what: str) -> DiptychError:
    """The error where a network does what cannot be done by windows."""
    return DiptychError(f"this network translates whole pictures only: no rule for {what}")


class Windowed:
    """`(1, C, H, W)` in float32, of which windows are computed when they are asked for.

    `reach` says which span of its inputs a span of its rows (axis 0) or columns (1) is made of; it
    may go beyond their edges. `make` gets those parts of the inputs, the window that is wanted, and
    the window that the parts are: what was reached for, cut at the edges.
    """

    def __init__(
        self,
        size: Size,
        workspace: Workspace,
        make: Make,
        inputs: Sequence["Windowed"] = (),
        reach: Reach = as_it_is,
    ) -> None:
        self.channels, self.height, self.width = size
        self.workspace, self.make = workspace, make
        self.inputs, self.reach = tuple(inputs), reach

    def derived(
        self,
        make: Make,
        size: Size | None = None,
        reach: Reach = as_it_is,
        others: Sequence["Windowed"] = (),
    ) -> Self:
        """An array made of this one, and of `others` of the same height and width."""
        if any((x.height, x.width) != (self.height, self.width) for x in others):
            raise no_rule("maps of different sizes together")
        size = size or (self.channels, self.height, self.width)
        return type(self)(size, self.workspace, make, (self, *others), reach)

    def compute(self, window: Window) -> Tensor:
        """The values in a window, `(1, C, rows, columns)`."""
        wanted = self.wanted(window)
        values: dict[Windowed, Tensor] = {}
        for node, spent in self._steps():
            held = node.reached(wanted[node])
            parts = [
                cut(values[source], held, [start for start, _ in wanted[source]])
                for source in node.inputs
            ]
            values[node] = node.make(parts, wanted[node], held)
            for source in spent:
                del values[source]
        return values[self]

    def cost(self, window: Window) -> int:
        """Bytes that `compute` and writing what it computed hold at the most."""
        sizes = self._sizes(window)
        held = most = 0
        for node, spent in self._steps():
            held += sizes[node]
            most = max(most, held)
            held -= sum(sizes[source] for source in spent)
        return most + sizes[self]

    def windows(self) -> Iterator[Window]:
        """Windows that make up the whole, row by row, of a size that suits the workspace.

        Small ones, which stay in the processor's caches, unless too much would be computed again
        around each. Raises DiptychError where there is no room for any.
        """
        high, wide = self.height, self.width
        while max(high, wide) > SMALLEST:
            halved = (-(-high // 2), wide) if high >= wide else (high, -(-wide // 2))
            now, then = _centred(high, wide, self), _centred(*halved, self)
            cost = self.cost(now)
            settled = cost <= COMFORTABLE or self._work(then) > AGAIN * self._work(now)
            if settled and cost <= self.workspace.window:
                break
            high, wide = halved
        if self.cost(_centred(high, wide, self)) > self.workspace.window:
            raise DiptychError(f"{in_gb(self.workspace.window)} of memory for a window: too little")
        for top in range(0, self.height, high):
            for left in range(0, self.width, wide):
                rows = top, min(top + high, self.height)
                yield rows, (left, min(left + wide, self.width))

    def settle(self, valid: tuple[int, int]) -> tuple[Tensor, Tensor]:
        """Compute the whole and keep it in the workspace, to be read from there ever after.

        Returns variance and mean of each channel, `(C,)`, of the top left `valid` (height, width).
        """
        block = Block((self.height, self.width, self.channels), np.float32, self.workspace)
        moments = Moments(self.channels)
        for window in self.windows():
            if self.workspace.dry:
                break
            values = self.compute(window)
            (top, _), (left, _) = window
            moments.add(values[..., : max(0, valid[0] - top), : max(0, valid[1] - left)])
            block.write(window, values[0].permute(1, 2, 0).cpu().numpy())
        device = self.workspace.device
        # As `(1, C, h, w)` of the same memory: channels last.
        self.make = lambda _, wanted, __: (
            torch.from_numpy(block.read(wanted)).permute(2, 0, 1)[None].to(device)
        )
        self.inputs, self.reach = (), as_it_is
        return moments.variance().to(device), moments.mean.float().to(device)

    def reached(self, window: Window) -> Window:
        """The window of every input that a window is made of."""
        if not self.inputs:
            return window
        sides = self.inputs[0].height, self.inputs[0].width
        rows, columns = (
            (max(0, start), min(stop, side))
            for (start, stop), side in zip(map(self.reach, window, (0, 1)), sides, strict=True)
        )
        return rows, columns

    def _sizes(self, window: Window) -> dict["Windowed", int]:
        """Bytes of every array on the way to a window."""
        return {
            node: 4 * node.channels * (bottom - top) * (right - left)
            for node, ((top, bottom), (left, right)) in self.wanted(window).items()
        }

    def _work(self, window: Window) -> float:
        """What is computed for each pixel of a window, what lies around it included."""
        (top, bottom), (left, right) = window
        return sum(self._sizes(window).values()) / ((bottom - top) * (right - left))

    def wanted(self, window: Window) -> dict["Windowed", Window]:
        """The window of every array on the way that a window of this one takes."""
        wanted = {self: window}
        for node, _ in reversed(self._steps()):
            held = node.reached(wanted[node])
            for source in node.inputs:
                wanted[source] = _hull(wanted.get(source, held), held)
        return wanted

    def _steps(self) -> list[tuple["Windowed", list["Windowed"]]]:
        """Every array on the way in order, inputs first, with those that none after it needs."""
        order: dict[Windowed, None] = {}
        _visit(self, order)
        last = {source: node for node in order for source in node.inputs}
        return [
            (node, [s for s in dict.fromkeys(node.inputs) if last[s] is node]) for node in order
        ]


class Moments:
    """Mean and variance of each channel, gathered from parts.

    Within blocks in float32 around the block's own mean, between blocks in float64 (Chan, Golub,
    LeVeque 1983), so that neither size nor offset costs digits.
    """

    def __init__(self, channels: int) -> None:
        self.count = 0
        self.mean = torch.zeros(channels, dtype=torch.float64)
        self.squares = torch.zeros(channels, dtype=torch.float64)

    def add(self, values: Tensor) -> None:
        """Take in `(1, C, h, w)`; either side may be 0."""
        pixels = values.permute(0, 2, 3, 1).reshape(-1, len(self.mean))
        for block in torch.split(pixels, STATISTICS_BLOCK):
            if not len(block):
                continue
            mean = block.mean(0)
            squares = (block - mean).square_().sum(0).cpu().double()
            apart = mean.cpu().double() - self.mean
            total = self.count + len(block)
            self.mean += apart * (len(block) / total)
            self.squares += squares + apart.square() * (self.count * len(block) / total)
            self.count = total

    def variance(self) -> Tensor:
        """The mean square around the mean, `(C,)` in float32."""
        return (self.squares / max(1, self.count)).float()


def _visit(node: Windowed, order: dict[Windowed, None]) -> None:
    """Put a node behind all that it is made of."""
    if node not in order:
        for source in node.inputs:
            _visit(source, order)
        order[node] = None


def _hull(one: Window, other: Window) -> Window:
    rows, columns = ((min(a[0], b[0]), max(a[1], b[1])) for a, b in zip(one, other, strict=True))
    return rows, columns


def cut(values: Tensor, window: Window, starts: Sequence[int]) -> Tensor:
    """The window of `values`, which begin at `starts` of rows and columns."""
    rows, columns = (
        slice(span[0] - start, span[1] - start) for span, start in zip(window, starts, strict=True)
    )
    return values[..., rows, columns]


def _centred(high: int, wide: int, array: Windowed) -> Window:
    """A window in the middle, where it reaches furthest."""
    top, left = (array.height - high) // 2, (array.width - wide) // 2
    return (top, top + high), (left, left + wide)
