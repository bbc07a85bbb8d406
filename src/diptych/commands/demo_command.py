"""`diptych demo`: train on most of the Earth, and show a continent that was never seen."""

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
    from diptych.commands.terminal.console import Counter, console, say_note, show_rows
    from diptych.commands.terminal.progress import ConsoleTracker
    from diptych.commands.terminal.score_table import show_scores
    from diptych.datasets.earth import CREDIT
    from diptych.experiments.demo import continent_file, run_demo
    from diptych.weights import GET_HINT

    changes = {"train.minutes": minutes, "data.direction": direction}
    back = direction in {BACK, "b_to_a"}
    if out is None:
        out = Path("runs", "demo-back" if back else "demo")
    console.print("[bold]diptych demo[/bold]: learning the Earth, South America kept out")
    with Counter("cutting tiles") as cut, Counter("scoring tiles of South America") as scored:
        result = run_demo(out, data, changes, device, threads, ConsoleTracker(), cut, scored)
    if result.evaluation is None:
        console.print("Stopped; all is saved. The same command goes on from here.")
        return
    evaluation = result.evaluation
    console.print(
        f"\n[bold]South America[/bold], never trained on, by {len(evaluation.images)} tiles:"
    )
    show_scores(evaluation.scores, evaluation.baselines)
    if "lpips" not in evaluation.scores:
        say_note(GET_HINT)
    source = evaluation.domains[0]
    console.print("\n[bold]Look[/bold] at the page, then try:")
    show_rows(
        {
            "page": str(out / "report.html"),
            "picture": str(continent_file(out)),
            "again": f"diptych translate {out} {data}/continent/{source} --out translated",
            "describe": f"diptych info {out}",
            "score": f"diptych evaluate {out} --data {data} --split test",
            "back": f"diptych demo --direction '{THERE if back else BACK}'",
            "your own": "diptych train --data YOUR_PAIRS --out runs/mine --dry-run",
        }
    )
    console.print(f"[dim]{CREDIT}[/dim]")
