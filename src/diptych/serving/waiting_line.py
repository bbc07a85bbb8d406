"""One worker that translates, and a line before it in which only so many may wait."""

import asyncio
import contextvars
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import TypeVar

from diptych.errors import DiptychError
from diptych.serving.spans import span

Result = TypeVar("Result")


class BusyError(DiptychError):
    """So many wait already that no further one may."""


class LateError(DiptychError):
    """It took longer than it may."""


class Line:
    """Requests one after the other: `waiting` of them may wait, and `seconds` is the time of each.

    The time begins with the place in the line. What is late while it waits is never begun; what is
    late while it is worked on ends by itself, its result unused, and is not waited for.
    """

    def __init__(self, waiting: int, seconds: float) -> None:
        self.waiting, self.seconds = waiting, seconds
        self.held = 0  # places taken, that of the one at work included
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="translate")

    @asynccontextmanager
    async def place(self, requests: int = 1) -> AsyncIterator[None]:
        """Hold a place, for the time of so many requests.

        Raises BusyError where the line is full, LateError when the time is over.
        """
        if self.held > self.waiting:
            raise BusyError(f"{self.held} requests are waiting already; try again in a moment")
        self.held += 1
        try:
            async with asyncio.timeout(requests * self.seconds):
                yield
        except TimeoutError:
            raise LateError(
                f"not done within {requests * self.seconds:g} seconds; "
                "try a smaller picture, or when fewer are waiting"
            ) from None
        finally:
            self.held -= 1

    async def run(self, work: Callable[[], Result]) -> Result:
        """Have the worker do it, after all that came before; to be called while holding a place."""
        loop = asyncio.get_running_loop()
        with span("line"):
            within = contextvars.copy_context()  # which says whose work it is
            return await loop.run_in_executor(self._worker, within.run, work)

    async def close(self) -> None:
        """End when the worker is done with what it is at: nothing that it makes is left behind."""
        await asyncio.to_thread(self._worker.shutdown, wait=True, cancel_futures=True)
