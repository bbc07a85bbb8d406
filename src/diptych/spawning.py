"""Processes beside this one, started anew: without its memory, and without its script."""

import multiprocessing
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.context import SpawnContext
from types import ModuleType


@contextmanager
def spawning() -> Iterator[SpawnContext]:
    """What starts processes; those that start within the block know nothing of the main script.

    Python would run that in each of them first, for functions of its own that they may be asked to
    call. Ours are none of its. A script that lacks `if __name__ == "__main__":` would so begin
    again in each, and one that came through a pipe would not be found.
    """
    script = sys.modules["__main__"]
    sys.modules["__main__"] = ModuleType("__main__")
    try:
        yield multiprocessing.get_context("spawn")
    finally:
        sys.modules["__main__"] = script
