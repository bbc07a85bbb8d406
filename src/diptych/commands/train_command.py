"""The commands that train. Heavy imports stand inside them, so that help comes at once."""

from pathlib import Path
from typing import Annotated, Any

import typer

from diptych.commands.terminal.options import Data, Device, Direction, Model, Set, Threads
from diptych.errors import DiptychError

Minutes = Annotated[
    float | None, typer.Option(min=0.01, help="train for so long, in place of epochs")
]


def train(
    recipe: Annotated[
        str | None,
        typer.Argument(
            help="name or TOML file; see `recipes`. Default: pix2pix, or that of --init-from"
        ),
    ] = None,
    *,
    data: Data,
    out: Annotated[Path | None, typer.Option(help="run directory; the same again goes on")] = None,
    init_from: Annotated[
        Path | None, typer.Option(help="begin with the weights of a run directory or a model file")
    ] = None,
    sets: Set = None,
    direction: Direction = None,
    minutes: Minutes = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="say what would be done, and what it takes")
    ] = False,
    device: Device = "auto",
    threads: Threads = 0,
) -> None:
    """Train on a folder of pairs, or go on with a run."""
    from diptych.config import load_recipe

    overrides = _overrides(sets, minutes)
    if direction is not None:
        overrides.append(f'data.direction="{direction}"')
    if init_from is None or recipe is not None:
        load_recipe(recipe or "pix2pix", overrides)  # a mistake in it is said before torch is read
    if dry_run:
        from diptych.commands.terminal.console import fetched, show_plan
        from diptych.training.initial import read_initial, recipe_to_begin_with
        from diptych.training.plan import estimate, make_plan

        initial = read_initial(init_from) if init_from is not None else None
        settled = recipe_to_begin_with(recipe, overrides, initial)
        plan = make_plan(settled, fetched(data), initial)
        show_plan(plan, estimate(plan, device, threads))
        return
    if out is None:
        raise DiptychError("--out is missing: the directory that the run is kept in")
    _run(recipe, data, out, overrides, init_from=init_from, device=device, threads=threads)


def distill(
    teacher: Model,
    *,
    data: Data,
    out: Annotated[Path, typer.Option(help="run directory; the same again goes on")],
    recipe: Annotated[
        str | None,
        typer.Option(help="name or TOML file; default: the teacher's, its generator compact"),
    ] = None,
    sets: Set = None,
    minutes: Minutes = None,
    device: Device = "auto",
    threads: Threads = 0,
) -> None:
    """Train a small model to do what a large one does: a student that learns from its teacher.

    It learns from the pairs, the teacher's pictures and its feature maps, and against a
    discriminator; what comes out is a model like any other.
    """
    overrides = _overrides(sets, minutes)
    _run(recipe, data, out, overrides, teacher=teacher, device=device, threads=threads)


def _overrides(sets: list[str] | None, minutes: float | None) -> list[str]:
    return [*(sets or []), *([] if minutes is None else [f"train.minutes={minutes}"])]


def _run(recipe: str | None, data: str, out: Path, overrides: list[str], **given: Any) -> None:
    """Train under the eyes of a person; raises typer.Exit where they stopped it."""
    from diptych.commands.terminal.console import fetched, show_run
    from diptych.commands.terminal.progress import ConsoleTracker
    from diptych.training.train import train as train_run

    run = train_run(
        recipe,
        data=fetched(data),
        out=out,
        overrides=overrides,
        trackers=[ConsoleTracker()],
        **given,
    )
    show_run(run, data)
    if not run.finished:
        raise typer.Exit(130)
