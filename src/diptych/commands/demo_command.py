"""`diptych demo`: train on most of the Earth, and show a continent that was never seen."""

import shutil
import sys
from pathlib import Path
from typing import Annotated

import typer

from diptych.commands.terminal.options import Device, Threads

THERE, BACK = "satellite -> map", "map -> satellite"


def demo(
    out: Annotated[
        Path | None,
        typer.Option(help="run directory, made anew; default: runs/demo, or runs/demo-back"),
    ] = None,
    data: Annotated[Path, typer.Option(help="folder for the pairs")] = Path("data/earth"),
    minutes: Annotated[float, typer.Option(min=0.05, help="minutes to train")] = 3.0,
    direction: Annotated[
        str, typer.Option(help=f"what is the source: '{THERE}' or '{BACK}'")
    ] = THERE,
    device: Device = "auto",
    threads: Threads = 0,
) -> None:
    """Learn maps from satellite pictures for three minutes and draw a continent never seen."""
    from diptych.commands.terminal.console import Counter, console, say_of, show_rows
    from diptych.commands.terminal.progress import DemoTracker
    from diptych.commands.terminal.score_table import show_scores
    from diptych.datasets.earth import CREDIT
    from diptych.experiments.demo import run_demo

    changes = {"train.minutes": minutes, "data.direction": direction}
    back = direction in {BACK, "b_to_a"}
    if out is None:
        out = Path("runs", "demo-back" if back else "demo")
    say_of("diptych demo", ": learning the Earth, South America kept out")
    with Counter("cutting tiles") as cut, Counter("scoring tiles of South America") as scored:
        result = run_demo(out, data, changes, device, threads, DemoTracker(), cut, scored)
    if result.evaluation is None:
        console.print("Stopped; all is saved. The same command goes on from here.")
        return
    evaluation = result.evaluation
    say_of("\nSouth America", f", never seen before, {len(evaluation.images)} tiles:")
    show_scores(evaluation.scores, evaluation.baselines)
    say_of(f"\nLook at {out / 'report.html'}", ", then try:")
    command = _called()
    show_rows(
        {
            "your pairs": f"{command} train --data YOUR_PAIRS --out runs/mine --dry-run",
            "this model": f"{command} translate {out} PICTURES --out translated",
            "back again": f"{command} demo --direction '{THERE if back else BACK}'",
        }
    )
    console.print(CREDIT, style="dim")


def _called() -> str:
    """What to type for this program: it may lie in an environment that is not in use."""
    own = Path(sys.argv[0])
    return str(own) if own.stem == "diptych" and shutil.which("diptych") is None else "diptych"
