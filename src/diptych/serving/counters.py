"""What is counted while serving, in the text format that Prometheus reads."""

import logging
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from starlette.exceptions import HTTPException

from diptych.errors import DiptychError
from diptych.serving.models import Served
from diptych.serving.waiting_line import BusyError, LateError, Line
from diptych.version import __version__

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
SECONDS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300)
OUTCOMES: dict[type[Exception], str] = {BusyError: "busy", LateError: "late"}

log = logging.getLogger("diptych.serving")


class Metrics:
    """Counts of one server; `watch` counts a request."""

    def __init__(self, line: Line) -> None:
        self.started = time.monotonic()
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "diptych_requests",
            "Requests by what became of them: done, refused, busy, late or failed",
            ["model", "outcome"],
            registry=self.registry,
        )
        self.seconds = Histogram(
            "diptych_request_seconds",
            "From a place in the line to the result",
            ["model"],
            buckets=SECONDS,
            registry=self.registry,
        )
        waiting = Gauge("diptych_line", "Requests in the line", registry=self.registry)
        waiting.set_function(lambda: line.held)
        uptime = Gauge("diptych_uptime_seconds", "Since the start", registry=self.registry)
        uptime.set_function(lambda: self.uptime)

    @property
    def uptime(self) -> float:
        """Seconds since the start."""
        return time.monotonic() - self.started

    @asynccontextmanager
    async def watch(self, served: Served) -> AsyncIterator[None]:
        """Count a request; what nobody foresaw is logged, and told as one line."""
        begun, outcome = time.monotonic(), "failed"
        try:
            yield
            outcome = "done"
            self.seconds.labels(served.name).observe(time.monotonic() - begun)
        except (DiptychError, HTTPException) as error:
            outcome = OUTCOMES.get(type(error), "refused")
            raise
        except Exception as error:
            log.exception("%s: a request failed", served.name)
            raise FailedError(f"the server failed at it ({type(error).__name__})") from None
        finally:
            self.requests.labels(served.name, outcome).inc()


class FailedError(DiptychError):
    """The server's own fault."""


def versions(models: Mapping[str, Served]) -> dict[str, Any]:
    """Of the program, what it runs on, and the models."""
    return {
        "diptych": __version__,
        "models": {
            name: {
                "title": served.title,
                "diptych": served.translator.header.version,
                "format": served.translator.header.format,
            }
            for name, served in models.items()
        },
    }
