"""The command that distils. Heavy imports stand inside it, so that help comes at once."""

from pathlib import Path
from typing import Annotated

import typer

from diptych.command_options import Data, Device, Set, Threads


def distill(
    teacher: Annotated[
        Path, typer.Argument(help="a run directory, a model file or hf://user/name")
    ],
    *,
    data: Data,
    out: Annotated[Path, typer.Option(help="run directory; the same again goes on")],
    recipe: Annotated[
        str | None,
        typer.Option(help="name or TOML file; default: the teacher's, its generator compact"),
    ] = None,
    sets: Set = None,
    minutes: Annotated[
        float | None, typer.Option(min=0.01, help="train for so long, in place of epochs")
    ] = None,
    device: Device = "auto",
    threads: Threads = 0,
) -> None:
    """Train a small model to do what a large one does: a student that learns from its teacher.

    It learns from the pairs, the teacher's pictures and its feature maps, and against a
    discriminator; what comes out is a model like any other.
    """
    from diptych.console import fetched, show_run
    from diptych.progress import ConsoleTracker
    from diptych.training.train import train

    overrides = list(sets or [])
    if minutes is not None:
        overrides.append(f"train.minutes={minutes}")
    run = train(
        recipe,
        data=fetched(data),
        out=out,
        overrides=overrides,
        teacher=teacher,
        device=device,
        threads=threads,
        trackers=[ConsoleTracker()],
    )
    show_run(run, data)
    if not run.finished:
        raise typer.Exit(130)
