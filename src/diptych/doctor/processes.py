"""Work on every core: in processes, for most of it holds Python's lock."""

import os
import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import TypeVar

from diptych.errors import DiptychError
from diptych.spawning import spawning

Item = TypeVar("Item")
Result = TypeVar("Result")

_FEW = 64  # so few are done sooner than other processes have started


def in_processes(
    work: Callable[[Item], Result], items: Sequence[Item], processes: int = 0
) -> Iterator[Result]:
    """What `work` makes of each, in order; 0 processes: one a core, or none for few.

    Raises DiptychError where the system ends one of them.
    """
    wanted = processes or (cores() if len(items) > _FEW else 1)
    if wanted == 1:
        yield from map(work, items)
        return
    # Spawned, and not forked: the same everywhere, and safe beside torch's threads. Ctrl-C is
    # answered by the process that a person started, once.
    ignored = (signal.SIGINT, signal.SIG_IGN)
    with spawning() as context:
        pool = ProcessPoolExecutor(wanted, context, signal.signal, ignored)
        results = pool.map(work, items, chunksize=max(1, min(32, len(items) // (4 * wanted))))
    try:
        yield from results
    except BrokenProcessPool:
        raise DiptychError(
            "a process that reads pictures was ended by the system, most likely for want of "
            "memory: read with fewer --processes, or refuse large pictures with --max-pixels"
        ) from None
    finally:
        pool.shutdown(cancel_futures=True)


def cores() -> int:
    """That this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
