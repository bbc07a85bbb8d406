"""`train`: a recipe and a folder of pairs become a run directory."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

from diptych.data.batches import Batches
from diptych.data.crops import pictures_to_validate, training_crops
from diptych.data.pairs import Pair, evenly_spread
from diptych.data.sources import Source, at_hand
from diptych.errors import DiptychError
from diptych.evaluation.scores import default_scorer, selection_score
from diptych.images.display import displayed
from diptych.images.sheet import as_large, sheet
from diptych.model_file import (
    Dataset,
    Header,
    Network,
    Strip,
    TestTime,
    read_header,
    write_model,
)
from diptych.networks import build_generator
from diptych.schema import Recipe
from diptych.training.budget import Budget, rate_factor
from diptych.training.checkpoint import latest_checkpoint, save_best_checkpoint, save_checkpoint
from diptych.training.engine import start_engine
from diptych.training.finish import write_run_report
from diptych.training.fit import Hooks, Stop, fit
from diptych.training.initial import Initial, begin_with, read_initial, recipe_to_begin_with
from diptych.training.plan import Plan, make_plan
from diptych.training.previews import (
    drop_previews_after,
    save_preview,
    save_progress,
)
from diptych.training.run_directory import RunDirectory
from diptych.training.state import TrainingState
from diptych.training.teacher import built, recipe_to_learn_by
from diptych.training.trackers import All, Beginning, JsonLines, TensorBoard, Tracker
from diptych.training.validation import Validator
from diptych.weights import GET_HINT


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
    trackers: Sequence[Tracker] = (),
) -> TrainedRun:
    """Train on the pairs in `data`, or go on with the run that `out` holds.

    `data`: a folder, a table, shards, `hf://NAME`, or examples; see `at_hand` in `data.sources`.

    `recipe`: a name, a TOML file or a Recipe, by default pix2pix; `overrides` replace its keys, as
    `{"train.epochs": 50}`. `init_from`: a run directory or a model file to begin with, whose recipe
    is then the default. `teacher`: the same, to learn from; the recipe is its own by default, with
    a compact generator. `device`: auto, cpu, cuda or mps. `threads`: of the CPU, 0 for torch's
    choice. `trackers` listen beside the log and TensorBoard. Raises DiptychError on a user's
    mistake, before anything is written.
    """
    initial = read_initial(Path(init_from)) if init_from is not None else None
    taught_by = (
        read_initial(Path(teacher), with_discriminator=False) if teacher is not None else None
    )
    plan = make_plan(_settled(recipe, overrides, initial, taught_by), at_hand(data), initial)
    recipe = plan.recipe
    run = RunDirectory(Path(out))
    run.check(recipe, initial, taught_by)
    checkpoint = latest_checkpoint(run.checkpoints)
    _check_same_pairs(plan, checkpoint, run)

    everyone = All(trackers)
    settings = recipe.train
    fabric, where = start_engine(device, settings.precision, threads, settings.recompute)
    for note in plan.data.notes:
        everyone.note(note)
    labels = plan.domains[1].kind == "labels"
    lecturer = built(taught_by, plan, everyone.note) if taught_by is not None else None
    options = plan.generator_options
    state = TrainingState(recipe, options, fabric, labels, lecturer, everyone.note)
    budget = Budget(plan.steps, settings.minutes)
    try:
        validator = _validator(plan, fabric.device, everyone)
        batches = Batches(
            training_crops(plan.data.splits["train"], recipe, plan.domains, everyone.decoded),
            plan.domains,
            recipe,
            device=fabric.device,
        )
        run.claim(recipe, initial, taught_by)  # now that every picture was read
        if initial is not None and checkpoint is None:
            for note in begin_with(state, initial):
                everyone.note(note)
        if checkpoint is not None:
            # Last of all that draws random numbers: they go on where they were.
            state.load_state_dict(checkpoint["training"])
        finished = budget.finished(state.step, state.finished_minutes)
        if not finished:
            log = JsonLines(run.log, keep=checkpoint["log_bytes"] if checkpoint else 0)
            everyone.trackers += [log, TensorBoard(run.path / "tensorboard", state.step)]
            drop_previews_after(run.previews, state.step)
            if checkpoint is not None:
                everyone.note(_going_on(recipe, state, budget))
            everyone.begin(
                Beginning(
                    out=run.path,
                    device=where,
                    domains=plan.data.domains,
                    pairs={split: len(pairs) for split, pairs in plan.data.splits.items()},
                    step=state.step,
                    steps=0 if settings.minutes else plan.steps,
                    minutes=settings.minutes,
                    batch_size=batches.batch_size,
                )
            )
            keeper = _Keeper(plan, run, state, validator, log, everyone)
            hooks = Hooks(keeper.validate, keeper.checkpoint, everyone)
            with Stop().listening() as stop:
                finished = fit(state, batches, recipe, budget, hooks, stop)
    finally:
        everyone.close()
    if finished:
        save_progress(run.previews, run.progress)
        write_run_report(run, recipe, plan.data, validator)
    scores = read_header(run.best).scores if run.best.is_file() else {}
    return TrainedRun(run.path, run.best, finished, state.step, state.seconds, scores)


def _settled(
    recipe: str | Recipe | None,
    overrides: Mapping[str, Any] | Iterable[str],
    initial: Initial | None,
    teacher: Initial | None,
) -> Recipe:
    if isinstance(recipe, Recipe):
        if overrides:
            raise DiptychError("overrides go with a recipe's name or file, not with a Recipe")
        return recipe
    if teacher is not None:
        return recipe_to_learn_by(recipe, overrides, teacher)
    return recipe_to_begin_with(recipe, overrides, initial)


class _Keeper:
    """Validates and keeps: the models, the previews, the checkpoints."""

    def __init__(
        self,
        plan: Plan,
        run: RunDirectory,
        state: TrainingState,
        validator: Validator,
        log: JsonLines,
        tracker: Tracker,
    ) -> None:
        self.plan, self.run, self.state = plan, run, state
        self.validator, self.log, self.tracker = validator, log, tracker
        self.fingerprint = plan.data.fingerprint()

    def validate(self) -> None:
        """Score the validation pairs, show some, and keep the model: the latest, maybe the best."""
        state, run, validator = self.state, self.run, self.validator
        weights = state.weights()
        translated = validator.translate(weights)
        scores = _means(validator.score(translated))
        self.tracker.log({"step": state.step, "scores": scores, "seconds": round(state.seconds, 2)})
        few = evenly_spread(len(translated), self.plan.recipe.train.preview_pairs)
        source, target = self.plan.domains
        targets = displayed(validator.targets[few], target)
        columns = [
            (source.name, as_large(displayed(validator.sources[few], source), targets)),
            (f"at step {state.step:,}", displayed(translated[few], target)),
            (target.name, targets),
        ]
        save_preview(run.previews, sheet(columns), state.step)
        if state.step == 0:
            return
        header = self._header(scores)
        write_model(run.latest, weights, header)
        if _best_so_far(scores, run):
            write_model(run.best, weights, header)
            if self.plan.recipe.train.keep_best_checkpoint:
                save_best_checkpoint(run.checkpoints, self._checkpoint())

    def checkpoint(self) -> None:
        """Write all that training needs to go on."""
        keep = self.plan.recipe.train.keep_checkpoints
        save_checkpoint(self.run.checkpoints, self._checkpoint(), self.state.step, keep)

    def _checkpoint(self) -> dict[str, Any]:
        return {
            "training": self.state.state_dict(),
            "log_bytes": self.log.size(),
            "fingerprint": self.fingerprint,
        }

    def _header(self, scores: dict[str, float]) -> Header:
        plan, recipe, data = self.plan, self.plan.recipe, self.plan.data
        strip = data.strip
        return Header(
            generator=Network(name=recipe.generator.name, options=plan.generator_options),
            size_multiple=self.validator.tester.size_multiple,
            crop_size=recipe.data.crop,
            scale=plan.scale,
            source=plan.domains[0],
            target=plan.domains[1],
            target_size=data.own_size,
            test=TestTime(dropout=recipe.test.dropout),
            strip=Strip(panels=strip[0], source=strip[1], target=strip[2]) if strip else None,
            dataset=Dataset(
                fingerprint=self.fingerprint,
                pairs={split: len(pairs) for split, pairs in data.splits.items()},
            ),
            recipe=recipe.model_dump(mode="json", exclude_none=True),
            step=self.state.step,
            seconds=round(self.state.seconds, 1),
            scores=scores,
        )


def _validator(plan: Plan, device: Any, tracker: Tracker) -> Validator:
    recipe = plan.recipe
    pairs: list[Pair] = plan.data.splits["val"]
    chosen = [pairs[i] for i in evenly_spread(len(pairs), recipe.train.validation_pairs)]
    pictures = pictures_to_validate(chosen, recipe, plan.domains, tracker.decoded)
    scorer = default_scorer(device, border=plan.scale)
    if not scorer.has_lpips:
        tracker.note(f"validating by SSIM and L1. {GET_HINT}")
    tester = build_generator(recipe.generator.name, **plan.generator_options).to(device)
    names = [pair.name for pair in chosen]
    return Validator(pictures, names, plan.domains, scorer, tester, recipe.test.dropout)


def _check_same_pairs(plan: Plan, checkpoint: dict[str, Any] | None, run: RunDirectory) -> None:
    if checkpoint is not None and checkpoint["fingerprint"] != plan.data.fingerprint():
        raise DiptychError(
            f"{plan.data.root}: not the pairs that the run in {run.path} began with "
            "(names or file sizes differ); give --out a new directory"
        )


def _going_on(recipe: Recipe, state: TrainingState, budget: Budget) -> str:
    now = rate_factor(budget.progress(state.step, state.seconds)) * recipe.train.learning_rate
    return f"going on from step {state.step:,} at a learning rate of {now:.3g}"


def _best_so_far(scores: dict[str, float], run: RunDirectory) -> bool:
    """Whether `scores` beat those of the model that is kept, as its own file records them.

    Where they were measured by other metrics (LPIPS came or went) the new model is taken.
    """
    if not run.best.is_file():
        return True
    kept = read_header(run.best).scores
    return kept.keys() != scores.keys() or selection_score(scores) < selection_score(kept)


def _means(scores: Sequence[Mapping[str, float]]) -> dict[str, float]:
    # A picture without data has no error in its units.
    names = dict.fromkeys(name for image in scores for name in image)
    return {
        name: round(fmean(image[name] for image in scores if name in image), 6) for name in names
    }
