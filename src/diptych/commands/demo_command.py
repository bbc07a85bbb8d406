"""`diptych demo`: train on real drawings, and show what was learned."""

from pathlib import Path
from typing import Annotated

import typer

from diptych.commands.terminal.options import Device, Threads


def demo(
    out: Annotated[Path, typer.Option(help="run directory, made anew")] = Path("runs/demo"),
    data: Annotated[Path, typer.Option(help="folder for the pairs")] = Path("data/openmoji"),
    minutes: Annotated[float, typer.Option(min=0.05, help="minutes to train")] = 3.0,
    device: Device = "auto",
    threads: Threads = 0,
) -> None:
    """Train on real drawings for three minutes and show what was learned."""
    from diptych.commands.terminal.console import Counter, console, say_note, show_rows
    from diptych.commands.terminal.progress import ConsoleTracker
    from diptych.commands.terminal.score_table import show_scores
    from diptych.datasets.openmoji import CREDIT
    from diptych.experiments.demo import run_demo
    from diptych.weights import GET_HINT

    console.print("[bold]diptych demo[/bold]: learning to colour drawings")
    with Counter("rendering emoji") as rendered, Counter("scoring held-out emoji") as scored:
        result = run_demo(out, data, minutes, device, threads, ConsoleTracker(), rendered, scored)
    if result.evaluation is None:
        console.print("Stopped; all is saved. `diptych demo` goes on from here.")
        return
    console.print(
        f"\n[bold]{len(result.evaluation.images)} held-out emoji[/bold], never trained on:"
    )
    show_scores(result.evaluation.scores, result.evaluation.baselines)
    if "lpips" not in result.evaluation.scores:
        say_note(GET_HINT)
    console.print("\n[bold]Look[/bold] at the page, then try:")
    show_rows(
        {
            "page": str(out / "report.html"),
            "colour": f"diptych translate {out} {data}/test --side source --out coloured",
            "describe": f"diptych info {out}",
            "score": f"diptych evaluate {out} --data {data} --split test",
            "your own": "diptych train --data YOUR_PAIRS --out runs/mine --dry-run",
        }
    )
    console.print(f"[dim]{CREDIT}[/dim]")
