"""`diptych serve`: models on a page and over HTTP."""

import os
from typing import Annotated

import typer

from diptych.commands.terminal.options import Device, Memory, Threads

PIXELS = 16_777_216  # 4096x4096, unless --max-pixels or its variable say otherwise


def serve(
    models: Annotated[
        list[str], typer.Argument(metavar="[NAME=]MODEL...", help="run directories or model files")
    ],
    *,
    host: Annotated[str, typer.Option(help="where to listen; by default this machine alone")] = (
        "127.0.0.1"
    ),
    port: Annotated[int, typer.Option(min=0, max=65535, help="0: any free one")] = 7860,
    token: Annotated[
        str, typer.Option(envvar="DIPTYCH_TOKEN", help="what requests must bring, 16 characters up")
    ] = "",
    anybody: Annotated[
        bool, typer.Option("--open", help="listen elsewhere without a token: anybody may use it")
    ] = False,
    samples: Annotated[
        list[str] | None,
        typer.Option(metavar="[NAME=]DIR", help="pictures to try on the page; repeatable"),
    ] = None,
    about: Annotated[
        str, typer.Option(help="said on the page: whose data, under which terms")
    ] = "",
    waiting: Annotated[int, typer.Option(min=0, help="requests that may wait; others: 503")] = 16,
    seconds: Annotated[float, typer.Option(min=0.1, help="time of a request, waiting included")] = (
        60
    ),
    max_upload: Annotated[str, typer.Option(help="of one request")] = "64MB",
    metrics: Annotated[
        bool, typer.Option("--metrics", help="count requests, for Prometheus, at /metrics")
    ] = False,
    metrics_token: Annotated[
        str,
        typer.Option(envvar="DIPTYCH_METRICS_TOKEN", help="reads /metrics, and does no more"),
    ] = "",
    traces: Annotated[
        bool, typer.Option("--traces", help="for OpenTelemetry, to where its OTEL_* say")
    ] = False,
    memory: Memory = None,
    device: Device = "auto",
    threads: Threads = 0,
) -> None:
    """Serve models on a page and over HTTP."""
    from diptych.commands.terminal.console import console
    from diptych.images.limits import VARIABLE
    from diptych.serving.models import load_models
    from diptych.serving.server import Settings, check_settings
    from diptych.serving.server import serve as run
    from diptych.translation.bounded.memory import parse_bytes

    settings = Settings(
        token=token,
        open=anybody,
        waiting=waiting,
        seconds=seconds,
        upload=parse_bytes(max_upload),
        samples=tuple(samples or ()),
        about=about,
        metrics=metrics,
        metrics_token=metrics_token,
        traces=traces,
    )
    check_settings(host, settings)
    os.environ.setdefault(VARIABLE, str(PIXELS))
    models_by_name = load_models(models, device=device, threads=threads, memory=memory)

    def ready(address: str) -> None:
        for name, model in models_by_name.items():
            console.print(f"{name}: {model.title}")
        console.print(f"{address}  (Ctrl-C stops it)")

    run(models_by_name, settings, host, port, ready)
