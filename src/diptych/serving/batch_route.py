"""Many pictures in one request, as a form, and their results as a zip file."""

import os
import tempfile
import zipfile
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import IO

from fastapi import FastAPI, Request
from fastapi.responses import Response, StreamingResponse
from starlette.background import BackgroundTask
from starlette.datastructures import FormData, UploadFile
from starlette.types import Message

from diptych.errors import DiptychError
from diptych.serving.answers import File, Wishes, translated
from diptych.serving.bodies import Bodies
from diptych.serving.models import Served, find_model
from diptych.serving.outcomes import Outcomes
from diptych.serving.picture_routes import Fit, Format, Model, safe_name
from diptych.serving.waiting_line import Line

BATCH = 100  # pictures in one
CHUNK = 2**18  # bytes of an answer that are read at a time
HOW_MANY = "many pictures are sent as a form: curl -F p=@a.png -F p=@b.png ADDRESS"
FORM = {"requestBody": {"description": "pictures, each a field", "required": True, "content": {
    "multipart/form-data": {"schema": {"type": "object"}}}}}  # fmt: skip


def add_batch(
    app: FastAPI, models: Mapping[str, Served], line: Line, outcomes: Outcomes, bodies: Bodies
) -> None:
    """Add the route."""

    async def one(served: Served, upload: UploadFile, wishes: Wishes) -> File:
        content, name = await upload.read(), safe_name(upload.filename or "")
        async with outcomes.watch(served):
            return await line.run(lambda: translated(served, content, wishes, name))

    @app.post("/batch/{name}", openapi_extra=FORM)
    async def batch(
        name: Model,
        request: Request,
        format: Format = None,  # noqa: A002 - as it is called in an address
        fit: Fit = None,
    ) -> Response:
        """Translate many pictures, sent as a form (curl -F); the results come as a zip file."""
        served, wishes = find_model(models, name), Wishes(format, fit is not None)
        if not request.headers.get("content-type", "").startswith("multipart/form-data"):
            raise DiptychError(HOW_MANY)
        # On disk, and gone when it is closed: a hundred results need not fit into memory.
        bundle = tempfile.TemporaryFile()  # noqa: SIM115 - the answer closes it
        try:
            async with bodies.received(request) as body, _form(request, body) as form:
                uploads = [each for _, each in form.multi_items() if isinstance(each, UploadFile)]
                async with line.place(max(1, len(uploads))):
                    await put_results(bundle, uploads, partial(one, served, wishes=wishes))
            length = bundle.seek(0, os.SEEK_END)
            bundle.seek(0)
        except BaseException:
            bundle.close()
            raise
        return StreamingResponse(
            iter(partial(bundle.read, CHUNK), b""),
            media_type="application/zip",
            headers={"Content-Length": str(length)},
            background=BackgroundTask(bundle.close),
        )


async def put_results(
    bundle: IO[bytes],
    uploads: Sequence[UploadFile],
    translate: Callable[[UploadFile], Awaitable[File]],
) -> None:
    """Make `bundle` a zip of the results, and of a list of what was not translated."""
    notes: list[str] = []
    with zipfile.ZipFile(bundle, "w", zipfile.ZIP_STORED) as files:
        for number, upload in enumerate(uploads, 1):
            try:
                result = await translate(upload)
            except DiptychError as error:
                called = safe_name(upload.filename or "")
                notes.append(f"{called}: {str(error).removeprefix(f'{called}: ')}")
            else:
                files.writestr(f"{number:03}_{result.name}", result.content)
        if not files.namelist():
            raise DiptychError("; ".join(notes[:3]) or "no pictures were given")
        if notes:
            files.writestr("not-translated.txt", "\n".join(notes) + "\n")


@asynccontextmanager
async def _form(request: Request, body: bytes) -> AsyncIterator[FormData]:
    """The form in a body that has arrived; raises DiptychError where its letters are none."""

    async def arrived() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    try:
        form = await Request(request.scope, arrived).form(max_files=BATCH, max_fields=BATCH)
    except UnicodeError:
        raise DiptychError("the form is not in the charset that it says: leave that out") from None
    try:
        yield form
    finally:
        await form.close()
