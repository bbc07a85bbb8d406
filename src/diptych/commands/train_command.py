"""`diptych train`: a run on pairs, what it would take, and what it left."""

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from diptych.commands.terminal.options import (
    Anywhere,
    Data,
    Device,
    Devices,
    Direction,
    Minutes,
    Nodes,
    Set,
    Threads,
    recipe_changes,
)
from diptych.errors import DiptychError
from diptych.methods import DEFAULT_RECIPE

if TYPE_CHECKING:
    from diptych.data.pairs import PairedData
    from diptych.data.store.needs import Needs
    from diptych.training.plan import Cost, Estimate, Plan
    from diptych.training.train import TrainedRun


def train(
    recipe: Annotated[
        str | None,
        typer.Argument(
            help="name or TOML file; see `recipes`. "
            f"Default: {DEFAULT_RECIPE}, or that of --init-from"
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
    anywhere: Anywhere = False,
    minutes: Minutes = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="say what would be done, and what it takes")
    ] = False,
    strict: Annotated[
        bool, typer.Option("--strict", help="end where the referee finds that it is of no use")
    ] = False,
    track: Annotated[
        str, typer.Option(help="follow it elsewhere too, as wandb,mlflow,trackio")
    ] = "",
    device: Device = "auto",
    devices: Devices = 0,
    nodes: Nodes = 0,
    threads: Threads = 0,
) -> None:
    """Train on a folder of pairs, or go on with a run."""
    from diptych.config import load_recipe

    overrides = recipe_changes(sets, minutes=minutes, direction=direction, anywhere=anywhere)
    if init_from is None or recipe is not None:
        # A mistake in it is said before torch is read.
        load_recipe(recipe or DEFAULT_RECIPE, overrides)
    if dry_run:
        from diptych.commands.terminal.console import bring_pairs, say_note
        from diptych.training.initial import read_initial, recipe_to_begin_with
        from diptych.training.plan import estimate, make_plan
        from diptych.training.run_directory import RunDirectory
        from diptych.training.settled import settled_for

        initial = read_initial(init_from) if init_from is not None else None
        settled = settled_for(recipe_to_begin_with(recipe, overrides, initial), device)
        plan = make_plan(settled, bring_pairs(data), initial)
        show_plan(plan, estimate(plan, device, threads))
        if out is not None and RunDirectory(out).begun() is not None:
            say_note(f"{out} holds a run: without --dry-run this goes on with it, or says why not")
        return
    if out is None:
        raise DiptychError("--out is missing: the directory that the run is kept in")
    run_training(
        recipe,
        data,
        out,
        overrides,
        init_from=init_from,
        strict=strict,
        track=track,
        device=device,
        devices=devices,
        nodes=nodes,
        threads=threads,
    )


def run_training(
    recipe: str | None,
    data: str,
    out: Path,
    overrides: list[str],
    *,
    track: str = "",
    **options: Any,
) -> None:
    """Train under the eyes of a person; raises typer.Exit where they stopped it."""
    from diptych.commands.terminal.console import say_note
    from diptych.commands.terminal.progress import ConsoleTracker
    from diptych.training.tracking import trackers_named
    from diptych.training.train import train as train_run

    elsewhere = trackers_named(track, say_note)  # before anything is begun
    run = train_run(
        recipe,
        data=data,
        out=out,
        overrides=overrides,
        trackers=[ConsoleTracker(), *elsewhere],
        **options,
    )
    show_run(run, data)
    if not run.finished:
        raise typer.Exit(130)


def show_plan(plan: "Plan", cost: "Estimate") -> None:
    """What a dry run found."""
    from diptych.commands.info_command import domain_in_words
    from diptych.commands.terminal.console import console, say_note, show_rows
    from diptych.config import to_toml

    recipe, pairs = plan.recipe, plan.data
    console.print("recipe", style="bold")
    console.print(to_toml(recipe).rstrip(), style="dim")
    first = pairs.splits["train"][0]
    sizes = [first.source.size, first.target.size]
    shapes = " -> ".join(f"{width}x{height}" for width, height in sizes)
    rows = {
        "data": str(pairs.root),
        "layout": pairs.layout,
        "names": pairs.rule,
        "direction": " -> ".join(pairs.domains),
        **{domain.name: domain_in_words(domain) for domain in plan.domains},
        "pairs": pairs_in_words(pairs),
        "first pair": f"{pairs.first_pair()}, {shapes}",
        "generator": cost_in_words(cost.generator),
        "discriminator": cost_in_words(cost.discriminator) if cost.discriminator else "none",
        "device": cost.device,
        "decoded": store_in_words(cost.store),
        "step": f"{cost.seconds_per_step:.2f} s, batch of {recipe.train.batch_size}",
        "time": time_in_words(plan, cost),
    }
    show_rows(rows)
    say_note(*pairs.notes, *plan.notes)
    console.print("Nothing was trained: this was a dry run.")


def pairs_in_words(pairs: "PairedData") -> str:
    """How many there are of each split."""
    from diptych.schema import SPLITS

    return ", ".join(f"{len(pairs.splits[split])} {split}" for split in SPLITS)


def store_in_words(store: "Needs") -> str:
    """What the pictures take on the disk, and how long they take to get there."""
    from diptych.data.store.space import in_words
    from diptych.evaluation.words import duration

    words = f"{in_words(store.bytes)} on the disk"
    if not store.missing:
        return f"{words}, all there already"
    if store.missing > store.room:
        words += f", WHICH HAS ROOM FOR {in_words(store.room)} (`diptych cache`)"
    return f"{words}; {in_words(store.missing)} to make, once, in {duration(store.seconds)}"


def time_in_words(plan: "Plan", cost: "Estimate") -> str:
    """What the whole run takes, or gets."""
    from diptych.evaluation.words import duration
    from diptych.training.growth import growth_of

    seconds = seconds_in_all(plan, cost)
    if plan.recipe.train.minutes and seconds is not None:
        steps = seconds / cost.seconds_per_step
        epochs = steps / plan.steps_per_epoch
        return f"{duration(seconds)}: about {steps:,.0f} steps, {epochs:.1f} epochs"
    if seconds is None:
        least = duration(growth_of(plan.recipe).shortest * cost.seconds_per_step)
        return f"as long as it gets better, {least} or more; to say how long: --minutes 30"
    return f"about {duration(seconds)} for {plan.steps:,} steps, validation apart"


def seconds_in_all(plan: "Plan", cost: "Estimate") -> float | None:
    """Of the whole run, validation apart; None where nothing says when it ends."""
    minutes = plan.recipe.train.minutes
    return (60 * minutes if minutes else plan.steps * cost.seconds_per_step) or None


def cost_in_words(cost: "Cost") -> str:
    """As `54,413,955 parameters, 6.05 G multiply-adds`."""
    return f"{cost.parameters:,} parameters, {cost.multiply_adds / 1e9:.2f} G multiply-adds"


def show_run(run: "TrainedRun", data: str) -> None:
    """What training left, and what to do next."""
    from diptych.commands.terminal.console import console, show_rows
    from diptych.commands.terminal.score_table import scores_in_words
    from diptych.evaluation.words import duration

    if not run.finished:
        console.print(
            f"Stopped at step {run.step:,} after {duration(run.seconds)}; all is saved. "
            "The same command goes on from here."
        )
        return
    console.print(f"Finished: {run.step:,} steps in {duration(run.seconds)}.")
    if run.scores:
        console.print(f"Best model in validation:  {scores_in_words(run.scores)}")
    show_rows(
        {
            "model": str(run.model),
            "report": str(run.path / "report.html"),
            "translate": f"diptych translate {run.path} PICTURES --out translated",
            "evaluate": f"diptych evaluate {run.path} --data {shlex.quote(data)} --split test",
        }
    )
