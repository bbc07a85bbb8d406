"""Training in the terminal: a progress bar, and plain lines where there is none."""

import time
from collections.abc import Mapping
from math import exp
from typing import Any

from rich.console import Group
from rich.live import Live
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn
from rich.text import Text

from diptych.commands.terminal.console import Counter, console, say_note, say_of
from diptych.commands.terminal.score_table import scores_in_words
from diptych.evaluation.words import duration
from diptych.training.trackers import Beginning, Tracker

PLAIN_EVERY = 15.0  # seconds between two lines where there is no terminal


def losses_in_words(entry: Mapping[str, float]) -> str:
    """The losses of a log line: the L1 difference, and how far the discriminator believes what.

    A mean of -log D means that D gives a probability of `exp(-mean)`, as a geometric mean.
    """
    words = f"difference (L1) {entry['g_l1']:.3f}"
    if "d_real" in entry:
        real, translated = exp(-entry["d_real"]), 1 - exp(-entry["d_translated"])
        words += f" · taken for real: targets {real:.0%}, translated {translated:.0%}"
    return words


class ConsoleTracker(Tracker):
    """A progress bar with rate, time left and losses in words; plain lines without a terminal."""

    def __init__(self) -> None:
        self.keeping = Counter("keeping pairs, once")
        self.decoding = Counter("decoding pairs, once")
        self.bar: Progress | None = None
        self.live: Live | None = None
        self.losses = Text(style="dim")
        self.words, self.pace = "", ""
        self.last_line, self.start = 0.0, (0.0, 0.0)

    def note(self, text: str) -> None:
        """A line of its own."""
        say_note(text)

    def kept(self, done: int, total: int) -> None:
        """Count while pairs are brought from elsewhere."""
        self.keeping(done, total)

    def decoded(self, done: int, total: int) -> None:
        """Count while pictures are decoded for the first time."""
        self.decoding(done, total)

    def begin(self, beginning: Beginning) -> None:
        """Say what is trained on what."""
        source, target = beginning.domains
        pairs = beginning.pairs
        minutes, steps = beginning.minutes, beginning.steps
        until = f"for {steps:,} steps" if steps else "as long as it gets better"
        if minutes:
            until = f"for {duration(60 * minutes)}"
        say_of(
            f"{source} → {target}",
            f": {pairs['train']} pairs to train, {pairs['val']} to validate, "
            f"{pairs['test']} to test; {until} on {beginning.device}",
        )
        self.start = (0.0, time.monotonic())
        if console.is_terminal:
            self.bar = Progress(
                TextColumn("training"),
                BarColumn(None),  # as long as the words leave room for
                TaskProgressColumn(),
                TextColumn("step {task.fields[step]:,}  {task.fields[pace]}  {task.fields[left]}"),
                expand=True,
            )
            self.bar.add_task("", total=1.0, step=beginning.step, pace="", left="")
            self.live = Live(
                Group(self.bar, self.losses), console=console, transient=True, refresh_per_second=4
            )
            self.live.start()

    def stepped(self, step: int, progress: float, seconds: float) -> None:  # noqa: ARG002
        """Move the bar; without a terminal say a line now and then."""
        now = time.monotonic()
        if not self.start[0]:
            self.start = (progress, now)
        left, gained = "", progress - self.start[0]
        if gained > 0:
            left = f"{duration((now - self.start[1]) * (1 - progress) / gained)} left"
        if self.bar is not None:
            self.losses.plain = self.words
            self.bar.update(
                self.bar.task_ids[0],
                total=1.0 if progress else None,  # without an end in sight the bar pulses
                completed=progress,
                step=step,
                pace=self.pace,
                left=left,
            )
        elif now - self.last_line >= PLAIN_EVERY and self.words:
            self.last_line = now
            done = f"{progress:4.0%}  " if progress else ""
            console.print(f"{done}step {step:,}  {self.pace}  {left}  {self.words}")

    def log(self, entry: dict[str, Any]) -> None:
        """Remember the losses for the bar."""
        if "images_per_second" in entry:
            self.words = losses_in_words(entry)
            self.pace = f"{entry['images_per_second']:.1f} images/s, {entry['waiting']:.0%} waiting"

    def validated(self, step: int, scores: Mapping[str, float], best: bool) -> None:
        """Print the scores."""
        so_far = ("  best so far" if best else "", "green")
        validated = f"validated at step {step:,}:  {scores_in_words(scores)}"
        console.print(Text.assemble(validated, so_far))

    def close(self) -> None:
        """Take the bar away."""
        self.keeping.stop()
        self.decoding.stop()
        if self.live is not None:
            self.live.stop()
            self.live = self.bar = None


class DemoTracker(ConsoleTracker):
    """The same without notes: of pairs that a demo made itself there is nothing to know."""

    def note(self, text: str) -> None:
        """Nothing."""

    def begin(self, beginning: Beginning) -> None:
        """Say whether it goes on, and what is trained on what."""
        if beginning.step:
            say_note(f"going on from step {beginning.step:,}")
        super().begin(beginning)
