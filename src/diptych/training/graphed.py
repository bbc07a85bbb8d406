"""The training step as one CUDA graph: the device is given its work at once, not piece by piece."""

from collections import Counter
from collections.abc import Callable, Iterable

import torch
from torch import Tensor

from diptych.data.batches import Batch
from diptych.errors import reason_of
from diptych.pix2pix import Optimizers
from diptych.training.checkpoint import random_state, restore_random_state

Step = Callable[[Batch], dict[str, Tensor]]
Work = Callable[[], dict[str, Tensor]]


class Cuda:
    """How a device makes work aside, and captures it. All on one stream beside the current one."""

    def __init__(self) -> None:
        self.stream = torch.cuda.Stream()  # type: ignore[no-untyped-call]

    def aside(self, work: Work) -> dict[str, Tensor]:
        """Do the work on the other stream, as what is captured later has to be warmed up."""
        here = torch.cuda.current_stream()
        self.stream.wait_stream(here)
        with torch.cuda.stream(self.stream):
            losses = work()
        here.wait_stream(self.stream)
        return losses

    def capture(self, work: Work) -> Work:
        """What does the work again and again, on the same tensors; the work itself is not done."""
        graph = torch.cuda.CUDAGraph()
        try:
            # `thread_local`: threads that prepare batches go on. A failed capture leaves its stream
            # behind as the current one, unless another block ends around it.
            with (
                torch.cuda.stream(torch.cuda.current_stream()),
                torch.cuda.graph(graph, stream=self.stream, capture_error_mode="thread_local"),
            ):
                losses = work()
        except Exception:
            # And random numbers that believe themselves captured: they get a state of their own.
            random = torch.cuda.default_generators[torch.cuda.current_device()]
            random.graphsafe_set_state(random.clone_state())
            raise

        def replay() -> dict[str, Tensor]:
            graph.replay()
            return losses

        return replay


class GraphedStep:
    """Makes steps as `step` does; once it has seen a few alike, by replaying a captured one.

    The first steps warm up, and are steps of the run as all others. Then one is made plainly and
    again, from the same weights, by the graph: only where both come to the same is it used from
    there on. Where not, or where anything fails, `note` says so once and steps stay plain, as they
    do for batches of another shape, or with a mask. `step` must leave no gradients behind.
    """

    WARM_UP = 3

    def __init__(
        self,
        step: Step,
        optimizers: Optimizers,
        note: Callable[[str], object],
        buffers: Iterable[Tensor] = (),
        device: Cuda | None = None,  # a test has another
    ) -> None:
        """`buffers`: what a step changes beside weights and what the optimisers keep."""
        self.step, self.optimizers, self.note = step, optimizers, note
        self.buffers = list(buffers)
        self.device = Cuda() if device is None else device
        self.seen: Counter[tuple[torch.Size, torch.Size]] = Counter()
        self.graph: tuple[Work, Batch] | None = None  # what replays it, and what that reads
        self.plain = False  # for good

    def __call__(self, batch: Batch) -> dict[str, Tensor]:
        """One step; its losses."""
        shape = batch.source.shape, batch.target.shape
        if self.plain or batch.known is not None:
            return self.step(batch)
        if self.graph is not None:
            inputs = self.graph[1]
            if shape != (inputs.source.shape, inputs.target.shape):
                return self.step(batch)
            return self._replayed(*self.graph, batch)
        self.seen[shape] += 1
        if self.seen[shape] <= self.WARM_UP:
            return self.device.aside(lambda: self.step(batch))
        return self._first(batch)

    def _replayed(self, replay: Work, inputs: Batch, batch: Batch) -> dict[str, Tensor]:
        inputs.source.copy_(batch.source)
        inputs.target.copy_(batch.target)
        # The next replay writes over its losses.
        return {name: loss.clone() for name, loss in replay().items()}

    def _first(self, batch: Batch) -> dict[str, Tensor]:
        """A plain step, and the same by the graph, which is kept where they agree."""
        compared = _changed(self.optimizers)
        changed = compared | {"buffers": self.buffers}
        random, before = random_state(), _copies(changed)
        losses = self.step(batch)
        random_after, after = random_state(), _copies(changed)
        try:
            _put(before, changed)
            restore_random_state(random)
            # Zeros, to see that what is replayed reads the batch it is given.
            inputs = Batch(torch.zeros_like(batch.source), torch.zeros_like(batch.target))
            replay = self.device.capture(lambda: self.step(inputs))
            again = self._replayed(replay, inputs, batch)
            problem = _difference(losses, again, before, after, compared)
        except Exception as error:  # whatever it is, training goes on without
            problem = reason_of(error)
        if not problem:
            self.graph = replay, inputs
            return again
        self.plain = True
        _put(after, changed)
        restore_random_state(random_after)
        self.note(f"training without a CUDA graph, which did not work here: {problem}")
        return losses


Changed = dict[str, list[Tensor]]


def _changed(optimizers: Optimizers) -> Changed:
    """All that a step changes: the weights, and what the optimisers keep of each."""
    changed: Changed = {}
    for network, optimizer in zip(optimizers._fields, optimizers, strict=True):
        if optimizer is None:
            continue
        for group in optimizer.param_groups:
            for weight in group["params"]:
                kept = {"weights": weight.detach(), **optimizer.state[weight]}
                for name, tensor in kept.items():
                    changed.setdefault(f"{network}'s {name}", []).append(tensor)
    return changed


def _copies(changed: Changed) -> Changed:
    """In the processor's memory: the device's may be full."""
    return {name: [t.to("cpu", copy=True) for t in tensors] for name, tensors in changed.items()}


def _put(values: Changed, into: Changed) -> None:
    """In place: the graph knows tensors by where they lie."""
    with torch.no_grad():
        for name, tensors in into.items():
            for tensor, value in zip(tensors, values[name], strict=True):
                tensor.copy_(value)


# Of the change in a step, which a replay that reads or draws something else misses by about 1;
# kernels whose sums come in any order, in bf16, differ by far less.
TOLERANCE = 0.2
LOSS_TOLERANCE = 0.02


def _difference(
    plain: dict[str, Tensor], replayed: dict[str, Tensor], before: Changed, after: Changed,
    by_graph: Changed,
) -> str:  # fmt: skip
    """What a replay made otherwise than the plain step from the same state; empty for nothing."""
    for name, loss in plain.items():
        if not abs(float(replayed[name]) - float(loss)) <= LOSS_TOLERANCE * (abs(float(loss)) + 1):
            return f"{name} came out as {float(replayed[name]):.4g}, not {float(loss):.4g}"
    for name, tensors in by_graph.items():
        change, distance = (
            sum(
                float(torch.linalg.vector_norm(other - tensor.to(other.device))) ** 2
                for other, tensor in zip(others, after[name], strict=True)
            )
            for others in (before[name], tensors)
        )
        if not distance <= TOLERANCE**2 * change:  # nor where it is no number
            return f"the {name} came out otherwise"
    return ""
