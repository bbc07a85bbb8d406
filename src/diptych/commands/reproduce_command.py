"""`diptych reproduce`: the arms of one of the paper's experiments in one table."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from diptych.commands.terminal.options import Data, Device, Set, Threads, recipe_changes
from diptych.errors import DiptychError

if TYPE_CHECKING:
    from diptych.experiments.reproduce import Reproduction
    from diptych.training.plan import Plan


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
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="say what would be done, and how long it takes")
    ] = False,
    device: Device = "auto",
    threads: Threads = 0,
) -> None:
    """Train the arms of one of the paper's experiments and put their scores in one table."""
    from diptych.commands.terminal.console import Counter, bring_pairs, console
    from diptych.commands.terminal.progress import ConsoleTracker
    from diptych.config import load_recipe
    from diptych.experiments.arms import find_experiment
    from diptych.experiments.experiment_page import write_experiment_page
    from diptych.experiments.reproduce import plans_of, write_results
    from diptych.experiments.reproduce import reproduce as reproduce_arms

    if minutes_each is not None and epochs is not None:
        raise DiptychError("give either --minutes-each or --epochs")
    overrides = recipe_changes(sets, minutes=minutes_each, epochs=epochs)

    def tracker(arm: str) -> list[ConsoleTracker]:
        console.print(f"\n{arm}", style="bold")
        return [ConsoleTracker()]

    pairs = bring_pairs(data)
    shared = load_recipe(recipe or find_experiment(experiment).recipe, overrides)
    if dry_run:
        show_plans(experiment, plans_of(experiment, pairs, shared), device, threads)
        return
    with Counter("training the segmenter") as counted:
        reproduction = reproduce_arms(
            experiment,
            pairs,
            out,
            shared,
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


def show_plans(experiment: str, plans: "Mapping[str, Plan]", device: str, threads: int) -> None:
    """What each arm would take, and all of them."""
    from diptych.commands.terminal.console import console, say_note, show_rows
    from diptych.commands.train_command import pairs_in_words, seconds_in_all, time_in_words
    from diptych.evaluation.words import duration
    from diptych.experiments.arms import find_experiment
    from diptych.training.plan import estimate

    console.print(find_experiment(experiment).title, style="bold")
    rows, seconds = {}, []
    for arm, plan in plans.items():
        cost = estimate(plan, device, threads)
        seconds.append(seconds_in_all(plan, cost))
        rows[arm] = f"{time_in_words(plan, cost)}; a step {cost.seconds_per_step:.2f} s"
    one = next(iter(plans.values()))
    ends = [each for each in seconds if each is not None]
    together = duration(sum(ends)) if len(ends) == len(seconds) else "no end is set"
    show_rows(
        {
            "pairs": pairs_in_words(one.data),
            **rows,
            "together": f"{together}, validation and scores apart",
        }
    )
    say_note(*dict.fromkeys([*one.data.notes, *one.notes]))
    console.print("Nothing was trained: this was a dry run.")


def show_reproduction(reproduction: "Reproduction", page: Path) -> None:
    """The table of an experiment, and the paper's beside it."""
    from diptych.commands.terminal.console import console, say_note, show_table
    from diptych.experiments.arms import PUBLISHED_ON
    from diptych.experiments.experiment_page import published_table, results_table
    from diptych.weights import GET_HINT

    console.print(reproduction.experiment.title, style="bold")
    show_table(*results_table(reproduction, brief=True))
    published = published_table(reproduction)
    if published is not None:
        console.print(f"\nthe paper, for comparison only: {PUBLISHED_ON}")
        show_table(*published)
    say_note(*reproduction.notes)
    if not any("lpips" in arm.scores for arm in reproduction.arms):
        say_note(GET_HINT)
    console.print(f"page: {page}")
