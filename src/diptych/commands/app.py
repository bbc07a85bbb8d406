"""All commands, gathered. Heavy imports stand inside them, so that help comes at once."""

import io
import os
import sys
from collections.abc import Callable
from typing import Annotated

import typer

from diptych.commands.cache_command import cache
from diptych.commands.data_check_command import check
from diptych.commands.data_get_command import get, list_datasets
from diptych.commands.data_show_command import derive, show
from diptych.commands.demo_command import demo
from diptych.commands.distill_command import distill
from diptych.commands.evaluate_command import evaluate
from diptych.commands.export_command import export
from diptych.commands.import_command import import_checkpoint
from diptych.commands.info_command import info
from diptych.commands.push_command import push
from diptych.commands.recipes_command import recipes
from diptych.commands.reproduce_command import reproduce
from diptych.commands.serve_command import serve
from diptych.commands.study_command import study
from diptych.commands.terminal.escaping import in_a_line
from diptych.commands.train_command import train
from diptych.commands.translate_command import translate
from diptych.commands.weights_command import get_weights
from diptych.errors import DiptychError

app = typer.Typer(
    name="diptych",
    help="Paired image-to-image translation: from a folder of pairs to a model you can use.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
data_app = typer.Typer(
    help="Pairs: check, show, derive them; the datasets of the paper.", no_args_is_help=True
)
weights_app = typer.Typer(help="Pretrained weights that metrics need.", no_args_is_help=True)
command: Callable[..., None]
for command in (demo, train, distill, translate):
    app.command()(command)
app.command("import")(import_checkpoint)
for command in (export, push, study, serve, evaluate, reproduce, info, recipes, cache):
    app.command()(command)
data_app.command("list")(list_datasets)
for command in (get, show, check, derive):
    data_app.command()(command)
weights_app.command("get")(get_weights)
app.add_typer(data_app, name="data")
app.add_typer(weights_app, name="weights")


@app.callback()
def limits(
    max_pixels: Annotated[
        int | None, typer.Option(min=1, help="refuse larger pictures unread; 178000000 by default")
    ] = None,
) -> None:
    """Paired image-to-image translation: from a folder of pairs to a model you can use."""
    if max_pixels is not None:
        os.environ["DIPTYCH_MAX_PIXELS"] = str(max_pixels)  # processes that it starts see it too


def main() -> None:
    """Run a command; a user's mistake is one line and exit status 2."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # what it cannot say ends no run
    try:
        app()
    except DiptychError as error:
        message, status = str(error), 2
    except ModuleNotFoundError as error:
        if error.name != "torch":
            raise
        message, status = "this command needs torch: pip install diptych", 2
    except KeyboardInterrupt:
        message, status = "interrupted", 130
    else:
        return
    print(f"diptych: {in_a_line(message)}", file=sys.stderr)  # noqa: T201
    raise SystemExit(status)
