"""What is counted while serving, in the text format that Prometheus reads."""

import time

from fastapi import FastAPI
from fastapi.responses import Response
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector
from prometheus_client import generate_latest as as_text

from diptych.serving.waiting_line import Line

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
SECONDS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300)


class Counters:
    """Counts of one server, and what its process takes."""

    def __init__(self, line: Line) -> None:
        started = time.monotonic()
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
        uptime.set_function(lambda: time.monotonic() - started)
        ProcessCollector(registry=self.registry)

    def count(self, model: str, outcome: str, seconds: float) -> None:
        """Count a request; how long it took only where it was done."""
        self.requests.labels(model, outcome).inc()
        if outcome == "done":
            self.seconds.labels(model).observe(seconds)

    def add_to(self, app: FastAPI) -> None:
        """Add the route that tells them."""

        @app.get("/metrics")
        async def metrics() -> Response:
            """What was asked and how long it took, for Prometheus."""
            return Response(as_text(self.registry), media_type=CONTENT_TYPE)
