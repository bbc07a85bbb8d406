"""`train`: a recipe and a folder of pairs become a run directory."""

import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from diptych.data.batches import Batches
from diptych.data.crops import training_crops
from diptych.data.originals import Originals
from diptych.data.sources import Source
from diptych.model_file import read_header
from diptych.schema import Recipe
from diptych.training.begun_with import initial_again
from diptych.training.bringing import bring
from diptych.training.engine import Engine, device_of, start_engine
from diptych.training.fit import fit
from diptych.training.going_on import (
    as_begun,
    checkpoint_of,
    domains_begun_with,
    finished_in_words,
    go_on,
    has_report,
)
from diptych.training.initial import Initial, begin_with, read_initial, recipe_to_begin_with
from diptych.training.judge import judge_in_training
from diptych.training.keeper import Keeper
from diptych.training.looks import Looks
from diptych.training.out_of_memory import memory_in_a_line
from diptych.training.plan import Plan, make_plan
from diptych.training.previews import drop_previews_after, save_progress
from diptych.training.referee import Referee
from diptych.training.run_directory import RunDirectory
from diptych.training.schedule import Schedule
from diptych.training.settled import settled_for
from diptych.training.starting import start_processes
from diptych.training.state import TrainingState
from diptych.training.stop import Stop
from diptych.training.teacher import built
from diptych.training.together import Processes, check_shares
from diptych.training.trackers import All, Beginning, JsonLines, Tracker, tensorboard
from diptych.training.validation import Validator


@dataclass(frozen=True)
class TrainedRun:
    """What training left: the run directory, and the scores of its best model in validation."""

    path: Path
    model: Path
    finished: bool
    step: int
    seconds: float
    scores: dict[str, float]


def train(  # noqa: PLR0913 - what to learn, from what, into what, on what
    recipe: str | Recipe | None = None,
    *,
    data: Source,
    out: str | Path,
    overrides: Mapping[str, Any] | Iterable[str] = (),
    init_from: str | Path | None = None,
    teacher: str | Path | None = None,
    device: str = "auto",
    threads: int = 0,
    devices: int = 0,
    nodes: int = 0,
    trackers: Sequence[Tracker] = (),
    strict: bool = False,
) -> TrainedRun:
    """Train on the pairs in `data`, or go on with the run that `out` holds.

    `data`: a folder, a table, shards, `hf://NAME`, or examples; see `at_hand` in `data.sources`.

    `recipe`: a name, a TOML file or a Recipe, by default `diptych`; `overrides` replace its
    keys, as `{"train.epochs": 50}`. `init_from`: a run directory or a model file to begin with,
    whose recipe is then the default. `teacher`: the same, to learn from; the recipe is its own by
    default, with a compact generator. `device`: auto, cpu, cuda or mps. `threads`: of the CPU, 0
    for torch's choice. `devices` and `nodes`: so many devices on each of so many machines, 0 for
    what torchrun started, else one; this program is started anew for each other device of a
    machine, and goes on after this call in the first process alone. `trackers` listen beside the
    log and TensorBoard. `strict`: end where the referee finds that going on is of no use. Raises
    DiptychError then, and on a user's mistake, before anything is written.
    """
    processes = start_processes(device_of(device), devices, nodes)
    run, everyone = RunDirectory(Path(out)), All(trackers if processes.first else ())
    with closing(run.lock), processes.taking_part():
        pairs = bring(data, processes, everyone.kept)
        begun = processes.by_first(
            lambda: _begin(run, recipe, pairs, overrides, init_from, teacher, device, everyone.note)
        )
        plan = begun.plan
        processes.by_first(lambda: check_shares(plan.recipe.train.batch_size, processes))
        with closing(everyone):
            settings = plan.recipe.train
            engine, where = start_engine(
                device,
                settings.precision,
                threads,
                settings.recompute,
                settings.accumulate * processes.count,
                processes.place,
            )
            for note in (plan.data.in_words(), *plan.data.notes, *plan.notes):
                everyone.note(note)
            with memory_in_a_line(plan.recipe, engine.device):
                parts = processes.in_turn(
                    lambda: _parts(plan, engine, begun.taught_by, everyone, strict, processes)
                )
                schedule = _schedule(plan, parts, processes)
                # Now that every picture was read.
                processes.by_first(lambda: run.claim(begun.planned, begun.initial, begun.taught_by))
                finished = _train(run, begun, parts, schedule, everyone, where, processes)
        if finished and processes.first and not has_report(run):
            from diptych.training.finish import write_run_report  # a page: not before it is due

            save_progress(run.previews, run.progress)
            judge = judge_in_training(parts.state, plan.domains, schedule.judged_from)
            write_run_report(run, begun.planned, plan.data, parts.validator, judge)
        step, seconds = parts.state.step, schedule.seconds
        return TrainedRun(run.path, run.best, finished, step, seconds, _scores(run))


class _Begun(NamedTuple):
    """What a run is, before any network is built."""

    plan: Plan
    planned: Recipe  # as it is written; that of the plan is how a run that goes on began
    initial: Initial | None
    taught_by: Initial | None
    checkpoint: dict[str, Any] | None


def _begin(
    run: RunDirectory,
    recipe: str | Recipe | None,
    data: Path,
    overrides: Mapping[str, Any] | Iterable[str],
    init_from: str | Path | None,
    teacher: str | Path | None,
    device: str,
    note: Callable[[str], object],
) -> _Begun:
    """Find what is to be learned from what, and whether it can be; takes the lock of a run."""
    if run.recipe.is_file():
        run.lock.take(note)  # before anything of it is read
    checkpoint = checkpoint_of(run, note)
    initial = taught_by = None
    if init_from is not None and checkpoint is not None:
        initial = initial_again(Path(init_from), run.begun_with, note)
    elif init_from is not None:
        initial = read_initial(Path(init_from))
    if teacher is not None:
        taught_by = read_initial(Path(teacher), with_discriminator=False)
    settled = recipe_to_begin_with(recipe, overrides, initial, taught_by)
    settled = settled_for(settled, device, run.begun())
    model = domains_begun_with(checkpoint, taught_by)
    plan = make_plan(settled, data, initial, model, (checkpoint or {}).get("fingerprint"))
    planned = plan.recipe
    run.check(planned, initial, taught_by)
    if checkpoint is not None:
        plan = as_begun(plan, run, checkpoint)
    return _Begun(plan, planned, initial, taught_by, checkpoint)


class _Parts(NamedTuple):
    """What a run is made of, on its device."""

    originals: Originals
    state: TrainingState
    validator: Validator
    batches: Batches
    referee: Referee


def _parts(
    plan: Plan,
    engine: Engine,
    taught_by: Initial | None,
    everyone: Tracker,
    strict: bool,
    processes: Processes,
) -> _Parts:
    """As they begin; reads every picture."""
    teacher = built(taught_by, plan, everyone.note) if taught_by is not None else None
    originals = Originals(plan.data)  # as they are before
    recipe, domains = plan.recipe, plan.domains
    labels = domains[1].kind == "labels"
    state = TrainingState(
        recipe, plan.generator_options, engine, labels, teacher, everyone.note, processes
    )
    validator = Validator(plan, engine.device, everyone)
    crops = training_crops(
        plan.data.splits["train"], recipe, domains, everyone.decoded, among=plan.data.undivided
    )
    batches = Batches(crops, domains, recipe, device=engine.device)
    return _Parts(originals, state, validator, batches, Referee(strict))


def _schedule(plan: Plan, parts: _Parts, processes: Processes) -> Schedule:
    batches = parts.batches
    return Schedule(
        plan.recipe,
        plan.steps,
        batches.steps_per_epoch,
        parts.state.generator,
        validated=len(parts.validator.sources) / batches.batch_size,
        clock=processes.clock,
    )


def _train(
    run: RunDirectory,
    begun: _Begun,
    parts: _Parts,
    schedule: Schedule,
    everyone: All,
    device: str,
    processes: Processes,
) -> bool:
    """Begin, or go on from a checkpoint; whether it trained to the end."""
    plan, checkpoint = begun.plan, begun.checkpoint
    originals, state, validator, batches, referee = parts
    if checkpoint is not None:
        changed = originals.changed_after(checkpoint.get("last_changed", sys.maxsize))
        if changed is not None:
            everyone.note(
                f"{changed} since the run read them; it goes on with them as they are now"
            )
        checkpoint = go_on(run, checkpoint, state, schedule, everyone.note, processes)
    elif begun.initial is not None:
        for note in begin_with(state, begun.initial):
            everyone.note(note)
    looks = _looks(state, batches, measured=checkpoint is not None)
    if schedule.finished(state.step):
        everyone.note(finished_in_words(plan.recipe, state.step))
        return True
    log = None
    if processes.first:
        log = JsonLines(run.log, keep=checkpoint["log_bytes"] if checkpoint else 0)
        board = tensorboard(run.tensorboard, state.step, everyone.note)
        everyone.trackers += [log, board, referee]
        drop_previews_after(run.previews, state.step)
    if checkpoint is not None:
        everyone.note(
            f"going on from step {state.step:,} at a learning rate of {schedule.rate:.3g}"
        )
    keeper = Keeper(
        plan, run, state, schedule, validator, log, everyone, referee, originals, processes, looks
    )
    where = device if processes.count == 1 else f"{device}, {processes.count} processes"
    everyone.begin(_beginning(keeper, where, batches.batch_size))
    with Stop().listening() as stop:
        finished = fit(keeper, batches.shared_out(processes.number, processes.count), stop)
    if finished and processes.first:
        everyone.finish(run.best, _scores(run))
    return finished


def _scores(run: RunDirectory) -> dict[str, float]:
    """Of the best model in validation."""
    return read_header(run.best).scores if run.best.is_file() else {}


def _looks(state: TrainingState, batches: Batches, measured: bool) -> Looks | None:
    """For a generator that takes a look; what it knows of looks is `measured` before, or here."""
    if state.look is None:
        return None
    looks = Looks(batches, state.look, changes=state.other_colours > 0)
    if not measured:
        looks.measure()
    return looks


def _beginning(keeper: Keeper, device: str, batch_size: int) -> Beginning:
    plan = keeper.plan
    minutes = plan.recipe.train.minutes
    return Beginning(
        out=keeper.run.path,
        recipe=plan.recipe,
        device=device,
        domains=plan.data.domains,
        pairs={split: len(pairs) for split, pairs in plan.data.splits.items()},
        step=keeper.state.step,
        steps=0 if minutes else plan.steps,
        minutes=minutes,
        batch_size=batch_size,
        save_model=keeper.save_model,
    )
