"""A step on a batch that is computed in parts: one after the other, or each by another process.

The gradients of all parts are averaged before an optimiser steps, so that the step is that of the
whole batch. D learns from all parts before G learns from any, as in a whole one. Where parts come
one after the other G translates each twice for that, and memory holds the layers of one at a time.
"""

from collections.abc import Callable, Sequence
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from diptych.data.batches import Batch
from diptych.pix2pix import Optimizers
from diptych.training.checkpoint import random_state, restore_random_state
from diptych.training.out_of_memory import is_out_of_memory
from diptych.training.together import Processes
from diptych.training.whole_batch import WholeBatch

Losses = dict[str, Tensor]
Backward = Callable[[Tensor], object]


class InParts:
    """Makes steps on batches of `count` parts, of which this process has its share.

    `learn` is `train_step` on a part: it steps the optimisers that it is handed, and calls what it
    is handed for the backward pass. `retry`, where there is one, hears of it when memory does not
    suffice, and from then on a batch is computed in twice the parts, down to single pairs.
    """

    def __init__(
        self,
        learn: Callable[[Batch, Optimizers, Backward], Losses],
        backward: Backward,
        discriminator: nn.Module | None,
        whole: WholeBatch,
        processes: Processes,
        count: int = 1,
    ) -> None:
        self.learn, self.backward = learn, backward
        self.buffers = [] if discriminator is None else list(discriminator.buffers())
        self.whole, self.processes = whole, processes
        self.count = count
        self.retry: Callable[[int], object] | None = None

    def __call__(self, batch: Batch, optimizers: Optimizers) -> Losses:
        """One step of the optimisers there are; its losses are those of the whole batch."""
        losses: Losses = {}
        left = optimizers  # those that have not stepped
        before = _Before(self.buffers) if self._may_repeat else None
        while any(left):
            parts = batch.parts(self.count)
            turn = left
            if len(parts) > 1 and left.discriminator is not None:
                turn = Optimizers(None, left.discriminator)
            held = [self._held(each, len(parts)) for each in turn]
            if before is not None and held[1] is not None:
                held[1].on_step = before.keep_buffers
            lacking = False
            try:
                losses |= self._turn(parts, held, before)
            except RuntimeError as error:
                if not (is_out_of_memory(error) and self._may_part(len(parts), batch)):
                    raise
                lacking = True
            if lacking:  # the error is gone by now, and the memory that it held
                self._part_further(2 * len(parts), optimizers)
            stepped = [each is not None and each.stepped for each in held]
            left = Optimizers(
                *(None if gone else each for gone, each in zip(stepped, left, strict=True))
            )
        self.processes.add_up(list(losses.values()))  # once: others may have taken other turns
        return losses

    def _held(self, optimizer: Optimizer | None, parts: int) -> "Held | None":
        return None if optimizer is None else Held(optimizer, parts, self.processes)

    def _turn(
        self, parts: Sequence[Batch], held: "Sequence[Held | None]", before: "_Before | None"
    ) -> Losses:
        """Have networks learn from all parts; the mean losses."""
        optimizers = Optimizers(*cast(Any, held))
        means: Losses = {}
        try:
            for part in parts:
                if before is not None and len(parts) > 1:
                    before.restore()
                self.whole.share = part.share
                losses = self.learn(part, optimizers, self._backward_of(part, held))
                if part.share is None:
                    return losses
                for name, loss in losses.items():
                    means[name] = means.get(name, 0) + part.share.weight * loss
        finally:
            self.whole.share = None
        return means

    def _backward_of(self, part: Batch, held: "Sequence[Held | None]") -> Backward:
        def backward(objective: Tensor) -> None:
            for each in filter(None, held):
                each.fault = each.fault + (1 - objective.detach().isfinite().float())
            share = part.share
            self.backward(objective if share is None else share.weight * objective)

        return backward

    def _may_part(self, parts: int, batch: Batch) -> bool:
        """Whether to compute a batch in more parts than these."""
        return self.retry is not None and self._may_repeat and parts < len(batch.source)

    @property
    def _may_repeat(self) -> bool:
        """Whether a forward pass of this step may be made again; while it is captured none is."""
        if torch.cuda.is_available() and torch.cuda.is_current_stream_capturing():
            return False
        return self.count > 1 or self.retry is not None

    def _part_further(self, count: int, optimizers: Optimizers) -> None:
        self.count = count
        for optimizer in filter(None, optimizers):
            optimizer.zero_grad()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        if self.retry is not None:
            self.retry(count)


class Held:
    """An optimiser that is cleared before the first of several parts, and steps after the last.

    It skips that step where an objective was not finite, in whichever part or process.
    """

    def __init__(self, optimizer: Optimizer, parts: int, processes: Processes) -> None:
        self.optimizer, self.processes = optimizer, processes
        self.parts, self.asked = parts, 0
        self.fault: Tensor | float = 0.0
        self.on_step: Callable[[], object] = lambda: None

    @property
    def stepped(self) -> bool:
        """Whether it has."""
        return self.asked == self.parts

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Clear the gradients, before the first part."""
        if self.asked == 0:
            self.optimizer.zero_grad(set_to_none=set_to_none)
            self.fault = 0.0

    def step(self) -> None:
        """Step by the gradients of all parts, after the last."""
        if self.asked + 1 == self.parts:
            weights = [each for group in self.optimizer.param_groups for each in group["params"]]
            gradients = [each.grad for each in weights if each.grad is not None]
            fault = torch.as_tensor(self.fault)
            self.processes.add_up([fault, *gradients])
            self.optimizer.found_inf = fault.clamp(max=1)  # type: ignore[attr-defined] # as torch's own GradScaler
            self.optimizer.step()
            self.on_step()
        self.asked += 1


class _Before:
    """What was so before a step began, to make it again: random numbers, and buffers of D.

    D's spectral norms change in every pass; once D has stepped, G's turn begins as they are then.
    """

    def __init__(self, buffers: Sequence[Tensor]) -> None:
        self.random, self.buffers = random_state(), buffers
        self.keep_buffers()

    def keep_buffers(self) -> None:
        """As they are now."""
        self.kept = [buffer.clone() for buffer in self.buffers]

    def restore(self) -> None:
        """Draw the same random numbers again, with the buffers that were kept."""
        restore_random_state(self.random)
        with torch.no_grad():
            for buffer, kept in zip(self.buffers, self.kept, strict=True):
                buffer.copy_(kept)
