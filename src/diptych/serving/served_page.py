"""The page of each model, the one that `export --to web` writes: here the server translates."""

from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path

from fastapi import FastAPI
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from starlette.exceptions import HTTPException

from diptych.export.page.index_page import Kind, page_facts, page_files, page_html
from diptych.images.files import ending_of
from diptych.serving.answers import example
from diptych.serving.models import Served, find_model
from diptych.serving.waiting_line import Line

MOST_EXAMPLES = 12
SMALL = 128  # pixels a side of one, to choose it by
POLICY = (
    "default-src 'none'; script-src 'self'; connect-src 'self'; img-src 'self' blob: data:; "
    "style-src 'self'; base-uri 'none'; form-action 'self'"
)
PROMISE = (
    "Pictures are translated on the machine that serves this page, go nowhere else, and are not "
    "kept."
)
PEN = {"paper": "#ffffff", "ink": "#000000"}
WIDTH = 1 / 64  # of lines, of the side of what the model learned from
NO_CACHE = {"cache-control": "no-cache"}
KINDS = {".js": "text/javascript", ".css": "text/css"}


def add_page(
    app: FastAPI,
    models: Mapping[str, Served],
    line: Line,
    pictures: Mapping[str, Sequence[Path]],
    about: str = "",
) -> None:
    """Add the pages of the models, their files, and pictures to try for each."""
    assets = page_files()
    own = files("diptych.serving")
    assets |= {name: own.joinpath(name).read_bytes() for name in ("server_engine.js", "batch.js")}
    pages = {name: f"../{name}/" for name in models}

    @app.get("/", include_in_schema=False)
    async def first() -> Response:
        return RedirectResponse(f"models/{next(iter(models))}/", 307)

    @app.get("/models/{name}/", include_in_schema=False)
    async def page(name: str) -> Response:
        served = find_model(models, name)
        header = served.translator.header
        count = min(MOST_EXAMPLES, len(pictures.get(name, ())))
        settings = {
            "engine": "./server_engine.js",
            "server": f"../../shown/{name}",
            "batch": f"../../batch/{name}",
            "fits": served.scaled is not None,
            "noise": served.translator.has_noise and header.look is None,
            "pen": PEN | {"width": min(header.crop_size) * WIDTH} if served.draws else None,
            "samples": [
                {"url": f"../../examples/{name}/{i}", "small": f"../../examples/{name}/{i}/small"}
                for i in range(count)
            ],
        }
        kind = Kind(
            POLICY,
            PROMISE,
            place="../../static/",
            side="Translate",
            accepts="image/*,.tif,.tiff,.npy,.npz",
            batch=True,
            model=name,
            models=pages if len(pages) > 1 else {},
        )
        facts = served.facts | page_facts(header)
        policy = {"content-security-policy": f"{POLICY}; frame-ancestors 'self'"}
        html = page_html(header, kind, settings, facts, about)
        return HTMLResponse(html, headers=NO_CACHE | policy)

    @app.get("/static/{name}", include_in_schema=False)
    async def static(name: str) -> Response:
        if name not in assets:
            raise HTTPException(404, "no such page")
        return Response(assets[name], media_type=KINDS[Path(name).suffix], headers=NO_CACHE)

    def picture(name: str, number: int) -> Path:
        found = pictures.get(find_model(models, name).name, ())
        if not 0 <= number < min(MOST_EXAMPLES, len(found)):
            raise HTTPException(404, "no such page")
        return found[number]

    @app.get("/examples/{name}/{number}", include_in_schema=False)
    async def given(name: str, number: int) -> Response:
        content = picture(name, number).read_bytes()
        kind = f"image/{ending_of(content).removeprefix('.').replace('jpg', 'jpeg')}"
        return Response(content, media_type=kind)

    @app.get("/examples/{name}/{number}/small", include_in_schema=False)
    async def small(name: str, number: int) -> Response:
        path, served = picture(name, number), find_model(models, name)
        async with line.place():
            file = await line.run(lambda: example(served, path, SMALL))
        return Response(file.content, media_type=file.kind)
