"""One picture in the body of a request, and what is made of it in the answer."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Annotated, Any, TypeVar

from fastapi import FastAPI, Path, Query, Request
from fastapi.responses import Response
from starlette.exceptions import HTTPException

from diptych.errors import DiptychError
from diptych.portable_name import portable
from diptych.serving.answers import (
    MOST_SAMPLES,
    Wishes,
    look_of_picture,
    samples,
    shown,
    translated,
)
from diptych.serving.bodies import Bodies
from diptych.serving.models import Served, find_model
from diptych.serving.outcomes import Outcomes
from diptych.serving.waiting_line import Line

T = TypeVar("T")
NAME_BYTES = 200  # of a file's name, which a file system takes 255 of
HOW = "the body of a POST is the picture itself: curl --data-binary @photo.png ADDRESS"

Model = Annotated[str, Path(description="the model's name, as /health lists it")]
Format = Annotated[str | None, Query(description="png, jpg, webp, tif or npy")]
Fit = Annotated[
    str | None,
    Query(description="if said: at the scale of the training, and brought back"),
]
Colors = Annotated[str, Query(description="the largest one or two: a03020,white")]
Look = Annotated[str, Query(description="the numbers that /look gave, with commas between")]
Seed = Annotated[int, Query(description="the same gives the same")]
BODY = {"requestBody": {"description": "the picture's file", "required": True, "content": {
    "application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}}}  # fmt: skip


def add_pictures(
    app: FastAPI, models: Mapping[str, Served], line: Line, outcomes: Outcomes, bodies: Bodies
) -> None:
    """Add the routes."""

    async def answered(name: str, request: Request, work: Callable[[Served, bytes], T]) -> T:
        """What `work` makes of the picture in the body, once that is here."""
        served = find_model(models, name)
        _check_body(request)
        async with outcomes.watch(served), bodies.received(request) as picture, line.place():
            return await line.run(partial(work, served, picture))

    @app.post("/translate/{name}", openapi_extra=BODY)
    async def translate(
        name: Model,
        request: Request,
        format: Format = None,  # noqa: A002 - as it is called in an address
        fit: Fit = None,
        colors: Colors = "",
        look: Look = "",
    ) -> Response:
        """Translate a picture; the answer's body is the result."""
        wishes = Wishes(format, fit is not None, _listed(colors), _numbers(look))
        file = await answered(name, request, partial(translated, wishes=wishes))
        return Response(file.content, media_type=file.kind)

    @app.post("/shown/{name}", include_in_schema=False)
    async def show(
        name: Model,
        request: Request,
        fit: Fit = None,
        look: Look = "",
        seed: Seed = 0,
        called: str = "picture",
        before: str | None = None,
    ) -> dict[str, Any]:
        wishes = Wishes(None, fit is not None, (), _numbers(look), seed)
        work = partial(shown, wishes=wishes, name=safe_name(called), before=before is not None)
        return await answered(name, request, work)

    @app.post("/look/{name}", openapi_extra=BODY)
    async def look_like(name: Model, request: Request) -> dict[str, list[float]]:
        """The look of a picture, to translate others in its colours."""
        return {"look": await answered(name, request, look_of_picture)}

    @app.post("/samples/{name}", openapi_extra=BODY)
    async def several(
        name: Model,
        request: Request,
        count: Annotated[int, Query(description=f"1 to {MOST_SAMPLES}")] = 4,
        seed: Seed = 0,
        fit: Fit = None,
    ) -> Response:
        """Several results of one picture, and the map of their spread, as a zip file."""
        wishes = Wishes(fit=fit is not None, seed=seed)
        file = await answered(name, request, partial(samples, wishes=wishes, count=count))
        return Response(file.content, media_type="application/zip")


def _check_body(request: Request) -> None:
    """Raise HTTPException where what is sent is a form or JSON rather than a picture."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind in {"multipart/form-data", "application/json"}:
        raise HTTPException(415, f"{kind} is no picture: {HOW}")


def safe_name(name: str) -> str:
    """What a sender calls a file, as the name of one."""
    plain = name.replace("\\", "/").rpartition("/")[2].strip(". ")
    shown = "".join(letter if letter.isprintable() else "_" for letter in plain)[:80]
    # A file system counts bytes, of which a letter may have four, and more is put behind it.
    held = str(portable(shown)) if shown else "picture"
    return held.encode("utf-8", "replace")[:NAME_BYTES].decode("utf-8", "ignore").rstrip(". ")


def _listed(text: str) -> list[str]:
    return [each for each in text.split(",") if each]


def _numbers(text: str) -> list[float]:
    try:
        return [float(each) for each in _listed(text)]
    except ValueError:
        raise DiptychError(f"look={text!r}: numbers, with commas between them") from None
