"""The plain interface: how the server is, what can be asked of it, and errors in one line."""

from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, Response
from starlette.exceptions import HTTPException

from diptych.errors import DiptychError
from diptych.serving.batch_route import HOW_MANY, add_batch
from diptych.serving.bodies import Bodies, SlowError
from diptych.serving.guard import WITH_PICTURES, refused
from diptych.serving.models import Served, UnknownModelError
from diptych.serving.outcomes import FailedError, Outcomes
from diptych.serving.picture_routes import HOW, add_pictures
from diptych.serving.reference import reference_page
from diptych.serving.waiting_line import BusyError, LateError, Line
from diptych.tensor_file import in_words
from diptych.version import __version__

STATUS = {
    UnknownModelError: 404, SlowError: 408, BusyError: 503, LateError: 504, FailedError: 500,
}  # fmt: skip


def make_app(
    models: Mapping[str, Served], line: Line, outcomes: Outcomes, bodies: Bodies
) -> FastAPI:
    """The application without the page."""
    app = FastAPI(title="diptych", version=__version__, docs_url=None, redoc_url=None)

    @app.exception_handler(DiptychError)
    async def speak(_: Request, error: DiptychError) -> Response:
        return refused(STATUS.get(type(error), 400), str(error))

    @app.exception_handler(RequestValidationError)
    async def explain(_: Request, error: RequestValidationError) -> Response:
        first = error.errors()[0]
        return refused(400, f"{first['loc'][-1]}={in_words(first['input'])!r}: {first['msg']}")

    @app.exception_handler(HTTPException)
    async def say(request: Request, error: HTTPException) -> Response:
        words = str(error.detail)
        if error.status_code == 405 and request.url.path.startswith(WITH_PICTURES):
            how = HOW_MANY if request.url.path.startswith("/batch/") else HOW
            words = f"{request.method} asks for nothing here: {how}"
        return refused(error.status_code, words)

    @app.get("/docs", include_in_schema=False)
    async def docs() -> Response:
        return HTMLResponse(reference_page(app.openapi()))

    @app.get("/health")
    async def health() -> dict[str, Any]:
        """That it runs, for how long, with what, and how many wait."""
        return {
            "status": "ok",
            "uptime_seconds": round(outcomes.uptime, 1),
            "in_line": line.held,
            **_versions(models),
        }

    add_pictures(app, models, line, outcomes, bodies)
    add_batch(app, models, line, outcomes, bodies)
    return app


def _versions(models: Mapping[str, Served]) -> dict[str, Any]:
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
