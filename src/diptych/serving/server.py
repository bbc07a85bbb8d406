"""The server: the plain interface and the page behind one guard, on one port."""

import asyncio
import contextlib
import os
import signal
import socket
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from diptych.errors import DiptychError
from diptych.images.files import SUFFIXES, find_files
from diptych.serving.models import Served

if TYPE_CHECKING:
    from starlette.types import ASGIApp

NEEDS = "serve needs its extra: pip install 'diptych[serve]'"
KEPT_SECONDS = 600.0  # that uploads and results lie there
ROOM = 20  # times the largest upload, for all files together
CONNECTIONS = 256

# The framework asks nobody for anything, and keeps nothing of its own.
QUIET = {
    "GRADIO_ANALYTICS_ENABLED": "False",
    "GRADIO_ANALYTICS_CACHE_FREQUENCY": str(10**9),  # else a table of 10,000 events for each event
    "GRADIO_ANALYTICS_MAX_EVENTS": "1",
    "GRADIO_RUN_HISTORY": "False",
    "GRADIO_MCP_SERVER": "False",
    "GRADIO_SHARE": "False",
    "GRADIO_SSR_MODE": "False",
    "HF_HUB_OFFLINE": "1",
}


@dataclass(frozen=True)
class Settings:
    """What whoever serves decides. `upload` in bytes, `seconds` for each request."""

    token: str = ""
    open: bool = False
    waiting: int = 16
    seconds: float = 60
    upload: int = 64_000_000
    samples: tuple[str, ...] = ()
    about: str = ""


def check_settings(host: str, settings: Settings) -> None:
    """Raise DiptychError where others could use it, and nobody said that they may."""
    if settings.token and len(settings.token) < 16:
        raise DiptychError(f"--token: {len(settings.token)} characters are too few: 16 or more")
    home = host in {"localhost", "127.0.0.1", "::1"}
    if not (home or settings.token or settings.open):
        raise DiptychError(
            f"--host {host}: others could use it: give --token, or DIPTYCH_TOKEN, "
            "or say --open if anybody may"
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


def make_server(models: Mapping[str, Served], settings: Settings, folder: Path) -> "ASGIApp":
    """The whole application; uploads and results lie in `folder`, which is cleared as it runs."""
    os.environ.update(QUIET | {"GRADIO_TEMP_DIR": str(folder)})
    try:
        import gradio as gr

        from diptych.serving.api import make_app
        from diptych.serving.counters import Metrics
        from diptych.serving.guard import Guard
        from diptych.serving.model_page import make_page, style
        from diptych.serving.waiting_line import Line
    except ModuleNotFoundError as error:
        raise DiptychError(f"{NEEDS} ({error.name} is missing)") from None
    line = Line(settings.waiting, settings.seconds)
    metrics = Metrics(line)
    pictures = example_pictures(settings.samples, models)
    page = make_page(models, line, metrics, pictures, settings.about)
    app = make_app(models, line, metrics)
    mounted = gr.mount_gradio_app(
        app, page, "/", max_file_size=settings.upload, show_error=False, **style()
    )
    inner = mounted.router.lifespan_context

    @contextlib.asynccontextmanager
    async def lifespan(_: object) -> AsyncIterator[object]:
        stays = {*folder.rglob("*")}  # the page's own
        task = asyncio.create_task(sweep(folder, stays))
        async with inner(mounted) as state:
            yield state
        task.cancel()
        line.close()

    mounted.router.lifespan_context = lifespan
    upload = settings.upload
    return Guard(mounted, upload, folder, ROOM * upload, settings.token, settings.open)


async def sweep(folder: Path, stays: set[Path]) -> None:
    """Remove what is old, over and over."""
    while True:
        old = time.time() - KEPT_SECONDS
        for path in sorted({*folder.rglob("*")} - stays, reverse=True):  # files before folders
            with contextlib.suppress(OSError):
                if path.stat().st_mtime < old:
                    path.rmdir() if path.is_dir() else path.unlink()
        await asyncio.sleep(KEPT_SECONDS / 10)


@contextlib.contextmanager
def listening(host: str, port: int) -> Iterator[socket.socket]:
    """A socket that listens there; raises DiptychError where it cannot."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host, port))
            listener.listen(CONNECTIONS)  # who comes before all is ready waits
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
    with (
        listening(host, port) as listener,
        tempfile.TemporaryDirectory(prefix="diptych-") as folder,
    ):
        app = make_server(models, settings, Path(folder))
        import uvicorn

        config = uvicorn.Config(
            app,
            log_level="error",
            access_log=False,
            server_header=False,
            limit_concurrency=CONNECTIONS,
            timeout_graceful_shutdown=5,
        )
        name = f"[{host}]" if ":" in host else host
        on_ready(f"http://{name}:{listener.getsockname()[1]}")
        # The library raises what stopped it once more; by then nothing is left but to tidy up.
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        with contextlib.suppress(KeyboardInterrupt):
            uvicorn.Server(config).run(sockets=[listener])
