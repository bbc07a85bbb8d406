"""The terminal: what commands print with."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console, ConsoleOptions, RenderableType
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.segment import Segment
from rich.table import Table
from rich.text import Text

from diptych.commands.terminal.escaping import escaped, in_a_line


class _Terminal(Console):
    """Says what it is given to the letter: nothing in a name is a style, a sign or a command."""

    def render_str(self, text: str, **options: Any) -> Text:
        """A text as it is, but for what would steer the terminal."""
        return super().render_str(escaped(text), **options)

    def render(
        self, renderable: RenderableType, options: ConsoleOptions | None = None
    ) -> Iterable[Segment]:
        """The same of what is not rendered from a text alone."""
        for part in super().render(renderable, options):
            yield part if part.control else Segment(escaped(part.text), part.style)


console = _Terminal(highlight=False, markup=False, emoji=False, soft_wrap=True)


class Counter:
    """A bar that appears with the first count and goes with the last, or when the block ends.

    Nothing is shown where there is no terminal.
    """

    def __init__(self, what: str) -> None:
        self.what = in_a_line(what)
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
                TextColumn("{task.description}", markup=False),
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


def pace_in_words(count: int, seconds: float) -> str:
    """How long so many took, and how fast that was."""
    return f"in {seconds:,.0f} s, {count / seconds:.1f} a second"


def say_failures(failures: Iterable[str]) -> None:
    """A line for each thing that could not be done."""
    for failure in failures:
        console.print(f"failed: {in_a_line(failure)}", style="red")


def show_rows(rows: Mapping[str, str]) -> None:
    """Names and values in two columns."""
    width = max(map(len, rows))
    for name, value in rows.items():
        console.print(Text.assemble((f"  {name:{width}}  ", "bold"), escaped(value)))


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
        table.add_row(*map(in_a_line, row))
    console.print(table)


def say_of(subject: str, rest: str) -> None:
    """A line that begins with what it is about."""
    console.print(Text.assemble((escaped(subject), "bold"), escaped(rest)))


def say_note(*texts: str) -> None:
    """Lines that a person should know of."""
    for text in texts:
        console.print(Text.assemble(("note: ", "dim"), in_a_line(text)))
