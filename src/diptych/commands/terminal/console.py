"""The terminal: what commands print with."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

console = Console(highlight=False, soft_wrap=True)


class Counter:
    """A bar that appears with the first count and goes with the last, or when the block ends.

    Nothing is shown where there is no terminal.
    """

    def __init__(self, what: str) -> None:
        self.what = what
        self.bar: Progress | None = None

    def __enter__(self) -> "Counter":
        return self

    def __exit__(self, *error: object) -> None:
        self.stop()

    def __call__(self, done: int, total: int) -> None:
        """So many are done."""
        if not console.is_terminal:
            return
        if self.bar is None:
            self.bar = Progress(
                TextColumn("{task.description}"),
                BarColumn(),
                MofNCompleteColumn(),
                TimeRemainingColumn(),
                console=console,
                transient=True,
            )
            self.bar.add_task(self.what, total=total or None)
            self.bar.start()
        self.bar.update(self.bar.task_ids[0], completed=done)
        if done == total:
            self.stop()

    def stop(self) -> None:
        """Take the bar away."""
        if self.bar is not None:
            self.bar.stop()
            self.bar = None


def bring_pairs(data: str) -> Path:
    """The folder or table of the pairs; those that come from elsewhere are kept first."""
    from diptych.data.sources import at_hand

    with Counter("keeping pairs, once") as counted:
        return at_hand(data, counted)


def show_rows(rows: Mapping[str, str]) -> None:
    """Names and values in two columns."""
    width = max(map(len, rows))
    for name, value in rows.items():
        console.print(Text.assemble((f"  {name:{width}}  ", "bold"), value))


def show_table(
    headings: Sequence[str], rows: Iterable[Sequence[str]], words: int = 1, wrap: bool = False
) -> None:
    """Rows below bold headings: the first `words` columns stand left, figures right."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for i, heading in enumerate(headings):
        table.add_column(
            heading, justify="left" if i < words else "right", no_wrap=not wrap or i < words
        )
    for row in rows:
        table.add_row(*row)
    console.print(table)


def say_note(*texts: str) -> None:
    """Lines that a person should know of."""
    for text in texts:
        console.print(Text.assemble(("note: ", "dim"), text))
