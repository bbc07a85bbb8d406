"""What becomes of requests: told to whoever counts, logged where nobody foresaw it."""

import logging
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from starlette.exceptions import HTTPException

from diptych.errors import DiptychError
from diptych.serving.models import Served
from diptych.serving.waiting_line import BusyError, LateError

OUTCOMES: dict[type[Exception], str] = {BusyError: "busy", LateError: "late"}

log = logging.getLogger("diptych.serving")


class FailedError(DiptychError):
    """The server's own fault."""


class Outcomes:
    """Of the requests of one server.

    `count` is told the model's name, the outcome, done, refused, busy, late or failed, and seconds.
    """

    def __init__(self, count: Callable[[str, str, float], object] = lambda *_: None) -> None:
        self.started, self.count = time.monotonic(), count

    @property
    def uptime(self) -> float:
        """Seconds since the start."""
        return time.monotonic() - self.started

    @asynccontextmanager
    async def watch(self, served: Served) -> AsyncIterator[None]:
        """Watch a request; what nobody foresaw is logged, and told as one line."""
        begun, outcome = time.monotonic(), "failed"
        try:
            yield
            outcome = "done"
        except (DiptychError, HTTPException) as error:
            outcome = OUTCOMES.get(type(error), "refused")
            raise
        except Exception as error:
            log.exception("%s: a request failed", served.name)
            raise FailedError(f"the server failed at it ({type(error).__name__})") from None
        finally:
            self.count(served.name, outcome, time.monotonic() - begun)
