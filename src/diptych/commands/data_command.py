"""The commands of `diptych data`: datasets that are known, and how to get one."""

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from diptych.commands.terminal.options import DataPath, Direction, Set
from diptych.errors import DiptychError

if TYPE_CHECKING:
    from diptych.doctor.check import Checkup

data_app = typer.Typer(
    help="Pairs: check, show, derive them; the datasets of the paper.", no_args_is_help=True
)


@data_app.command("list")
def list_known() -> None:
    """List the datasets that can be downloaded."""
    from rich.padding import Padding
    from rich.table import Table
    from rich.text import Text

    from diptych.commands.terminal.console import console
    from diptych.datasets.catalogue import CATALOGUE

    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("name", "task", "recipe"):
        table.add_column(heading, no_wrap=True)
    for heading in ("train", "val", "test", "size"):
        table.add_column(heading, justify="right", no_wrap=True)
    for known in CATALOGUE.values():
        counts = (f"{count:,}" if count else "-" for count in known.pairs)
        size = _size_in_words(known.megabytes)
        table.add_row(known.name, known.task, known.recipe, *counts, size)
    console.print(table)
    console.print("\n[bold]on these terms[/bold]")
    for known in CATALOGUE.values():
        console.print(f"[bold]{known.name}[/bold]")
        said = Text(f"{known.terms}\n{known.origin}")
        console.print(Padding(said, (0, 0, 0, 2)), soft_wrap=False)
    console.print("\n[dim]diptych data get NAME[/dim] says on what terms, then downloads.")


@data_app.command("get")
def get(
    name: Annotated[str, typer.Argument(help="one of `diptych data list`")],
    root: Annotated[Path, typer.Option(help="folder of datasets; it goes to ROOT/NAME")] = Path(
        "data"
    ),
    mirror: Annotated[
        str | None, typer.Option(metavar="URL", help="address in place of the host's or hub's")
    ] = None,
    source: Annotated[
        str, typer.Option("--from", help="host: the authors' archive; hub: parquet files")
    ] = "host",
) -> None:
    """Say on what terms a dataset may be used, download it and say what came."""
    from diptych.commands.terminal.console import console, counting, say_note, show_rows
    from diptych.datasets.catalogue import find_known
    from diptych.datasets.download import get_dataset
    from diptych.schema import SPLITS

    known = find_known(name)
    megabytes = known.hub_megabytes if source == "hub" else known.megabytes
    show_rows(
        {
            "dataset": f"{name}, {known.task}, {sum(known.pairs):,} pairs",
            "download": f"{_size_in_words(megabytes)} and as much again to unpack",
            "terms": known.terms,
            "see": known.origin,
        }
    )
    with counting(f"downloading {name}") as counted:
        fetched = get_dataset(name, root, mirror=mirror, source=source, on_progress=counted)
    if fetched.kept:
        console.print(f"{fetched.folder} was there already, and is kept.", soft_wrap=True)
    found = ", ".join(f"{fetched.pairs[split]:,} {split}" for split in SPLITS)
    published = dict(zip(SPLITS, known.pairs, strict=True))
    show_rows({"pairs": found})
    if fetched.pairs != published:
        said = ", ".join(f"{count:,} {split}" for split, count in published.items())
        say_note(f"published were {said}: scores on other splits do not compare")
    if source == "hub":
        say_note("the hub does not say which of A and B is the source: look at a pair first")
    words = ["diptych", "train", known.recipe, "--data", str(fetched.folder)]
    words += ["--out", str(Path("runs", name)), "--dry-run"]
    show_rows({"next": shlex.join(words)})


@data_app.command("show")
def show(
    path: DataPath,
    recipe: Annotated[str, typer.Argument(help="name or TOML file; see `recipes`")] = "pix2pix",
    out: Annotated[Path, typer.Option(help="the picture to write")] = Path("pairs.png"),
    count: Annotated[int, typer.Option(min=1, max=64, help="pairs to show")] = 12,
    sets: Set = None,
) -> None:
    """Draw a sheet of training pairs as the model will see them, cropped and augmented."""
    from diptych.commands.terminal.console import console, fetched
    from diptych.config import load_recipe
    from diptych.data.show import contact_sheet
    from diptych.images.files import save_image

    save_image(contact_sheet(fetched(path), load_recipe(recipe, sets or []), count), out)
    console.print(f"sheet: {out}", soft_wrap=True)


@data_app.command("check")
def check(
    path: DataPath,
    recipe: Annotated[str, typer.Argument(help="name or TOML file; see `recipes`")] = "pix2pix",
    json_file: Annotated[
        Path | None, typer.Option("--json", help="write all that was found here")
    ] = None,
    html: Annotated[Path | None, typer.Option(help="write a page with pictures here")] = None,
    fix: Annotated[
        Path | None, typer.Option(help="folder for a table of the pairs that are left")
    ] = None,
    sets: Set = None,
    direction: Direction = None,
    cost: Annotated[
        bool, typer.Option("--cost/--no-cost", help="estimate what training takes, in seconds")
    ] = True,
    processes: Annotated[int, typer.Option(min=0, help="that read files; 0: one a core")] = 0,
) -> None:
    """Look for what is wrong with pairs; exit status 1 where training would be harmed."""
    from diptych.commands.terminal.console import console, counting, fetched, time_in_words
    from diptych.config import load_recipe
    from diptych.doctor.check import check_pairs

    overrides = [*(sets or []), *([f'data.direction="{direction}"'] if direction else [])]
    settled = load_recipe(recipe, overrides)
    found = fetched(path)
    with counting("reading pairs") as counted:
        checkup = check_pairs(found, settled, processes=processes, on_progress=counted)
    if cost:
        from diptych.training.plan import estimate, make_plan

        try:
            plan = make_plan(settled, found)
            checkup.facts["training"] = time_in_words(plan, estimate(plan))
        except DiptychError as error:  # it would not start
            checkup.facts["training"] = f"no estimate: {error}"
    _show_checkup(checkup)
    if json_file is not None:
        from diptych.doctor.checkup_words import write_json

        write_json(json_file, checkup)
    if html is not None:
        from diptych.doctor.checkup_page import write_check_page

        write_check_page(html, checkup)
        console.print(f"page: {html}", soft_wrap=True)
    if fix is not None:
        from diptych.doctor.table import CLEANED, write_cleaned

        left, out = write_cleaned(fix, checkup, settled)
        console.print(f"{left} pairs in {fix / CLEANED}, {out} left out", soft_wrap=True)
    if checkup.harmful:
        raise typer.Exit(1)


@data_app.command("derive")
def derive(
    task: Annotated[str, typer.Argument(help="recipe that makes its sources from photos")],
    photos: Annotated[str, typer.Argument(help="folder of photos, a table, shards, or hf://NAME")],
    out: Annotated[Path, typer.Argument(help="folder for the pairs, A the sources, B the photos")],
    most: Annotated[int, typer.Option(min=1, help="pairs of each split, at most")] = 1000,
    sets: Set = None,
) -> None:
    """Write the pairs that a task makes from photos, to look at; training makes its own."""
    from diptych.commands.terminal.console import console, counting, fetched
    from diptych.config import load_recipe
    from diptych.data.show import write_derived

    found = fetched(photos)
    with counting("making sources") as counted:
        made = write_derived(found, out, load_recipe(task, sets or []), most, counted)
    console.print(f"{made} pairs in {out}: sources in A, photos in B", soft_wrap=True)


def _size_in_words(megabytes: int | None) -> str:
    if megabytes is None:
        return "unknown size"
    return f"~{megabytes} MB" if megabytes < 1000 else f"~{megabytes / 1000:.1f} GB"


def _show_checkup(checkup: "Checkup") -> None:
    """Findings, the worst first, each with what to do and some of its files."""
    from rich.text import Text

    from diptych.commands.terminal.console import console, say_note, show_rows
    from diptych.doctor.checkup_words import notes, verdict, where

    show_rows(checkup.facts)
    for note in notes(checkup):
        say_note(note)
    for finding in checkup.findings:
        said = f" ({finding.kind}, {finding.sure}): {finding.message}"
        style = {"error": "bold red", "warning": "bold yellow", "note": "bold"}[finding.severity]
        console.print(Text.assemble((f"\n{finding.severity}", style), said))
        console.print(Text(f"  {finding.advice}"))
        for line in where(finding, 5):
            console.print(Text(f"    {line}", style="dim"))
    console.print(Text(f"\n{verdict(checkup)}", style="bold"))
