"""`diptych reproduce`: the arms of one of the paper's experiments in one table."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from diptych.commands.terminal.options import Data, Device, Set, Threads, recipe_changes
from diptych.errors import DiptychError

if TYPE_CHECKING:
    from diptych.experiments.reproduce import Reproduction


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
    from diptych.commands.terminal.console import Counter, bring_pairs, console
    from diptych.commands.terminal.progress import ConsoleTracker
    from diptych.config import load_recipe
    from diptych.experiments.arms import find_experiment
    from diptych.experiments.experiment_page import write_experiment_page
    from diptych.experiments.reproduce import reproduce as reproduce_arms
    from diptych.experiments.reproduce import write_results

    if minutes_each is not None and epochs is not None:
        raise DiptychError("give either --minutes-each or --epochs")
    overrides = recipe_changes(sets, minutes=minutes_each, epochs=epochs)

    def tracker(arm: str) -> list[ConsoleTracker]:
        console.print(f"\n{arm}", style="bold")
        return [ConsoleTracker()]

    pairs = bring_pairs(data)
    with Counter("training the segmenter") as counted:
        reproduction = reproduce_arms(
            experiment,
            pairs,
            out,
            load_recipe(recipe or find_experiment(experiment).recipe, overrides),
            device=device,
            threads=threads,
            trackers=tracker,
            on_segmenter=counted,
        )
    if reproduction is None:
        console.print("Stopped; all is saved. The same command goes on from here.")
        raise typer.Exit(130)
    write_results(out / "results.json", reproduction)
    write_experiment_page(out / "report.html", reproduction)
    show_reproduction(reproduction, out / "report.html")


def show_reproduction(reproduction: "Reproduction", page: Path) -> None:
    """The table of an experiment, and the paper's beside it."""
    from diptych.commands.terminal.console import console, say_note, show_table
    from diptych.experiments.arms import PUBLISHED_ON
    from diptych.experiments.experiment_page import published_table, results_table

    console.print(reproduction.experiment.title, style="bold")
    show_table(*results_table(reproduction, brief=True))
    published = published_table(reproduction)
    if published is not None:
        console.print(f"\nthe paper, for comparison only: {PUBLISHED_ON}")
        show_table(*published)
    say_note(*reproduction.notes)
    console.print(f"page: {page}")
