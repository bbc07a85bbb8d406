"""Watching a server: what Prometheus reads, and what a collector of OpenTelemetry is sent."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

import diptych
from diptych.errors import DiptychError
from diptych.serving import spans
from diptych.serving.server import Settings, check_settings, make_server

httpx = pytest.importorskip("httpx", reason="asks as programs do, with httpx")
TOKEN, METRICS_TOKEN = "a token of the house", "a token for its counts"


def bearer(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"}


def test_nothing_is_counted_or_imported_unasked(server, model_files):
    """(FastAPI itself imports the interface of OpenTelemetry where that is installed.)"""
    assert server.get("/metrics").status_code == 404
    assert "/metrics" not in server.get("/openapi.json").json()["paths"]
    program = (
        "import sys; from diptych.serving.models import load_models\n"
        "from diptych.serving.server import Settings, make_server\n"
        "make_server(load_models(sys.argv[1:], device='cpu'), Settings())\n"
        "print([name for name in sys.modules if name.startswith(("
        "'prometheus_client', 'opentelemetry.sdk', 'opentelemetry.exporter'))])\n"
    )
    ran = subprocess.run(
        [sys.executable, "-c", program, str(model_files[0])],
        check=False,
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": str(Path(diptych.__file__).parents[1])},
    )
    assert ran.stdout == "[]\n", ran.stderr


def test_what_is_counted_can_be_read_back(serving, picture):
    pytest.importorskip("prometheus_client", reason="needs pip install 'diptych[telemetry]'")
    from prometheus_client.parser import text_string_to_metric_families as parsed

    server = serving(metrics=True)
    server.post("/translate/emoji", picture.read_bytes())
    server.post("/translate/emoji", b"no picture")
    families = {family.name: family for family in parsed(server.get("/metrics").text)}
    counts = {
        each.labels.get("outcome"): each.value for each in families["diptych_requests"].samples
    }
    assert counts["done"] == counts["refused"] == 1
    (seconds,) = (
        each.value
        for each in families["diptych_request_seconds"].samples
        if each.name.endswith("_sum")
    )
    assert 0 < seconds < 30
    assert families["diptych_uptime_seconds"].samples[0].value >= seconds
    if sys.platform == "linux":
        assert families["process_resident_memory_bytes"].samples[0].value > 1e6


def test_strangers_read_no_counts(serving, picture):
    with pytest.raises(
        DiptychError, match="with --open anybody could read them: give --metrics-to"
    ):
        check_settings("127.0.0.1", Settings(open=True, metrics=True))
    with pytest.raises(DiptychError, match="--metrics-token: 5 characters are too few"):
        check_settings("127.0.0.1", Settings(metrics=True, metrics_token="short"))  # noqa: S106
    everybodys = {"open": True, "metrics": True, "metrics_token": METRICS_TOKEN}
    check_settings("0.0.0.0", Settings(**everybodys))  # noqa: S104
    pytest.importorskip("prometheus_client", reason="needs pip install 'diptych[telemetry]'")
    content = picture.read_bytes()

    server = serving(**everybodys)
    assert server.post("/translate/emoji", content).status_code == 200
    for headers in ({}, {"accept": "text/html"}, bearer("wrong"), {"cookie": "diptych="}):
        assert server.get("/metrics", headers=headers).status_code == 401
    assert 'outcome="done"} 1.0' in server.get("/metrics", headers=bearer(METRICS_TOKEN)).text

    server = serving(token=TOKEN, metrics=True, metrics_token=METRICS_TOKEN)
    for token in (TOKEN, METRICS_TOKEN):
        assert server.get("/metrics", headers=bearer(token)).status_code == 200
    assert server.get("/metrics").status_code == 401
    # What reads the counts does no more.
    for path in ("/health", "/docs", "/models/emoji/"):
        answer = server.get(path, headers=bearer(METRICS_TOKEN))
        assert answer.json() == {"status": "ok"} if path == "/health" else answer.status_code == 401
    answer = server.post("/translate/emoji", content, headers=bearer(METRICS_TOKEN))
    assert answer.status_code == 401


@pytest.mark.parametrize(
    ("missing", "settings"),
    [("prometheus_client", {"metrics": True}), ("opentelemetry.sdk.trace", {"traces": True})],
)
def test_without_the_extra_it_says_what_to_install(monkeypatch, missing, settings):
    pytest.importorskip("fastapi", reason="needs pip install 'diptych[serve]'")
    monkeypatch.setitem(sys.modules, missing, None)
    (option,) = settings
    words = rf"--{option} needs the extra telemetry: pip install 'diptych\[telemetry\]'"
    with pytest.raises(DiptychError, match=words):
        make_server({}, Settings(**settings))


class Collector(ThreadingHTTPServer):
    """Takes what is sent by OTLP, as its own messages say it."""

    def __init__(self) -> None:
        from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
            ExportTraceServiceRequest,
        )

        self.paths, self.headers, self.resources, self.spans = set(), [], [], []
        collector = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                content = self.rfile.read(int(self.headers["content-length"]))
                collector.paths.add(self.path)
                collector.headers.append(dict(self.headers))
                for told in ExportTraceServiceRequest.FromString(content).resource_spans:
                    collector.resources.append(values_of(told.resource.attributes))
                    for scope in told.scope_spans:
                        collector.spans += scope.spans
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_):
                pass

        super().__init__(("127.0.0.1", 0), Handler)

    def named(self, name: str):
        """The one span of that name, when it has arrived."""
        until = time.monotonic() + 20
        while not (named := [span for span in self.spans if span.name == name]):
            assert time.monotonic() < until, [span.name for span in self.spans]
            time.sleep(0.02)
        (span,) = named
        return span


def values_of(attributes) -> dict:
    return {each.key: getattr(each.value, each.value.WhichOneof("value")) for each in attributes}


@pytest.fixture
def collector(monkeypatch) -> Iterator[Collector]:
    pytest.importorskip(
        "opentelemetry.instrumentation.fastapi", reason="needs pip install 'diptych[telemetry]'"
    )
    pytest.importorskip("opentelemetry.exporter.otlp.proto.http", reason="as above")
    with Collector() as collector:
        thread = threading.Thread(target=collector.serve_forever)
        thread.start()
        address = f"http://127.0.0.1:{collector.server_address[1]}"
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", address)
        monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "50")
        yield collector
        collector.shutdown()
        thread.join()
    spans.have_spans_begun_by()


def test_a_collector_is_sent_what_a_request_took(serving, picture, collector, monkeypatch):
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "service.name=drawings,place=cellar")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "x-key=of the house")
    server = serving(traces=True)
    assert server.get("/health").status_code == 200
    answer = server.post(
        "/translate/emoji",
        picture.read_bytes(),
        headers={"traceparent": f"00-{'a' * 32}-{'b' * 16}-01"},
    )
    assert answer.status_code == 200
    request = collector.named("POST /translate/{name}")
    assert request.trace_id.hex() == "a" * 32  # goes on with its sender's
    assert request.parent_span_id.hex() == "b" * 16
    told = values_of(request.attributes)
    assert told["http.route"] == "/translate/{name}"
    assert 200 in told.values()

    line = collector.named("line")
    for name, parent in {
        "receive": request, "line": request, "decode": line, "translate": line, "encode": line,
    }.items():  # fmt: skip
        span = collector.named(name)
        assert span.trace_id == request.trace_id
        assert span.parent_span_id == parent.span_id
        assert (
            parent.start_time_unix_nano
            <= span.start_time_unix_nano
            <= span.end_time_unix_nano
            <= parent.end_time_unix_nano
        )
    # /health is asked all day, and pieces of bodies are no work.
    assert len(collector.spans) == 6
    assert collector.paths == {"/v1/traces"}
    assert {headers["x-key"] for headers in collector.headers} == {"of the house"}
    resource = collector.resources[0]
    assert resource["service.name"] == "drawings"
    assert resource["place"] == "cellar"


def test_a_fault_is_in_its_trace_and_a_name_of_ours_by_default(
    serving, picture, collector, monkeypatch
):
    server = serving(traces=True)

    def fail(_):
        raise RuntimeError("secret of the house")

    monkeypatch.setattr(server.models["emoji"].translator, "apply", fail)
    assert server.post("/translate/emoji", picture.read_bytes()).status_code == 500
    span = collector.named("translate")
    assert span.status.code == 2
    assert values_of(span.events[0].attributes)["exception.message"] == "secret of the house"
    assert collector.named("POST /translate/{name}").status.code == 2
    assert collector.resources[0]["service.name"] == "diptych"


def test_the_variables_of_opentelemetry_are_kept(serving, picture, collector, monkeypatch):
    from diptych.serving.traces import exporters

    monkeypatch.setenv("OTEL_TRACES_SAMPLER", "always_off")
    server = serving(traces=True)
    assert server.post("/translate/emoji", picture.read_bytes()).status_code == 200
    time.sleep(0.2)
    assert not collector.spans
    names = {
        "": ["OTLPSpanExporter"],
        "otlp": ["OTLPSpanExporter"],
        "console, otlp": ["ConsoleSpanExporter", "OTLPSpanExporter"],
        "none": [],
    }
    for value, kinds in names.items():
        monkeypatch.setenv("OTEL_TRACES_EXPORTER", value)
        assert [type(each).__name__ for each in exporters()] == kinds
    monkeypatch.setenv("OTEL_TRACES_EXPORTER", "pigeon")
    with pytest.raises(DiptychError, match="OTEL_TRACES_EXPORTER=pigeon: needs a package with the"):
        exporters()
    monkeypatch.setenv("OTEL_TRACES_EXPORTER", "otlp")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_PROTOCOL", "carrier")
    with pytest.raises(DiptychError, match="OTEL_EXPORTER_OTLP_PROTOCOL=carrier: needs a package"):
        exporters()


def test_a_collector_that_is_not_there_holds_nothing_up(collector, monkeypatch):
    from fastapi import FastAPI

    from diptych.serving import traces

    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setattr(traces, "LAST_SECONDS", 0.5)
    kept = traces.Traces()
    kept.follow(FastAPI())
    with spans.span("translate"):
        pass
    begun = time.monotonic()
    kept.close()
    assert time.monotonic() - begun < 3
