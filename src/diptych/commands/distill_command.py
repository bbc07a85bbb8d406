"""`diptych distill`: a small model learns what a large one does."""

from pathlib import Path
from typing import Annotated

import typer

from diptych.commands.terminal.options import (
    Data,
    Device,
    Minutes,
    Model,
    Set,
    Threads,
    recipe_changes,
)
from diptych.commands.train_command import run_training


def distill(
    teacher: Model,
    *,
    data: Data,
    out: Annotated[Path, typer.Option(help="run directory; the same again goes on")],
    recipe: Annotated[
        str | None,
        typer.Option(help="name or TOML file; default: the teacher's, its generator compact"),
    ] = None,
    sets: Set = None,
    minutes: Minutes = None,
    device: Device = "auto",
    threads: Threads = 0,
) -> None:
    """Train a small model to do what a large one does: a student that learns from its teacher.

    It learns from the pairs, the teacher's pictures and its feature maps, and against a
    discriminator; what comes out is a model like any other.
    """
    overrides = recipe_changes(sets, minutes=minutes)
    run_training(recipe, data, out, overrides, teacher=teacher, device=device, threads=threads)
