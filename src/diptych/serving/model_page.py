"""The page: one tab for each model, and the same as functions for other programs."""

import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from functools import partial
from importlib.resources import files
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.utils import get_upload_folder
from gradio_client.utils import is_file_obj, traverse

from diptych.errors import DiptychError
from diptych.serving.counters import Metrics
from diptych.serving.model_panel import panel
from diptych.serving.models import Served, find_model
from diptych.serving.uploads import MOST_SAMPLES, new_folder, samples, translate_file, zip_files
from diptych.serving.waiting_line import Line

BATCH = 100  # pictures in one
VISITORS = 200  # of whom the framework keeps what they last gave
NOT_DONE = "Not translated"


class Page(gr.Blocks):
    """Blocks that take uploaded files only: no file of this machine, and nothing from an address.

    Mounted in an application, the framework itself lets other paths through.
    """

    async def preprocess_data(
        self, block_fn: Any, inputs: list[Any], *args: Any, **options: Any
    ) -> Any:
        """As the framework's, once it is sure that all files were uploaded."""
        traverse(inputs, _uploaded, is_file_obj)
        return await super().preprocess_data(block_fn, inputs, *args, **options)


def _uploaded(file: dict[str, Any]) -> dict[str, Any]:
    place = Path(os.path.abspath(str(file["path"])))  # noqa: PTH100 - as the framework resolves it
    if not (place.is_relative_to(get_upload_folder()) and place.resolve() == place):
        raise gr.Error("give the picture itself", title=NOT_DONE, print_exception=False)
    return file


@contextmanager
def errors_told() -> Iterator[None]:
    """Errors are shown in their one line."""
    try:
        yield
    except DiptychError as error:
        raise gr.Error(str(error), title=NOT_DONE, print_exception=False) from None


class Actions:
    """What the page and other programs have done: each in the line, counted, with errors told."""

    def __init__(self, line: Line, metrics: Metrics) -> None:
        self.line, self.metrics = line, metrics

    async def one(self, served: Served, path: str, work: Callable[..., Any], **options: Any) -> Any:
        """What `work(served, copy of the file, ...)` gives."""
        with errors_told():
            async with self.metrics.watch(served), self.line.place():
                return await self.line.run(lambda: work(served, _taken(path), **options))

    async def several(
        self, served: Served, path: str, count: float, seed: float | None, fit: bool
    ) -> list[str]:
        """So many results with noise, and last the map of their spread."""
        options = {"count": int(count), "seed": int(seed or 0), "fit": fit}
        return [str(place) for place in await self.one(served, path, samples, **options)]

    async def batch(self, served: Served, paths: Sequence[str], *, fit: bool = False) -> Path:
        """A zip of the results of many pictures; it says which were not translated, and why."""
        with errors_told():
            if len(paths) > BATCH:
                raise DiptychError(f"{len(paths)} pictures: at most {BATCH} at once")
            results: list[tuple[str, Path]] = []
            notes: list[str] = []

            def translated(path: str) -> Path:
                return translate_file(served, _taken(path), fit=fit)

            async with self.line.place(max(1, len(paths))):
                for number, path in enumerate(paths, 1):
                    try:
                        async with self.metrics.watch(served):
                            result = await self.line.run(partial(translated, path))
                        results.append((f"{number:03}_{result.name}", result))
                    except DiptychError as error:
                        name = Path(path).name
                        notes.append(f"{name}: {str(error).removeprefix(f'{name}: ')}")
                if not results:
                    raise DiptychError("; ".join(notes[:3]) or "no pictures were given")
                place = new_folder() / f"{served.name}.zip"
                return await self.line.run(partial(zip_files, results, notes, place))


def _taken(path: str) -> Path:
    """An upload in a folder of its own, for the results beside it; the upload stays as it is."""
    copy = new_folder() / Path(path).name
    try:
        shutil.copyfile(path, copy)
    except OSError:
        raise DiptychError("this picture was deleted here meanwhile: give it once more") from None
    return copy


def make_page(
    models: Mapping[str, Served],
    line: Line,
    metrics: Metrics,
    pictures: Mapping[str, Sequence[Path]],
    about: str = "",
) -> Page:
    """The page for some models, with pictures to try for each and what its owner has to say."""
    actions = Actions(line, metrics)
    titles = ", ".join(served.title for served in models.values())
    page = Page(title=f"{titles} · diptych", analytics_enabled=False, fill_width=False)
    with page:
        _functions(models, actions)  # first, for their names
        several = len(models) > 1
        with gr.Tabs() if several else nullcontext():
            for name, served in models.items():
                with gr.Tab(name) if several else nullcontext():
                    panel(served, actions, pictures.get(name, ()))
        if about:
            gr.Markdown(about, elem_classes="about")
        gr.HTML(
            "<p>Pictures are translated on the machine that serves this page, go nowhere else, "
            "and are deleted after some minutes.</p>",
            elem_classes="about",
        )
    # Our own line holds what waits; the framework's only hands over.
    page.queue(default_concurrency_limit=None, max_size=4 * (line.waiting + 1))
    page.state_session_capacity = VISITORS
    return page


def _functions(models: Mapping[str, Served], actions: Actions) -> None:
    """What other programs may call by name, beside the plain interface."""
    with gr.Column(visible=False):
        picture, pictures = gr.File(), gr.File(file_count="multiple")
        name = gr.Dropdown(list(models), value=next(iter(models)), allow_custom_value=True)
        count = gr.Slider(2, MOST_SAMPLES, value=4, step=1)
        seed = gr.Number(0, precision=0, minimum=0)
        fit = gr.Checkbox()
        one, many, zipped = gr.File(), gr.File(file_count="multiple"), gr.File()
        ways = [gr.Button() for _ in range(3)]

    def called(name: str) -> Served:
        with errors_told():
            return find_model(models, name)

    async def translate(picture: str, model: str, fit: bool) -> str:
        return str(await actions.one(called(model), picture, translate_file, fit=fit))

    async def several(picture: str, model: str, count: float, seed: float, fit: bool) -> list[str]:
        return await actions.several(called(model), picture, count, seed, fit)

    async def batch(pictures: list[str] | None, model: str, fit: bool) -> str:
        return str(await actions.batch(called(model), pictures or [], fit=fit))

    ways[0].click(translate, [picture, name, fit], one, api_name="translate")
    ways[1].click(several, [picture, name, count, seed, fit], many, api_name="samples")
    ways[2].click(batch, [pictures, name, fit], zipped, api_name="batch")


def style() -> dict[str, Any]:
    """How the page looks: the fonts of the system, no footer, nothing from elsewhere."""
    system = ("system-ui", "-apple-system", "Segoe UI", "Roboto", "Helvetica Neue", "sans-serif")
    theme = gr.themes.Base(
        primary_hue=gr.themes.colors.sky,
        neutral_hue=gr.themes.colors.stone,
        radius_size=gr.themes.sizes.radius_md,
        font=system,
        font_mono=("ui-monospace", "Consolas", "monospace"),
    )
    css = files("diptych.serving").joinpath("model_page.css").read_text("utf-8")
    return {"theme": theme, "css": css, "footer_links": [], "run_history": False}
