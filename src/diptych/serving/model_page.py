"""The page: one tab for each model, and the same as functions for other programs."""

import os
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from importlib.resources import files
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.utils import get_upload_folder
from gradio_client.utils import is_file_obj, traverse

from diptych.serving.counters import Metrics
from diptych.serving.model_actions import NOT_DONE, Actions, errors_told
from diptych.serving.model_panel import panel
from diptych.serving.models import Served, find_model
from diptych.serving.uploads import MOST_SAMPLES, translate_file
from diptych.serving.waiting_line import Line

VISITORS = 200  # of whom the framework keeps what they last gave


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
