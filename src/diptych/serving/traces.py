"""Traces of requests for OpenTelemetry, as its own variables, OTEL_*, say."""

import os
import threading
from importlib.metadata import entry_points
from typing import Any

from fastapi import FastAPI

from diptych.errors import DiptychError, optional, reason_of
from diptych.serving.spans import have_spans_begun_by
from diptych.version import __version__

NEEDS = "--traces needs the extra telemetry: pip install 'diptych[telemetry]'"
NOT_OF_INTEREST = "/health,/metrics,/static/,/examples/"  # unless its variable says what is not
LAST_SECONDS = 5.0  # for what is not sent yet when the server stops
# As OTEL_EXPORTER_OTLP_PROTOCOL calls them, and as their packages do.
PROTOCOLS = {"http/protobuf": "otlp_proto_http", "grpc": "otlp_proto_grpc"}


class Traces:
    """Keeps those of one server; raises DiptychError where it cannot, as its variables say it."""

    def __init__(self) -> None:
        trace = optional("opentelemetry.sdk.trace", NEEDS)
        resources = optional("opentelemetry.sdk.resources", NEEDS)
        self.by_framework = optional("opentelemetry.instrumentation.fastapi", NEEDS)
        ours = {"service.name": "diptych", "service.version": __version__}
        theirs = resources.OTELResourceDetector().detect().attributes
        resource = resources.Resource.create(ours | dict(theirs))
        self.provider = trace.TracerProvider(resource=resource, shutdown_on_exit=False)
        for exporter in exporters():
            batches = optional("opentelemetry.sdk.trace.export", NEEDS).BatchSpanProcessor
            self.provider.add_span_processor(batches(exporter))

    def follow(self, app: FastAPI) -> None:
        """A span for each request that was let in, and within it those of `spans.span`."""
        self.by_framework.FastAPIInstrumentor.instrument_app(
            app,
            tracer_provider=self.provider,
            excluded_urls=_said("OTEL_PYTHON_FASTAPI_EXCLUDED_URLS")
            or _said("OTEL_PYTHON_EXCLUDED_URLS")
            or NOT_OF_INTEREST,
            exclude_spans=["receive", "send"],  # each is a piece of a body
        )
        have_spans_begun_by(self.provider.get_tracer("diptych").start_as_current_span)

    def close(self) -> None:
        """Send what was not sent yet, if that can be done in a while."""
        have_spans_begun_by()
        last = threading.Thread(target=self.provider.shutdown, daemon=True)
        last.start()
        last.join(LAST_SECONDS)


def exporters() -> list[Any]:
    """Those that OTEL_TRACES_EXPORTER names, otlp by default, of the packages that are there."""
    names = [name.strip() for name in (_said("OTEL_TRACES_EXPORTER") or "otlp").split(",")]
    return [_exporter(name) for name in names if name not in {"", "none"}]


def _exporter(name: str) -> Any:
    variable = "OTEL_TRACES_EXPORTER"
    if name == "otlp":
        variable = "OTEL_EXPORTER_OTLP_PROTOCOL"
        name = _said("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL") or _said(variable) or "http/protobuf"
    there = entry_points(group="opentelemetry_traces_exporter")
    entry = PROTOCOLS.get(name, name)
    if entry not in there.names:
        raise DiptychError(
            f"{variable}={name}: needs a package with the exporter {entry}; "
            f"installed are {', '.join(sorted(there.names))}"
        )
    try:
        return there[entry].load()()
    except Exception as error:
        raise DiptychError(f"{variable}={name}: {reason_of(error)}") from None


def _said(variable: str) -> str:
    return os.environ.get(variable, "").strip()
