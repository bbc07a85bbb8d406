"""The processes that train together, or translate: the same program on all, a device for each.

Whatever a clock, a signal, a file or a score decides is decided by the first and told to all, so
that all make the same steps; the first alone writes. Lightning Fabric starts them on a machine, or
finds those that torchrun or SLURM started.
"""

import contextlib
import logging
import os
import socket
import subprocess
import sys
import time
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import torch
from torch import Tensor, distributed

from diptych.errors import DiptychError, reason_of
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

    def __init__(self, fabric: Any, work: Work, started: Sequence[subprocess.Popen[bytes]]) -> None:
        self.count, self.number = fabric.world_size, fabric.global_rank
        self.place = fabric.local_rank
        self._work, self._started = work, started
        self._parted = False
        # On the processor, whatever the device, which would be waited for.
        self._words = distributed.new_group(backend="gloo", timeout=PATIENCE)

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


def _check_script() -> None:
    """Raise DiptychError where this process cannot be started again: its script is no file."""
    by_torchrun = distributed.is_available() and distributed.is_torchelastic_launched()
    is_module = getattr(sys.modules["__main__"], "__spec__", None) is not None
    by_others = by_torchrun or "SLURM_JOB_ID" in os.environ
    if not (by_others or is_module or Path(sys.argv[0]).is_file()):
        raise DiptychError(
            "several devices: the other processes run the same script, and this one came through "
            "a pipe, -c or a console: put it into a file"
        )


def start_processes(
    device: torch.device, devices: int = 0, nodes: int = 0, work: Work = TRAINING
) -> Processes:
    """Those that work together: so many devices on each of so many nodes; 0: as torchrun says.

    On one machine this process starts the others, by the command that it was started with. Raises
    DiptychError where there are not so many devices, or others were started.
    """
    if distributed.is_available() and distributed.is_torchelastic_launched():
        here = int(os.environ["LOCAL_WORLD_SIZE"])
        there = int(os.environ["WORLD_SIZE"]) // here
        if (devices or here, nodes or there) != (here, there):
            raise DiptychError(
                f"--devices {devices} --nodes {nodes}: torchrun started {here} processes on each "
                f"of {there}; leave both out"
            )
        devices, nodes = here, there
    devices, nodes = devices or 1, nodes or 1
    if devices * nodes == 1:
        return Processes()
    most = torch.cuda.device_count() if device.type == "cuda" else 1
    if device.type != "cpu" and devices > most:
        raise DiptychError(f"--devices {devices}: this machine has {most} ({device.type})")
    if devices > 1:
        _check_script()
    from lightning_fabric import Fabric
    from lightning_fabric.strategies.ddp import DDPStrategy

    # Of Fabric's lines one is worth reading: that a process was lost, which ends the others.
    logging.getLogger("lightning_fabric").setLevel(logging.WARNING)
    logging.getLogger("lightning_fabric.strategies.launchers").setLevel(logging.INFO)
    started: list[subprocess.Popen[bytes]] = []
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # advice on srun, ports and threads
            fabric = Fabric(
                accelerator=device.type,
                devices=devices,
                num_nodes=nodes,
                strategy=DDPStrategy(timeout=PATIENCE),
            )
            around: Any = fabric.strategy
            found = around.cluster_environment.creates_processes_externally
            if work.apart and nodes == 1 and not found:
                started = _start_others(devices)
            fabric.launch()
    except (ValueError, RuntimeError, KeyError) as error:
        raise DiptychError(
            f"--devices {devices} --nodes {nodes}: the processes could not be brought together: "
            f"{reason_of(error)}"
        ) from error
    return Several(fabric, work, started or getattr(fabric.strategy.launcher, "procs", []))


def _start_others(devices: int) -> list[subprocess.Popen[bytes]]:
    """Start this program anew for each other device, as Fabric does, which would end all for one.

    Fabric then finds them started, as by torchrun.
    """
    import __main__

    with socket.socket() as place:
        place.bind(("127.0.0.1", 0))
        port = place.getsockname()[1]
    threads = str(max(1, torch.get_num_threads() // devices))
    os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "NODE_RANK": "0"}
    os.environ |= {"WORLD_SIZE": str(devices), "LOCAL_RANK": "0", "OMP_NUM_THREADS": threads}
    torch.set_num_threads(int(threads))
    module = __main__.__spec__
    program = [sys.argv[0]] if module is None else ["-m", module.name]
    return [
        subprocess.Popen(  # noqa: S603 - the command that this program was started with
            [sys.executable, *program, *sys.argv[1:]], env=os.environ | {"LOCAL_RANK": str(number)}
        )
        for number in range(1, devices)
    ]
