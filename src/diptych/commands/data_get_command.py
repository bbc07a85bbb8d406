"""`diptych data list` and `get`: the datasets that are known, and how to get one."""

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from diptych.errors import DiptychError

if TYPE_CHECKING:
    from diptych.datasets.catalogue import KnownDataset
    from diptych.datasets.embedded import EmbeddedDataset


def list_datasets() -> None:
    """List the datasets that can be downloaded, or made from installed pictures."""
    from rich.padding import Padding
    from rich.text import Text

    from diptych.commands.terminal.console import console, show_table
    from diptych.datasets.catalogue import CATALOGUE
    from diptych.datasets.embedded import EMBEDDED

    datasets: list[KnownDataset | EmbeddedDataset] = [*CATALOGUE.values(), *EMBEDDED.values()]
    rows = []
    for dataset in datasets:
        counts = (f"{count:,}" if count else "-" for count in dataset.pairs)
        published = CATALOGUE.get(dataset.name)
        size = "by pip" if published is None else _size_in_words(published.megabytes)
        rows.append([dataset.name, dataset.task, dataset.recipe, *counts, size])
    show_table(("name", "task", "recipe", "train", "val", "test", "about"), rows, words=3)
    console.print("\non these terms", style="bold")
    for dataset in datasets:
        console.print(dataset.name, style="bold")
        terms = Text(f"{dataset.terms}\n{dataset.origin}")
        console.print(Padding(terms, (0, 0, 0, 2)), soft_wrap=False)
    command = ("\ndiptych data get NAME", "dim")
    console.print(Text.assemble(command, " says on what terms, then downloads or makes it."))


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
    """Say on what terms a dataset may be used, download or make it and say what came."""
    from diptych.commands.terminal.console import Counter, console, say_note, show_rows
    from diptych.datasets.catalogue import find_dataset
    from diptych.datasets.download import get_dataset
    from diptych.datasets.embedded import EMBEDDED
    from diptych.schema import SPLITS

    if name in EMBEDDED:
        if mirror is not None or source != "host":
            raise DiptychError(
                f"--mirror and --from: {name} is made from pictures that pip installed, not "
                "downloaded"
            )
        _make(EMBEDDED[name], root)
        return
    dataset = find_dataset(name)
    megabytes = dataset.hub_megabytes if source == "hub" else dataset.megabytes
    show_rows(
        {
            "dataset": f"{name}, {dataset.task}, {sum(dataset.pairs):,} pairs",
            "download": f"about {_size_in_words(megabytes)}, and as much again to unpack",
            "terms": dataset.terms,
            "see": dataset.origin,
        }
    )
    with Counter(f"downloading {name}") as counted:
        fetched = get_dataset(name, root, mirror=mirror, source=source, on_progress=counted)
    if fetched.kept:
        console.print(f"{fetched.folder} was there already, and is kept.")
    if fetched.own_archive is not None:
        say_note(f"{fetched.own_archive} was there already, and is kept: it is no longer needed")
    published = dict(zip(SPLITS, dataset.pairs, strict=True))
    show_rows({"pairs": ", ".join(f"{fetched.pairs[split]:,} {split}" for split in SPLITS)})
    if fetched.pairs != published:
        counts = ", ".join(f"{count:,} {split}" for split, count in published.items())
        say_note(f"published were {counts}: scores on other splits do not compare")
    if source == "hub":
        say_note("the hub does not say which of A and B is the source: look at a pair first")
    _say_next(dataset.recipe, fetched.folder)


def _make(dataset: "EmbeddedDataset", root: Path) -> None:
    from diptych.commands.terminal.console import Counter, show_rows
    from diptych.schema import SPLITS

    show_rows(
        {
            "dataset": f"{dataset.name}, {dataset.task}, {sum(dataset.pairs):,} pairs",
            "terms": dataset.terms,
            "see": dataset.origin,
        }
    )
    with Counter(f"making {dataset.name}") as counted:
        folder = dataset.prepare(root / dataset.name, counted)
    counts = zip(dataset.pairs, SPLITS, strict=True)
    show_rows({"pairs": ", ".join(f"{count:,} {split}" for count, split in counts)})
    _say_next(dataset.recipe, folder)


def _say_next(recipe: str, folder: Path) -> None:
    from diptych.commands.terminal.console import show_rows

    words = ["diptych", "train", recipe, "--data", str(folder)]
    words += ["--out", str(Path("runs", folder.name)), "--dry-run"]
    show_rows({"next": shlex.join(words)})


def _size_in_words(megabytes: int | None) -> str:
    if megabytes is None:
        return "unknown size"
    return f"{megabytes} MB" if megabytes < 1000 else f"{megabytes / 1000:.1f} GB"
