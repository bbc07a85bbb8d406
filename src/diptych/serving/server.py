"""The server: the plain interface and the page behind one guard, on one port."""

import contextlib
import signal
import socket
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from diptych.errors import DiptychError, optional
from diptych.home_host import HOME
from diptych.images.files import SUFFIXES, find_files
from diptych.serving.models import Served

if TYPE_CHECKING:
    from fastapi import FastAPI
    from starlette.types import ASGIApp

    from diptych.serving.counters import Counters
    from diptych.serving.traces import Traces
    from diptych.serving.waiting_line import Line

WAITING_CONNECTIONS = 256  # that the system holds until they are taken
NEEDS = "serve needs its extra: pip install 'diptych[serve]'"
NEEDS_FOR_METRICS = "--metrics needs the extra telemetry: pip install 'diptych[telemetry]'"
ROOM = 4  # times the largest upload, for all that has arrived and is not answered yet


@dataclass(frozen=True)
class Settings:
    """What whoever serves decides. `upload` in bytes, `seconds` for each request.

    `metrics` are counted, and told to who may use the server, or brings `metrics_token`; `traces`
    go where the variables of OpenTelemetry say.
    """

    token: str = ""
    open: bool = False
    waiting: int = 16
    seconds: float = 60
    upload: int = 64_000_000
    samples: tuple[str, ...] = ()
    about: str = ""
    metrics: bool = False
    metrics_token: str = ""
    traces: bool = False


def check_settings(host: str, settings: Settings) -> None:
    """Raise DiptychError where others could use it, and nobody said that they may."""
    for option, token in (("token", settings.token), ("metrics-token", settings.metrics_token)):
        if token and len(token) < 16:
            raise DiptychError(f"--{option}: {len(token)} characters are too few: 16 or more")
    if not (host in HOME or settings.token or settings.open):
        raise DiptychError(
            f"--host {host}: others could use it: give --token, or DIPTYCH_TOKEN, "
            "or say --open if anybody may"
        )
    if settings.metrics and settings.open and not (settings.token or settings.metrics_token):
        raise DiptychError(
            "--metrics: with --open anybody could read them: give --metrics-token, or "
            "DIPTYCH_METRICS_TOKEN, which whoever reads them has to bring"
        )


def example_pictures(folders: Sequence[str], models: Mapping[str, Served]) -> dict[str, list[Path]]:
    """The pictures of `DIR` or `NAME=DIR` each; without a name they are for all models.

    Raises DiptychError where there are none, or no model of the name.
    """
    pictures_of: dict[str, list[Path]] = {}
    for text in folders:
        name, equals, place = text.partition("=") if not Path(text).is_dir() else ("", "", text)
        if equals and name not in models:
            raise DiptychError(f"--samples {text}: no model called {name!r}")
        folder = Path(place or text)
        pictures = [path for path in find_files(folder) if path.suffix.lower() in SUFFIXES]
        if not pictures:
            raise DiptychError(f"--samples {text}: no pictures there")
        pictures_of |= dict.fromkeys([name] if equals else models, pictures)
    return pictures_of


def make_server(models: Mapping[str, Served], settings: Settings) -> "ASGIApp":
    """The whole application."""
    try:
        from diptych.serving.api import make_app
        from diptych.serving.bodies import Bodies
        from diptych.serving.guard import Guard
        from diptych.serving.outcomes import Outcomes
        from diptych.serving.served_page import add_page
        from diptych.serving.waiting_line import Line
    except ModuleNotFoundError as error:
        raise DiptychError(f"{NEEDS} ({error.name} is missing)") from None
    line = Line(settings.waiting, settings.seconds)
    bodies = Bodies(ROOM * settings.upload)
    counters = _counters(line) if settings.metrics else None
    outcomes = Outcomes(counters.count) if counters else Outcomes()
    app = make_app(models, line, outcomes, bodies)
    add_page(app, models, line, example_pictures(settings.samples, models), settings.about)
    if counters:
        counters.add_to(app)
    traces = _traces(app) if settings.traces else None
    inner = app.router.lifespan_context

    @contextlib.asynccontextmanager
    async def lifespan(within: Any) -> AsyncIterator[Any]:
        async with inner(within) as state:
            yield state
        await line.close()
        if traces:
            traces.close()

    app.router.lifespan_context = lifespan
    return Guard(app, settings.upload, settings.token, settings.open, settings.metrics_token)


def _counters(line: "Line") -> "Counters":
    optional("prometheus_client", NEEDS_FOR_METRICS)
    from diptych.serving.counters import Counters

    return Counters(line)


def _traces(app: "FastAPI") -> "Traces":
    from diptych.serving.traces import Traces

    traces = Traces()
    traces.follow(app)
    return traces


@contextlib.contextmanager
def listening(host: str, port: int) -> Iterator[socket.socket]:
    """A socket that listens there; raises DiptychError where it cannot."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host, port))
            listener.listen(WAITING_CONNECTIONS)  # who comes before all is ready waits
        except (OSError, OverflowError) as error:
            reason = getattr(error, "strerror", None) or error
            raise DiptychError(
                f"{host}:{port}: cannot listen there: {reason}; --port names another"
            ) from None
        yield listener


def serve(
    models: Mapping[str, Served],
    settings: Settings,
    host: str = "127.0.0.1",
    port: int = 7860,
    on_ready: Callable[[str], object] = lambda _: None,
) -> None:
    """Serve until it is stopped; `on_ready` is told the address.

    Raises DiptychError where it cannot listen there, or where others could use it unasked.
    """
    check_settings(host, settings)
    with listening(host, port) as listener:
        app = make_server(models, settings)
        import uvicorn

        from diptych.serving.connections import Connection

        config = uvicorn.Config(
            app,
            http=Connection,
            ws="none",
            log_level="error",
            access_log=False,
            server_header=False,
            backlog=WAITING_CONNECTIONS,
            timeout_graceful_shutdown=5,
        )
        name = f"[{host}]" if ":" in host else host
        on_ready(f"http://{name}:{listener.getsockname()[1]}")
        # The library raises what stopped it once more; by then nothing is left but to tidy up.
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        with contextlib.suppress(KeyboardInterrupt):
            uvicorn.Server(config).run(sockets=[listener])
