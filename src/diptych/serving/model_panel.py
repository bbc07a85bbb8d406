"""What the page shows of one model."""

import base64
import binascii
from collections.abc import Sequence
from html import escape
from importlib.resources import files
from pathlib import Path
from typing import Any

import gradio as gr

from diptych.serving.model_actions import Actions
from diptych.serving.models import Served
from diptych.serving.uploads import MOST_SAMPLES, compare, new_folder

MOST_EXAMPLES = 12
PNG = "data:image/png;base64,"


def panel(served: Served, actions: Actions, pictures: Sequence[Path]) -> None:
    """Title, ways to give a picture, results, and what is known of the model."""
    source, target = served.translator.header.source.name, served.translator.header.target.name
    gr.HTML(
        f"<h1>{escape(source)} <span>→</span> {escape(target)}</h1>"
        "<p>Choose a picture, and see it translated; drag the line across the result to compare."
        "</p>",
        elem_classes="title",
    )
    with gr.Tabs():
        with gr.Tab("Picture"):
            _picture_tab(served, actions, pictures)
        if served.draws:
            with gr.Tab("Draw"):
                _draw_tab(served, actions)
        with gr.Tab("Many pictures"):
            _many_tab(served, actions)
    rows = "".join(
        f"<dt>{escape(what)}</dt><dd>{escape(said)}</dd>" for what, said in served.facts.items()
    )
    gr.HTML(f"<dl>{rows}</dl>", elem_classes="facts")


def _picture_tab(served: Served, actions: Actions, pictures: Sequence[Path]) -> None:
    with gr.Row():
        with gr.Column():
            picture = _picture_input(served)
            fit = _fit(served)
        with gr.Column():
            both, save = _result()
    if pictures:
        gr.Examples(
            [[str(path)] for path in pictures[:MOST_EXAMPLES]],
            picture,
            label="Or try one of these",
            api_visibility="private",
        )
    gr.on(
        [picture.change, fit.change],
        _translator(served, actions),
        [picture, fit],
        [both, save],
        api_visibility="private",
        trigger_mode="always_last",
        show_progress_on=both,
    )
    if served.translator.varies:
        with gr.Accordion("Several answers to the same picture", open=False):
            _several(served, actions, picture, fit)


def _several(served: Served, actions: Actions, picture: Any, fit: Any) -> None:
    gr.HTML(
        "<p>A picture seldom has only one right answer. The model gives others; the map shows "
        "where they differ: black nowhere, white most.</p>",
        elem_classes="words",
    )
    with gr.Row():
        count = gr.Slider(2, MOST_SAMPLES, value=4, step=1, label="How many")
        seed = gr.Number(0, label="Seed: the same gives the same", precision=0, minimum=0)
    go = gr.Button("Show several", variant="primary")
    with gr.Row():
        gallery = gr.Gallery(
            label="Answers", columns=4, object_fit="contain", format="png", height=260, scale=3
        )
        spread = gr.Image(
            label="Where they differ", interactive=False, format="png", height=260, buttons=[]
        )

    async def several(path: str | None, fit: bool, count: float, seed: float) -> Any:
        if path is None:
            raise gr.Error("give a picture first", title="", print_exception=False)
        *answers, apart = await actions.several(served, path, count, seed, fit)
        return answers, apart

    go.click(several, [picture, fit, count, seed], [gallery, spread], api_visibility="private")


def _draw_tab(served: Served, actions: Actions) -> None:
    translate = _translator(served, actions)

    async def drawn(url: str | None) -> Any:
        if not url:
            return None, gr.update(interactive=False)
        place = new_folder() / "drawing.png"
        try:
            if not url.startswith(PNG):
                raise ValueError("no PNG")
            place.write_bytes(base64.b64decode(url.removeprefix(PNG), validate=True))
        except (ValueError, binascii.Error):
            raise gr.Error("that is no drawing", print_exception=False) from None
        return await translate(str(place), True)

    assets = files("diptych.serving")
    with gr.Row():
        with gr.Column():
            canvas = gr.HTML(
                "",
                html_template=assets.joinpath("draw.html").read_text("utf-8"),
                js_on_load=assets.joinpath("draw.js").read_text("utf-8"),
                elem_classes="draw",
            )
        with gr.Column():
            both, save = _result()
    canvas.change(
        drawn,
        canvas,
        [both, save],
        api_visibility="private",
        trigger_mode="always_last",
        show_progress="hidden",
    )


def _many_tab(served: Served, actions: Actions) -> None:
    async def batch(paths: list[str] | None, fit: bool) -> Any:
        return str(await actions.batch(served, paths or [], fit=fit))

    with gr.Row():
        with gr.Column():
            pictures = gr.File(file_count="multiple", label="Pictures", height=240)
            fit = _fit(served)
            go = gr.Button("Translate all", variant="primary")
        with gr.Column():
            bundle = gr.File(label="Results, as a zip file", interactive=False, height=240)
    go.click(batch, [pictures, fit], bundle, api_visibility="private")


def _picture_input(served: Served) -> gr.Image | gr.File:
    header = served.translator.header
    if not header.source.is_picture:  # TIFF and the like, which browsers do not show
        return gr.File(label=f"Your {header.source.name}")
    picture = gr.Image(
        label=f"Your {header.source.name}",
        sources=["upload", "clipboard"],
        type="filepath",
        image_mode=None,
        height=380,
        elem_classes="source",
    )
    # The file as it was uploaded: nothing is decoded before the limits were looked at. Not by a
    # class derived from it, for which the framework would write a file beside this one.
    picture.preprocess = (  # type: ignore[method-assign]
        lambda payload: None if payload is None else payload.path
    )
    return picture


def _fit(served: Served) -> gr.Checkbox:
    side = min(served.translator.header.crop_size)
    return gr.Checkbox(
        served.scaled is not None,
        label=f"Translate at {side} pixels, the scale it learned at, and bring the result back",
        visible=served.scaled is not None,
    )


def _result() -> tuple[gr.ImageSlider, gr.DownloadButton]:
    both = gr.ImageSlider(
        label="Before and after",
        interactive=False,
        format="png",
        height=380,
        max_height=378,
        buttons=["fullscreen"],
    )
    return both, gr.DownloadButton("Save the result", interactive=False)


def _translator(served: Served, actions: Actions) -> Any:
    async def translate(path: str | None, fit: bool) -> Any:
        if path is None:
            return None, gr.update(interactive=False)
        before, after, result = await actions.one(served, path, compare, fit=fit)
        return (str(before), str(after)), gr.update(value=str(result), interactive=True)

    return translate
