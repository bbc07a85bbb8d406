"""The processes that train together, or translate: the same program on all, a device for each.

Whatever a clock, a signal, a file or a score decides is decided by the first and told to all, so
that all make the same steps; the first alone writes.
"""

import contextlib
import os
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, NamedTuple, TypeVar

import torch
from torch import Tensor, distributed

from diptych.errors import DiptychError
from diptych.training.soundness import Diverged

T = TypeVar("T")
PATIENCE = timedelta(days=1)  # others are waited for, as while one decodes millions of pairs
AT_ONCE = 2**23  # numbers that are added up in one go
# What Fabric's launcher leaves behind: another training would take it for another launcher's.
LEFT_BEHIND = ("LOCAL_RANK", "NODE_RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")


class Work(NamedTuple):
    """What is done together, in the words of the line that says that one was lost.

    `apart`: each does its share by itself, so that where one is lost the others finish theirs.
    """

    doing: str
    again: str
    apart: bool = False


TRAINING = Work("train", "goes on from the last checkpoint")
TRANSLATING = Work("translate", "does the rest", apart=True)
SCORING = Work("score", "begins anew")


class OtherEnded(DiptychError):  # noqa: N818 - it says what happened
    """Another process has ended, and said itself why if it could."""


class Processes:
    """This one alone: there is nobody to ask or to tell."""

    count, number = 1, 0  # how many train together, and which of them this is
    place = 0  # which device of its machine it has

    @property
    def first(self) -> bool:
        """Whether this is the one that writes, and speaks to a person."""
        return self.number == 0

    @contextmanager
    def taking_part(self) -> Iterator[None]:
        """The training is in the block; the others end with it, and only the first goes on."""
        yield

    def clock(self) -> float:
        """The seconds of the first's clock."""
        return time.monotonic()

    def any(self, flag: bool) -> bool:
        """Whether it is so for one of them."""
        return flag

    def by_first(self, work: Callable[[], T]) -> T:
        """What the first makes, for all. Its error ends all, but Diverged is raised by all."""
        return work()

    def by_each(self, work: Callable[[], T]) -> list[T]:
        """What each makes: the first has it all, the others their own. Errors as of `by_first`."""
        return [work()]

    def in_turn(self, work: Callable[[], T]) -> T:
        """What each makes for itself: first one on every machine, then those that find it there."""
        return work()

    def add_up(self, tensors: Sequence[Tensor]) -> None:
        """Make each the sum of those of all processes, to the bit the same on all."""

    def check_same(self, weights: Iterable[Tensor]) -> None:
        """Raise DiptychError where they are not those of the other processes."""

    def part(self) -> None:
        """From here on this one is alone, as after an error: the others may be elsewhere."""


class Several(Processes):
    """Two or more; where one has gone, the others find out as soon as they ask or tell."""

    def __init__(
        self, fabric: Any, words: Any, work: Work, started: Sequence[subprocess.Popen[bytes]]
    ) -> None:
        self.count, self.number = fabric.world_size, fabric.global_rank
        self.place = fabric.local_rank
        self._work, self._started = work, started
        self._parted = False
        self._words = words  # the group that is on the processor, whatever the device

    @contextmanager
    def taking_part(self) -> Iterator[None]:
        """The training is in the block; the others end with it, and only the first goes on."""
        try:
            yield
        except OtherEnded:
            if not self.first:
                raise SystemExit(0) from None  # the one that failed says so
            for process in self._started if self._work.apart else ():
                process.wait()
            raise
        except BaseException:
            for process in self._started:
                process.terminate()
            raise
        finally:
            if self._started:
                for name in LEFT_BEHIND:
                    os.environ.pop(name, None)
        distributed.destroy_process_group()
        if not self.first:
            raise SystemExit(0)

    def clock(self) -> float:
        """The seconds of the first's clock."""
        seconds = torch.tensor(time.monotonic(), dtype=torch.float64)
        if not self._parted:
            with self._together():
                distributed.broadcast(seconds, 0, group=self._words)
        return float(seconds)

    def any(self, flag: bool) -> bool:
        """Whether it is so for one of them."""
        highest = torch.tensor(int(flag))
        if not self._parted:
            with self._together():
                distributed.all_reduce(highest, distributed.ReduceOp.MAX, group=self._words)
        return bool(highest)

    def by_first(self, work: Callable[[], T]) -> T:
        """What the first makes, for all. Its error ends all, but Diverged is raised by all."""
        if self._parted:
            return work()
        made, error = _tried(work) if self.first else (None, None)
        told: list[Any] = [made, _fault(error)]
        with self._together():
            distributed.broadcast_object_list(told, 0, group=self._words)
        self._raise({0: told[1]}, error)
        return told[0]  # type: ignore[no-any-return]

    def by_each(self, work: Callable[[], T]) -> list[T]:
        """What each makes: the first has it all, the others their own. Errors as of `by_first`."""
        if self._parted:
            return [work()]
        made, error = _tried(work)
        faults: list[Any] = [None] * self.count
        every: list[Any] | None = [None] * self.count if self.first else None
        with self._together():
            distributed.all_gather_object(faults, _fault(error), group=self._words)
        self._raise(dict(enumerate(faults)), error)
        with self._together():
            distributed.gather_object(made, every, 0, group=self._words)
        return [made] if every is None else every  # type: ignore[list-item]

    def in_turn(self, work: Callable[[], T]) -> T:
        """What each makes for itself: first one on every machine, then those that find it there."""
        made: list[T] = []

        def make_if(turn: bool) -> None:
            if turn:
                made.append(work())

        for turn in (self.place == 0, self.place != 0):
            self.by_each(lambda turn=turn: make_if(turn))  # type: ignore[misc]
        return made[0]

    def add_up(self, tensors: Sequence[Tensor]) -> None:
        """Make each the sum of those of all processes, to the bit the same on all."""
        for some in _in_pieces(tensors):
            flat = torch.cat([tensor.flatten() for tensor in some])
            with self._together():
                distributed.all_reduce(flat)
            sums = torch.split(flat, [tensor.numel() for tensor in some])
            for tensor, total in zip(some, sums, strict=True):
                tensor.copy_(total.view_as(tensor))

    def check_same(self, weights: Iterable[Tensor]) -> None:
        """Raise DiptychError where they are not those of the other processes."""
        if self._parted:
            return
        total = sum(float(each.detach().double().sum()) for each in weights)
        highest, lowest = ends = torch.tensor([total, -total], dtype=torch.float64)
        with self._together():
            distributed.all_reduce(ends, distributed.ReduceOp.MAX, group=self._words)
        if bool(ends.isfinite().all()) and bool(highest != -lowest):
            if not self.first:
                raise self._ended()
            raise DiptychError(
                f"the {self.count} processes that train together came to different weights: their "
                "machines, or versions of torch, differ; the checkpoints from before are kept"
            )

    def part(self) -> None:
        """From here on this one is alone, as after an error: the others may be elsewhere."""
        self._parted = True

    def _raise(self, faults: Mapping[int, "Fault | None"], own: Exception | None) -> None:
        """Where processes have faults, the first that has one raises it, and the others end."""
        found = {number: fault for number, fault in faults.items() if fault is not None}
        if not found:
            return
        if all(fault.diverged for fault in found.values()):
            raise Diverged(next(iter(found.values())).words)
        if own is not None and self.number == min(found):
            raise own
        raise self._ended()

    @contextmanager
    def _together(self) -> Iterator[None]:
        try:
            yield
        except RuntimeError as error:  # of a connection that is gone
            raise self._ended() from error

    def _ended(self) -> OtherEnded:
        words = "another"
        for number, process in enumerate(self._started, 1):
            with contextlib.suppress(subprocess.TimeoutExpired):
                if code := process.wait(1):
                    words = f"number {number}"
                    words += f", killed by signal {-code}," if code < 0 else ""
                    break
        return OtherEnded(
            f"{words} of the {self.count} processes that {self._work.doing} together has ended: "
            f"the same command {self._work.again}"
        )


class Fault(NamedTuple):
    """What others are told of an error."""

    diverged: bool
    words: str


def _fault(error: Exception | None) -> Fault | None:
    return None if error is None else Fault(isinstance(error, Diverged), str(error))


def _tried(work: Callable[[], T]) -> tuple[T | None, Exception | None]:
    try:
        return work(), None
    except Exception as error:  # whatever it is, the others are told of it first
        return None, error


def _in_pieces(tensors: Sequence[Tensor]) -> Iterator[list[Tensor]]:
    """A few large ones, or many small ones."""
    piece: list[Tensor] = []
    for tensor in tensors:
        piece.append(tensor)
        if sum(each.numel() for each in piece) >= AT_ONCE:
            yield piece
            piece = []
    if piece:
        yield piece


def check_shares(batch_size: int, processes: Processes) -> None:
    """Raise DiptychError where a batch cannot be shared out evenly."""
    if batch_size % processes.count:
        raise DiptychError(
            f"train.batch_size {batch_size} is no multiple of the {processes.count} processes that "
            "train together, which share a batch out"
        )
