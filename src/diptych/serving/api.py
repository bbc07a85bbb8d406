"""The plain interface: a picture in, a picture out, and how the server is."""

import mimetypes
import shutil
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import Response
from prometheus_client import generate_latest
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from diptych.errors import DiptychError
from diptych.serving.counters import CONTENT_TYPE, FailedError, Metrics, versions
from diptych.serving.guard import refused
from diptych.serving.models import Served, UnknownModelError, find_model
from diptych.serving.uploads import new_folder, translate_file
from diptych.serving.waiting_line import BusyError, LateError, Line

STATUS = {UnknownModelError: 404, BusyError: 503, LateError: 504, FailedError: 500}


def make_app(models: Mapping[str, Served], line: Line, metrics: Metrics) -> FastAPI:
    """The application without the page."""
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)

    @app.exception_handler(DiptychError)
    async def speak(_: Request, error: DiptychError) -> Response:
        return refused(STATUS.get(type(error), 400), str(error))

    @app.exception_handler(HTTPException)
    async def say(_: Request, error: HTTPException) -> Response:
        return refused(error.status_code, str(error.detail))

    @app.get("/health")
    async def health() -> dict[str, Any]:
        return {
            "status": "ok",
            "uptime_seconds": round(metrics.uptime, 1),
            "in_line": line.held,
            **versions(models),
        }

    @app.get("/metrics")
    async def counts() -> Response:
        return Response(generate_latest(metrics.registry), media_type=CONTENT_TYPE)

    @app.post("/translate/{name}")
    async def translate(name: str, request: Request) -> Response:
        served = find_model(models, name)
        form, fit = request.query_params.get("format"), "fit" in request.query_params
        colors = [each for each in request.query_params.get("colors", "").split(",") if each]
        folder = new_folder()
        try:
            async with metrics.watch(served), line.place():
                source = folder / "picture"
                await _store(request, source)
                work = partial(translate_file, served, source, form, fit=fit, colors=colors)
                result = await line.run(work)
                content = result.read_bytes()
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        kind = mimetypes.guess_type(result.name)[0] or "application/octet-stream"
        return Response(content, media_type=kind)

    return app


async def _store(request: Request, place: Path) -> None:
    try:
        with place.open("wb") as file:
            async for chunk in request.stream():
                file.write(chunk)
    except ClientDisconnect:
        raise DiptychError("the sender went away") from None
    if not place.stat().st_size:
        raise DiptychError("nothing was sent: the body of the request is the picture")
