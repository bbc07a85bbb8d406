"""Signals that end a training: Ctrl-C, a polite kill, a terminal that goes."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Self


class Stop:
    """A signal asks for a stop after the step at hand; a second Ctrl-C insists.

    Others come twice by themselves: a terminal that goes sends one, and its shell another.
    """

    def __init__(self) -> None:
        self.requested = False

    def _ask(self, number: int, _frame: object) -> None:
        if self.requested and number == signal.SIGINT:
            raise KeyboardInterrupt
        self.requested = True

    @contextmanager
    def listening(self) -> Iterator[Self]:
        """Listen while the block runs; only a program's main thread can."""
        can = threading.current_thread() is threading.main_thread()
        kinds = [signal.SIGINT, signal.SIGTERM] if can else []
        hangup = getattr(signal, "SIGHUP", None)  # Windows has none
        if can and hangup is not None and signal.getsignal(hangup) != signal.SIG_IGN:
            kinds.append(hangup)  # `nohup` has it ignored: training is to go on then
        before = {kind: signal.signal(kind, self._ask) for kind in kinds}
        try:
            yield self
        finally:
            for kind, handler in before.items():
                signal.signal(kind, handler)
