"""While Ray runs in this process: what its own code writes is in its logs as well."""

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from typing import Any

from diptych.silenced import silenced

THREADS = "ray_"  # how names of Ray's threads begin


class _ButOfRay:
    """A stream that takes nothing from the threads of Ray, which print that an actor was lost."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Write, as the stream does."""
        if threading.current_thread().name.startswith(THREADS):
            return len(text)
        return int(self._stream.write(text))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


@contextmanager
def quiet_ray() -> Iterator[None]:
    """Within, neither output nor errors have what Ray writes beside Python, or of each actor."""
    with silenced(2), redirect_stdout(_ButOfRay(sys.stdout)):
        yield
