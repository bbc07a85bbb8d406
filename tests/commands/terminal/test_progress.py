import io
import time
from pathlib import Path

from rich.console import Console

from diptych.commands.terminal import progress
from diptych.schema import Recipe
from diptych.training.trackers import Beginning


def test_the_line_fits_into_80_columns(monkeypatch):
    printed = io.StringIO()
    console = Console(file=printed, width=80, force_terminal=True, color_system=None)
    monkeypatch.setattr(progress, "console", console)
    tracker = progress.ConsoleTracker()
    pairs = {"train": 1, "val": 1, "test": 1}
    tracker.begin(
        Beginning(Path("out"), Recipe(), "CPU", ("a", "b"), pairs, 0, 200_000, 0, 1, print)
    )
    losses = {"g_l1": 0.123, "d_real": 0.5, "d_translated": 0.5}
    tracker.log({**losses, "images_per_second": 123.4, "waiting": 0.034})
    tracker.start = (0.1, time.monotonic() - 1800)
    tracker.stepped(112_345, 0.453, 1800)
    display = tracker.live.renderable
    tracker.close()
    before = len(printed.getvalue())
    console.print(display)
    lines = printed.getvalue()[before:].splitlines()
    bar = next(line for line in lines if "training" in line)
    assert len(bar.rstrip()) <= 80
    assert "━" in bar
    assert "45% step 112,345  123.4 images/s, 3% waiting  4" in bar
    assert bar.rstrip().endswith("left")
    assert any("taken for real: targets 61%, translated 39%" in line for line in lines)
