"""`diptych data check`: what is wrong with pairs."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from diptych.commands.terminal.options import (
    Anywhere,
    DataPath,
    Direction,
    RecipeName,
    Set,
    recipe_changes,
)
from diptych.commands.train_command import time_in_words
from diptych.errors import DiptychError
from diptych.methods import DEFAULT_RECIPE

if TYPE_CHECKING:
    from diptych.doctor.check import Checkup


def check(
    path: DataPath,
    recipe: RecipeName = DEFAULT_RECIPE,
    json_file: Annotated[
        Path | None, typer.Option("--json", help="write all that was found here")
    ] = None,
    html: Annotated[Path | None, typer.Option(help="write a page with pictures here")] = None,
    fix: Annotated[
        Path | None, typer.Option(help="folder for a table of the pairs that are left")
    ] = None,
    sets: Set = None,
    direction: Direction = None,
    anywhere: Anywhere = False,
    cost: Annotated[
        bool, typer.Option("--cost/--no-cost", help="estimate what training takes and has to beat")
    ] = True,
    processes: Annotated[int, typer.Option(min=0, help="that read files; 0: one a core")] = 0,
) -> None:
    """Look for what is wrong with pairs; exit status 1 where training would be harmed."""
    from diptych.commands.terminal.console import Counter, bring_pairs, console
    from diptych.config import load_recipe
    from diptych.doctor.check import check_pairs
    from diptych.doctor.checkup_page import write_check_page
    from diptych.doctor.checkup_words import write_json
    from diptych.doctor.cleaned_table import CLEANED, write_cleaned
    from diptych.training.settled import settled_for

    settled = load_recipe(recipe, recipe_changes(sets, direction=direction, anywhere=anywhere))
    settled = settled_for(settled, "auto")
    pairs = bring_pairs(path)
    with Counter("reading pairs") as counted:
        checkup = check_pairs(pairs, settled, processes=processes, on_progress=counted)
    if cost:
        from diptych.doctor.to_beat import to_beat
        from diptych.training.plan import estimate, make_plan

        try:
            plan = make_plan(settled, pairs)
            checkup.facts["training"] = time_in_words(plan, estimate(plan))
            rivals = to_beat(plan.data, plan.recipe, plan.domains)
            if rivals is not None:
                checkup.facts["to beat"] = rivals
        except DiptychError as error:  # it would not start
            checkup.facts["training"] = f"no estimate: {error}"
    _show_checkup(checkup)
    if json_file is not None:
        write_json(json_file, checkup)
    if html is not None:
        write_check_page(html, checkup)
        console.print(f"page: {html}")
    if fix is not None:
        left, out = write_cleaned(fix, checkup, settled)
        console.print(
            f"{left} pairs in {fix / CLEANED}, {out} left out; train on it with --anywhere, "
            "for its files lie outside that folder"
        )
    if checkup.harmful:
        raise typer.Exit(1)


def _show_checkup(checkup: "Checkup") -> None:
    """Findings, the worst first, each with what to do and some of its files."""
    from rich.text import Text

    from diptych.commands.terminal.console import console, say_note, show_rows
    from diptych.commands.terminal.escaping import in_a_line
    from diptych.doctor.checkup_words import notes, verdict, where

    show_rows(checkup.facts)
    say_note(*notes(checkup))
    for finding in checkup.findings:
        message = f" ({finding.kind}, {finding.sure}): {in_a_line(finding.message)}"
        style = {"error": "bold red", "warning": "bold yellow", "note": "bold"}[finding.severity]
        console.print(Text.assemble((f"\n{finding.severity}", style), message))
        console.print(f"  {in_a_line(finding.advice)}")
        for line in where(finding, 5):
            console.print(f"    {in_a_line(line)}", style="dim")
    console.print(f"\n{verdict(checkup)}", style="bold")
