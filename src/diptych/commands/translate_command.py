"""`diptych translate`: files, folders, patterns and videos, of any size."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from diptych.commands.terminal.options import Device, Dropout, Memory, Model, Normalization, Threads
from diptych.errors import DiptychError

if TYPE_CHECKING:
    from diptych.translation.jobs.file_plan import Plan
    from diptych.translation.jobs.pipeline import Outcome


def translate(
    model: Model,
    inputs: Annotated[list[str] | None, typer.Argument(help="files, folders or patterns")] = None,
    *,
    out: Annotated[Path, typer.Option(help="folder for the results, or a video's name")],
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
    threads: Threads = 0,
) -> None:
    """Translate pictures of any size, and videos; each keeps its name, and its size where the
    task does.
    """
    from diptych.commands.terminal.console import Counter, say_note
    from diptych.translation.jobs.file_plan import (
        check_format,
        check_side,
        check_videos,
        default_format,
        form_of,
        plan_files,
        plan_sources,
    )
    from diptych.translation.jobs.pipeline import translate_files
    from diptych.translation.loading import load
    from diptych.translation.translator import NO_SAMPLES

    translator = load(
        model,
        device=device,
        threads=threads,
        dropout=dropout,
        memory=memory,
        normalization=normalization,
        precision=precision,
    )
    if at_trained_scale:
        translator = translator.scaled()
    if samples and not translator.varies:
        raise DiptychError(f"--samples: {NO_SAMPLES}")
    if like is not None or colors is not None:
        if samples:
            raise DiptychError("--samples draws looks: not with --like or --colors")
        translator = translator.told(like=like, colors=colors.split(",") if colors else ())
    translator.notice = say_note
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
    panel = check_side(side, translator.header)
    with Counter("translating") as counted:
        outcome = translate_files(
            translator,
            plan,
            seed=seed,
            panel=panel,
            overwrite=overwrite,
            samples=samples,
            on_progress=counted,
        )
    if plan.videos:
        from diptych.translation.jobs.video_jobs import translate_videos

        translate_videos(
            translator,
            plan.videos,
            outcome,
            steady=steady,
            seed=seed,
            overwrite=overwrite,
            counting=Counter,
        )
    show_outcome(plan, outcome, out)
    if outcome.failures:
        raise typer.Exit(1)


def show_outcome(plan: "Plan", outcome: "Outcome", out: Path) -> None:
    """How many pictures were translated, and what was not."""
    from diptych.commands.terminal.console import console, say_note
    from diptych.commands.terminal.escaping import in_a_line

    kept = f", {outcome.kept} already there and kept (--overwrite replaces)" if outcome.kept else ""
    console.print(f"{outcome.translated} translated to {out}{kept}")
    for path in plan.not_pictures:
        say_note(f"left out, neither picture nor video: {path}")
    say_note(*outcome.notes)
    for failure in outcome.failures:
        console.print(f"failed: {in_a_line(failure)}", style="red")
