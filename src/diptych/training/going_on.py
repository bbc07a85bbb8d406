"""Where a run goes on: its pairs, its networks and its state are those of its checkpoint."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from diptych.data.domains import Domains
from diptych.data.pairs import COLOURS
from diptych.errors import DiptychError
from diptych.schema import Recipe
from diptych.training.checkpoint import checkpoint_apart, checkpoints, latest_checkpoint
from diptych.training.initial import Initial
from diptych.training.plan import Plan, as_deep
from diptych.training.run_directory import RunDirectory
from diptych.training.schedule import Schedule
from diptych.training.state import TrainingState, as_judged
from diptych.training.together import Processes


def checkpoint_of(run: RunDirectory, note: Callable[[str], object]) -> dict[str, Any] | None:
    """The latest of a run; None where it has not begun, and nothing can be lost.

    Raises DiptychError where models are there and checkpoints are not, or none can be read.
    """
    checkpoint = latest_checkpoint(run.checkpoints, note=note)
    if checkpoint is not None:
        return checkpoint
    models = [path for path in (run.best, run.latest) if path.is_file()]
    if models:
        raise DiptychError(
            f"{run.path}: its checkpoints are gone, so it cannot go on, and what it learned is not "
            f"written over: begin another run with it, by --init-from {models[0]} and a new --out, "
            f"or remove {run.path} to start anew"
        )
    return None


def as_begun(plan: Plan, run: RunDirectory, checkpoint: Mapping[str, Any]) -> Plan:
    """The plan for a run that goes on; raises DiptychError where it began with other pairs."""
    if checkpoint["fingerprint"] != plan.data.fingerprint():
        raise DiptychError(
            f"{plan.data.root}: not the pairs that the run in {run.path} began with "
            "(names or file sizes differ); put them back, or begin another run with its model: "
            f"--init-from {run.path} and a new --out"
        )
    networks = checkpoint["training"]
    plan = as_deep(plan, networks["generator"])
    return replace(plan, recipe=as_judged(plan.recipe, networks.get("discriminator", {})))


def go_on(
    run: RunDirectory,
    checkpoint: dict[str, Any],
    state: TrainingState,
    schedule: Schedule,
    note: Callable[[str], object],
    processes: Processes,
) -> dict[str, Any]:
    """Take up what a checkpoint holds, or the one from before the rate fell; gives that one."""
    schedule.load_state_dict(checkpoint["training"])
    if schedule.outgrows(checkpoint["training"]):
        earlier = processes.by_first(
            lambda: checkpoint_apart(run.checkpoints, "before_decay", note)
        )
        if earlier is not None:
            note("there is more to train than before: going on from before the learning rate fell")
            checkpoint = earlier
            schedule.load_state_dict(checkpoint["training"])
    # Last of all that draws random numbers: they go on where they were.
    state.load_state_dict(checkpoint["training"])
    return checkpoint


def domains_begun_with(
    checkpoint: dict[str, Any] | None, taught_by: Initial | None
) -> Domains | None:
    """The domains of what the run goes on with, or learns from."""
    if checkpoint is not None and "kinds" not in checkpoint:
        return COLOURS, COLOURS  # as all pictures of 8 bits were then
    return (taught_by.header.source, taught_by.header.target) if taught_by is not None else None


def finished_in_words(recipe: Recipe, step: int) -> str:
    """That a run is finished, and how to go on."""
    train = recipe.train
    more = f"--set train.steps={2 * step}"
    if train.minutes:
        more = f"--minutes {2 * train.minutes:g}"
    elif train.epochs and not train.steps:
        more = f"--set train.epochs={2 * train.epochs}"
    return (
        f"this run is finished, at step {step:,}; to train longer give it more, as {more}, and for "
        "another give --out a new directory"
    )


def has_report(run: RunDirectory) -> bool:
    """Whether there is a report of all that was trained."""
    last = max((path.stat().st_mtime for path in checkpoints(run.checkpoints)), default=0.0)
    return run.report.is_file() and run.report.stat().st_mtime >= last
