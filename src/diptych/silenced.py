"""What libraries write past Python, to the descriptors of this process."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def silenced(descriptor: int) -> Iterator[None]:
    """Within, what is written to 1, the output, or 2, the errors, goes nowhere."""
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    before = os.dup(descriptor)
    with Path(os.devnull).open("wb") as nowhere:
        os.dup2(nowhere.fileno(), descriptor)
    try:
        yield
    finally:
        os.dup2(before, descriptor)
        os.close(before)
