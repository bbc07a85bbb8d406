"""`diptych translate`: files, folders, patterns and videos, of any size."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from diptych.commands.terminal.options import (
    Device,
    Devices,
    Dropout,
    Memory,
    Model,
    Nodes,
    Normalization,
    Threads,
    are_several,
)
from diptych.errors import DiptychError

if TYPE_CHECKING:
    from diptych.translation.jobs.file_plan import Plan
    from diptych.translation.jobs.pipeline import Outcome
    from diptych.translation.translator import Translator


def translate(
    model: Model,
    inputs: Annotated[list[str] | None, typer.Argument(help="files, folders or patterns")] = None,
    *,
    out: Annotated[
        str, typer.Option(help="folder for the results, or a picture's or video's name")
    ],
    side: Annotated[
        str | None,
        typer.Option(help="inputs hold pairs side by side; take the source, left or right one"),
    ] = None,
    sources: Annotated[
        list[str] | None,
        typer.Option("--source", help="NAME=FOLDER, for each source of a model that takes several"),
    ] = None,
    form: Annotated[
        str | None,
        typer.Option("--format", help="png, jpg, webp, tif or npy; by default what has room"),
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="replace results")] = False,
    dropout: Dropout = None,
    normalization: Normalization = None,
    like: Annotated[
        Path | None, typer.Option(help="a picture whose overall colours results are to have")
    ] = None,
    colors: Annotated[
        str | None,
        typer.Option(help="or the largest one or two colours, as '#a03020' or 'red,white'"),
    ] = None,
    samples: Annotated[
        int,
        typer.Option(
            min=0, help="so many results, in drawn looks or with noise, and a map of their spread"
        ),
    ] = 0,
    seed: Annotated[int, typer.Option(min=0, help="of what is drawn")] = 0,
    steady: Annotated[
        bool, typer.Option(help="videos: the same noise and normalisation for all frames")
    ] = True,
    at_trained_scale: Annotated[
        bool,
        typer.Option(
            "--at-trained-scale",
            help="at the scale that the model learned at, and back to the picture's own size",
        ),
    ] = False,
    memory: Memory = None,
    precision: Annotated[
        str, typer.Option(help="auto, fp32 or bf16; auto: bf16 where it is fast and hardly differs")
    ] = "auto",
    device: Device = "auto",
    devices: Devices = 0,
    nodes: Nodes = 0,
    threads: Threads = 0,
    by_ray: Annotated[
        bool,
        typer.Option(
            "--ray", help="on a Ray cluster, from and to any place, as s3://bucket/photos"
        ),
    ] = False,
) -> None:
    """Translate pictures of any size, and videos; each keeps its name, and its size where the
    task does.
    """
    from diptych.commands.terminal.console import Counter, say_note
    from diptych.translation.jobs.plan_jobs import translate_plan
    from diptych.translation.settings import Settings

    settings = Settings(
        device=device,
        threads=threads,
        dropout=dropout,
        memory=memory,
        normalization=normalization,
        precision=precision,
        at_trained_scale=at_trained_scale,
        samples=samples,
        like=like,
        colors=() if colors is None else tuple(colors.split(",")),
    )
    work = partial(translate_plan, seed=seed, overwrite=overwrite, samples=samples, steady=steady)
    if by_ray:
        from diptych.commands.translating_by_ray import translate_by_ray

        if nodes or sources:
            raise DiptychError("--ray: without --nodes and --source NAME=FOLDER")
        failed = translate_by_ray(
            settings, model, inputs or [], out, form, side, work, overwrite, devices
        )
        raise typer.Exit(int(failed))
    for place in (*(inputs or ()), out):
        if "://" in place:
            raise DiptychError(f"{place}: other places than folders are read and written by --ray")
    planned = partial(
        make_plan,
        inputs=inputs,
        sources=sources,
        out=Path(out),
        form=form,
        samples=samples,
        side=side,
    )
    if are_several(devices, nodes):
        from diptych.commands.translating_together import translate_together

        plan, outcome = translate_together(
            settings, model, planned, work, overwrite=overwrite, devices=devices, nodes=nodes
        )
    else:
        translator = settings.load(model)
        translator.notice = say_note
        plan, panel = planned(translator)
        outcome = work(translator, plan, panel=panel, counting=Counter)
    show_outcome(plan.not_pictures, outcome, out)
    if outcome.failures:
        raise typer.Exit(1)


def make_plan(
    translator: "Translator",
    *,
    inputs: list[str] | None,
    sources: list[str] | None,
    out: Path,
    form: str | None,
    samples: int,
    side: str | None,
) -> tuple["Plan", tuple[int, int] | None]:
    """Where each result goes, and which panel of pictures is translated.

    Raises DiptychError on a user's mistake, before anything is done.
    """
    from diptych.translation.jobs.file_plan import (
        check_format,
        check_side,
        check_videos,
        default_format,
        form_of,
        plan_files,
        plan_sources,
    )

    target = translator.header.target
    named = form_of(out)
    if named is not None and form not in {None, named}:
        raise DiptychError(f"--out {out}: not --format {form} as well")
    form = form or named or default_format(target)
    check_format(form, target, "--format" if named is None else "--out")
    if bool(inputs) == bool(sources):
        raise DiptychError("translate: give files or folders, or --source NAME=FOLDER for each")
    if sources:
        plan = plan_sources(sources, translator.header.source, out, form, samples)
    else:
        plan = plan_files(inputs or [], out, form, samples)
    check_videos(plan, target, samples, side)
    return plan, check_side(side, translator.header)


def show_outcome(
    not_pictures: Sequence[object], outcome: "Outcome", out: str, took: str = ""
) -> None:
    """How many pictures were translated, and what was not."""
    from diptych.commands.terminal.console import console, say_failures, say_note

    there = "already there and kept, by whatever model and options (--overwrite replaces)"
    kept = f", {outcome.kept} {there}" if outcome.kept else ""
    console.print(f"{outcome.translated} translated to {out}{took}{kept}")
    for path in not_pictures:
        say_note(f"left out, neither picture nor video: {path}")
    say_note(*outcome.notes)
    say_failures(outcome.failures)
