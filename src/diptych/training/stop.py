"""Ctrl-C while training."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Self


class Stop:
    """Ctrl-C or a polite kill asks for a stop after the step at hand; a second one insists."""

    def __init__(self) -> None:
        self.requested = False

    def _ask(self, _number: int, _frame: object) -> None:
        if self.requested:
            raise KeyboardInterrupt
        self.requested = True

    @contextmanager
    def listening(self) -> Iterator[Self]:
        """Listen while the block runs; only a program's main thread can."""
        can = threading.current_thread() is threading.main_thread()
        kinds = (signal.SIGINT, signal.SIGTERM) if can else ()
        before = {kind: signal.signal(kind, self._ask) for kind in kinds}
        try:
            yield self
        finally:
            for kind, handler in before.items():
                signal.signal(kind, handler)
