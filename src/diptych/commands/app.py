"""The commands. Heavy imports stand inside them, so that help comes at once."""

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from diptych.commands.data_command import data_app
from diptych.commands.export_command import export
from diptych.commands.import_command import import_checkpoint
from diptych.commands.push_command import push
from diptych.commands.serve_command import serve
from diptych.commands.study_command import study
from diptych.commands.terminal.options import (
    Data,
    Device,
    Dropout,
    Model,
    Normalization,
    Set,
    Threads,
)
from diptych.commands.train_command import distill, train
from diptych.commands.translate_command import translate
from diptych.errors import DiptychError

app = typer.Typer(
    name="diptych",
    help="Paired image-to-image translation: from a folder of pairs to a model you can use.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
weights_app = typer.Typer(help="Pretrained weights that metrics need.", no_args_is_help=True)
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


@app.command()
def demo(
    out: Annotated[Path, typer.Option(help="run directory, made anew")] = Path("runs/demo"),
    data: Annotated[Path, typer.Option(help="folder for the pairs")] = Path("data/openmoji"),
    minutes: Annotated[float, typer.Option(min=0.05, help="minutes to train")] = 3.0,
    device: Device = "auto",
    threads: Threads = 0,
) -> None:
    """Train on real drawings for three minutes and show what was learned."""
    from diptych.commands.terminal.console import console, counting, show_demo
    from diptych.commands.terminal.progress import ConsoleTracker
    from diptych.experiments.demo import run_demo

    console.print("[bold]diptych demo[/bold]: learning to colour drawings")
    with counting("rendering emoji") as rendered, counting("scoring held-out emoji") as scored:
        result = run_demo(out, data, minutes, device, threads, ConsoleTracker(), rendered, scored)
    show_demo(result)


app.command()(train)
app.command()(distill)
app.command()(translate)
app.command("import")(import_checkpoint)
app.command()(export)
app.command()(push)
app.command()(study)
app.command()(serve)


@app.command()
def evaluate(
    model: Annotated[
        Path | None, typer.Argument(help="as for translate; not with --translated")
    ] = None,
    *,
    data: Data,
    split: Annotated[str, typer.Option(help="train, val, test or all")] = "test",
    translated: Annotated[
        Path | None, typer.Option(help="score the pictures in this folder, whoever made them")
    ] = None,
    recipe: Annotated[
        str, typer.Option(help="with --translated: says where source and target lie")
    ] = "pix2pix",
    sets: Set = None,
    size: Annotated[
        str | None, typer.Option(help="native, or the side of a square; default: the crop size")
    ] = None,
    json_file: Annotated[Path | None, typer.Option("--json", help="write all scores here")] = None,
    report: Annotated[Path | None, typer.Option(help="write a page of results here")] = None,
    segmenter: Annotated[
        Path | None,
        typer.Option(help="FCN-style score by the network in this file; trained if there is none"),
    ] = None,
    dropout: Dropout = None,
    normalization: Normalization = None,
    seed: Annotated[int, typer.Option(min=0, help="of the noise, with --dropout")] = 0,
    device: Device = "auto",
    threads: Threads = 0,
) -> None:
    """Score a model, or any tool's pictures, against the targets of a split."""
    from diptych.commands.terminal.console import counting, fetched, show_evaluation
    from diptych.config import load_recipe, recipe_from, with_overrides
    from diptych.evaluation.evaluate import evaluate as evaluate_pictures
    from diptych.evaluation.evaluate import write_json
    from diptych.evaluation.evaluation_page import write_page
    from diptych.translation.loading import load
    from diptych.translation.translator import Translator

    judged: Translator | Path
    if (model is None) == (translated is None):
        raise DiptychError("give either a MODEL or --translated DIR")
    if translated is not None:
        judged, settled = translated, load_recipe(recipe, sets or [])
    elif model is not None:
        judged = load(
            model, device=device, threads=threads, dropout=dropout, normalization=normalization
        )
        judged.seed(seed)
        settled = with_overrides(recipe_from(judged.header.recipe, str(model)), sets or [])
    found = fetched(data)
    with counting(f"scoring {split}") as counted:
        evaluation = evaluate_pictures(
            judged,
            found,
            split,
            recipe=settled,
            size=size,
            keep_pictures=report is not None,
            segmenter=segmenter,
            on_progress=counted,
        )
    name = str(model or translated)
    if json_file is not None:
        write_json(json_file, evaluation, {"model": name, "data": data})
    page = write_page(report / "report.html", evaluation, model, name) if report else None
    show_evaluation(evaluation, page)


@app.command()
def reproduce(
    experiment: Annotated[
        str,
        typer.Argument(help="losses, generators, receptive-fields, maps512 or colorize-histograms"),
    ],
    *,
    data: Data,
    out: Annotated[Path, typer.Option(help="folder for all arms; the same again goes on")],
    minutes_each: Annotated[
        float | None, typer.Option(min=0.01, help="train each arm for so long")
    ] = None,
    epochs: Annotated[int | None, typer.Option(min=1, help="or for so many epochs")] = None,
    recipe: Annotated[str, typer.Option(help="in place of the experiment's own")] = "",
    sets: Set = None,
    device: Device = "auto",
    threads: Threads = 0,
) -> None:
    """Train the arms of one of the paper's experiments and put their scores in one table."""
    from diptych.commands.terminal.console import console, counting, fetched, show_reproduction
    from diptych.commands.terminal.progress import ConsoleTracker
    from diptych.config import load_recipe
    from diptych.experiments.arms import find_experiment
    from diptych.experiments.experiment_page import write_experiment_page
    from diptych.experiments.reproduce import reproduce as reproduce_arms
    from diptych.experiments.reproduce import write_results

    if minutes_each is not None and epochs is not None:
        raise DiptychError("give either --minutes-each or --epochs")
    overrides = list(sets or [])
    if minutes_each is not None:
        overrides.append(f"train.minutes={minutes_each}")
    if epochs is not None:
        overrides.append(f"train.epochs={epochs}")

    def tracker(arm: str) -> list[ConsoleTracker]:
        console.print(f"\n[bold]{arm}[/bold]")
        return [ConsoleTracker()]

    found = fetched(data)
    with counting("training the segmenter") as counted:
        done = reproduce_arms(
            experiment,
            found,
            out,
            load_recipe(recipe or find_experiment(experiment).recipe, overrides),
            device=device,
            threads=threads,
            trackers=tracker,
            on_segmenter=counted,
        )
    if done is None:
        console.print("Stopped; all is saved. The same command goes on from here.")
        raise typer.Exit(130)
    write_results(out / "results.json", done)
    write_experiment_page(out / "report.html", done)
    show_reproduction(done, out / "report.html")


@app.command()
def info(model: Model) -> None:
    """Say what is in a model file."""
    from diptych.commands.terminal.console import show_header
    from diptych.model_file import model_path
    from diptych.translation.loading import read_about

    path = model_path(model)
    show_header(path, read_about(path))


@app.command()
def recipes(
    name: Annotated[str | None, typer.Argument(help="one to print whole")] = None,
) -> None:
    """List the recipes, or print one with all its keys."""
    from diptych.config import load_recipe, recipe_names, recipe_text, to_toml

    if name is not None:
        typer.echo(to_toml(load_recipe(name)), nl=False)
        return
    for each in recipe_names():
        about = recipe_text(each).splitlines()[0].lstrip("# ")
        typer.echo(f"{each:14} {about}")


@weights_app.command("get")
def weights_get(
    what: Annotated[str, typer.Argument(help="lpips")],
    backbone: Annotated[str, typer.Option(help="alex or vgg")] = "alex",
) -> None:
    """Download published weights, verify them and keep them."""
    from diptych.commands.terminal.console import console, counting
    from diptych.weights import get_lpips

    if what != "lpips" or backbone not in {"alex", "vgg"}:
        raise DiptychError("weights get: lpips, with --backbone alex or vgg")
    with counting("downloading") as counted:
        path = get_lpips("vgg" if backbone == "vgg" else "alex", on_progress=counted)
    console.print(f"LPIPS is ready: {path}", soft_wrap=True)


def main() -> None:
    """Run a command; a user's mistake is one line and exit status 2."""
    try:
        app()
    except DiptychError as error:
        print(f"diptych: {error}", file=sys.stderr)  # noqa: T201
        raise SystemExit(2) from None
    except ModuleNotFoundError as error:
        if error.name != "torch":
            raise
        print("diptych: this command needs torch: pip install diptych", file=sys.stderr)  # noqa: T201
        raise SystemExit(2) from None
    except KeyboardInterrupt:
        print("diptych: interrupted", file=sys.stderr)  # noqa: T201
        raise SystemExit(130) from None
