"""The plain interface: a picture in, a picture out, and how the server is."""

import mimetypes
import shutil
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from fastapi import FastAPI, Request
from fastapi.responses import Response
from prometheus_client import generate_latest
from starlette.datastructures import QueryParams
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from diptych.errors import DiptychError
from diptych.serving.counters import CONTENT_TYPE, FailedError, Metrics, versions
from diptych.serving.guard import refused
from diptych.serving.models import Served, UnknownModelError, find_model
from diptych.serving.uploads import look_of_file, new_folder, translate_file
from diptych.serving.waiting_line import BusyError, LateError, Line

T = TypeVar("T")
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

    async def answered(name: str, request: Request, work: Callable[[Served, Path], T]) -> T:
        """What `work` makes of the picture in the body; its files are gone afterwards."""
        served, folder = find_model(models, name), new_folder()
        try:
            async with metrics.watch(served), line.place():
                picture = folder / "picture"
                await _store(request, picture)
                return await line.run(partial(work, served, picture))
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    @app.post("/translate/{name}")
    async def translate(name: str, request: Request) -> Response:
        asked = request.query_params
        colors, look = _listed(asked, "colors"), _numbers(asked, "look")

        def work(served: Served, source: Path) -> tuple[str, bytes]:
            form, fit = asked.get("format"), "fit" in asked
            result = translate_file(served, source, form, fit=fit, colors=colors, look=look)
            return result.name, result.read_bytes()

        result, content = await answered(name, request, work)
        kind = mimetypes.guess_type(result)[0] or "application/octet-stream"
        return Response(content, media_type=kind)

    @app.post("/look/{name}")
    async def look_like(name: str, request: Request) -> dict[str, list[float]]:
        return {"look": await answered(name, request, look_of_file)}

    return app


def _listed(asked: QueryParams, key: str) -> list[str]:
    return [each for each in asked.get(key, "").split(",") if each]


def _numbers(asked: QueryParams, key: str) -> list[float]:
    try:
        return [float(each) for each in _listed(asked, key)]
    except ValueError:
        raise DiptychError(f"{key}={asked[key]!r}: numbers, with commas between them") from None


async def _store(request: Request, place: Path) -> None:
    try:
        with place.open("wb") as file:
            async for chunk in request.stream():
                file.write(chunk)
    except ClientDisconnect:
        raise DiptychError("the sender went away") from None
    if not place.stat().st_size:
        raise DiptychError("nothing was sent: the body of the request is the picture")
