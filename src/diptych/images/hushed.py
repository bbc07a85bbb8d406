"""Warnings of libraries that do not matter, hushed while files are read."""

import threading
import warnings
from typing import Self


class _Hushed:
    """The filters of warnings belong to all threads: the first in sets them, the last out resets.

    Python's own way would leave them set for good where two threads overlap.
    """

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.within = 0
        self.before = warnings.catch_warnings()

    def __enter__(self) -> Self:
        with self.lock:
            if not self.within:
                self.before = warnings.catch_warnings()
                self.before.__enter__()
                warnings.simplefilter("ignore")
            self.within += 1
        return self

    def __exit__(self, *_: object) -> None:
        with self.lock:
            self.within -= 1
            if not self.within:
                self.before.__exit__(None, None, None)


HUSHED = _Hushed()
