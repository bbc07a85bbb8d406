"""What is kept of a run: scores, previews, models, checkpoints."""

from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from diptych.data.originals import Originals
from diptych.data.pairs import evenly_spread
from diptych.evaluation.curves import read_log
from diptych.evaluation.patch_pictures import judged_sheet
from diptych.evaluation.patches import JudgedPair, mean_decisions
from diptych.evaluation.summary import chosen_alike, means, selection_score
from diptych.images.display import displayed
from diptych.images.sheet import as_large, sheet
from diptych.images.writing import save_image
from diptych.model_file import (
    Dataset,
    Header,
    KnownLooks,
    Network,
    Strip,
    TestTime,
    read_header,
    write_model,
)
from diptych.training.checkpoint import save_checkpoint, save_checkpoint_apart
from diptych.training.judge import judge_in_training
from diptych.training.looks import Looks
from diptych.training.picture_faults import Finding
from diptych.training.plan import Plan
from diptych.training.referee import Referee
from diptych.training.run_directory import RunDirectory
from diptych.training.schedule import Schedule
from diptych.training.soundness import Diverged, check_finite
from diptych.training.state import TrainingState
from diptych.training.together import Processes
from diptych.training.trackers import All, JsonLines
from diptych.training.validation import Scored, Validator


@dataclass
class Keeper:
    """Validates, and writes what a run leaves; `schedule` is told what that takes.

    Of several processes all translate and score, and the first alone shows, says and writes. Where
    losses or weights are not finite nothing is written: all that writes raises Diverged. Nor where
    the directory was lost: it raises DiptychError.
    """

    plan: Plan
    run: RunDirectory
    state: TrainingState
    schedule: Schedule
    validator: Validator
    log: JsonLines | None  # of the first process
    tracker: All
    referee: Referee
    originals: Originals
    processes: Processes
    looks: Looks | None = None

    def __post_init__(self) -> None:
        self.last_changed = self.originals.last_changed
        self.latest_step: int | None = None  # of the latest model

    def validate(self) -> None:
        """Score the validation pairs, show some, and keep the model: the latest, maybe the best."""
        with self.schedule.timed("validation"):
            step = self.state.step
            self.processes.check_same(self.state.learned())
            weights, look = self._model()
            shares = self.processes.by_each(lambda: self.validator.scored(weights, self.processes))
            scores, findings = self.processes.by_first(lambda: self._latest(weights, look, shares))
            self.latest_step = step
            if step == 0:
                return
            self.schedule.learned(step, selection_score(scores))
            self.processes.by_first(lambda: self._best(weights, look, scores))
        self.processes.by_first(lambda: self.referee.end_where_grave(findings, step))

    def _latest(
        self, weights: dict[str, Tensor], look: KnownLooks | None, shares: list[Scored | None]
    ) -> tuple[dict[str, float], list[Finding]]:
        """Say and show what was translated, and write the model; its scores, what was found."""
        step, seconds = self.state.step, round(self.schedule.seconds, 2)
        translated = np.concatenate([share.translated for share in filter(None, shares)])
        scores = means([one for share in filter(None, shares) for one in share.scores])
        best = step > 0 and self._best_so_far(scores)
        judged = self._judged(translated)
        taken = mean_decisions(judged) if judged else {}
        findings = self._findings(translated, scores, taken) if step else []
        entry = {"step": step, "scores": scores, "seconds": seconds}
        words = {"findings": [one.words for one in findings]} if findings else {}
        self.tracker.log(entry | ({"taken_for_real": taken} if taken else {}) | words)
        self.tracker.validated(step, scores, best)
        self._save_preview(translated, judged)
        write_model(self.run.latest, weights, self._header(scores, look))
        return scores, findings

    def _best(
        self, weights: dict[str, Tensor], look: KnownLooks | None, scores: dict[str, float]
    ) -> None:
        """Write the model where none before has better scores."""
        if self._beats_kept(scores):
            write_model(self.run.best, weights, self._header(scores, look))
            if self.plan.recipe.train.keep_best_checkpoint:
                save_checkpoint_apart(self.run.checkpoints, self._checkpoint(), "best")

    def _judged(self, translated: np.ndarray) -> list[JudgedPair]:
        """What the discriminator, once it has begun, decides on the pairs of the previews.

        Raises Diverged where that is not finite.
        """
        judge = judge_in_training(self.state, self.plan.domains, self.schedule.judged_from)
        if judge is None:
            return []
        few, validator = self._previewed(), self.validator
        judged = judge(validator.sources[few], translated[few], validator.targets[few])
        if not all(isfinite(mean) for mean in mean_decisions(judged).values()):
            raise Diverged("what the discriminator decides is not finite")
        return judged

    def _findings(
        self, translated: np.ndarray, scores: dict[str, float], taken: dict[str, float]
    ) -> list[Finding]:
        """What the referee has to say, said."""
        source, target = self.plan.domains
        findings = self.referee.look(
            displayed(self.validator.sources, source)[..., :3],
            displayed(translated, target)[..., :3],
            displayed(self.validator.targets, target)[..., :3],
            scores,
            taken,
        )
        for finding in findings:
            self.tracker.note(f"referee: {finding.words}")
        return findings

    def save_model(self, path: Path) -> None:
        """Write the model as it is, without scores."""
        weights, look = self._model()
        write_model(path, weights, self._header({}, look))

    def checkpoint(self) -> None:
        """Write all that training needs to go on; say what has become of the pairs' files."""
        with self.schedule.timed("checkpoint"):
            self.processes.by_first(self._save_checkpoint)

    def _save_checkpoint(self) -> None:
        news = self.originals.news()
        if news is not None:
            self.tracker.note(f"{news} since they were read; training goes on with what it read")
        keep = self.plan.recipe.train.keep_checkpoints
        save_checkpoint(self.run.checkpoints, self._checkpoint(), self.state.step, keep)

    def leave(self) -> None:
        """What a stop leaves: a checkpoint, and the model as it is, where the last step was sound.

        Nothing within a step, which an error ended.
        """
        if not (self.state.whole and self.state.losses.sound):
            return
        self.checkpoint()
        if self.latest_step != self.state.step:
            self.processes.by_first(lambda: self.save_model(self.run.latest))

    def keep_before_decay(self) -> None:
        """Write the state from which a longer run goes on."""
        with self.schedule.timed("checkpoint"):
            self.processes.by_first(
                lambda: save_checkpoint_apart(
                    self.run.checkpoints, self._checkpoint(), "before_decay"
                )
            )

    def _model(self) -> tuple[dict[str, Tensor], KnownLooks | None]:
        """The weights to translate with, and what they know of looks, where they take one."""
        if self.processes.first:
            self.run.lock.check()
        self.state.losses.check()
        weights = self.state.weights()
        check_finite(weights)
        if self.looks is None:
            return weights, None
        self.validator.tester.load_state_dict(weights)
        foretelling, look = self.looks.foretell(self.validator.tester)
        return weights | foretelling, look

    def _checkpoint(self) -> dict[str, Any]:
        self.run.lock.check()
        self.state.losses.check()
        training = self.state.state_dict() | self.schedule.state_dict()
        check_finite(training)
        return {
            "training": training,
            "log_bytes": 0 if self.log is None else self.log.size(),
            "fingerprint": self.originals.fingerprint,
            "last_changed": self.last_changed,
            "kinds": [domain.kind for domain in self.plan.domains],
        }

    def _previewed(self) -> list[int]:
        """The places of the pairs that previews show."""
        return evenly_spread(
            range(len(self.validator.sources)), self.plan.recipe.train.preview_pairs
        )

    def _save_preview(self, translated: np.ndarray, judged: list[JudgedPair]) -> None:
        few, recipe = self._previewed(), self.plan.recipe
        source, target = self.plan.domains
        targets = displayed(self.validator.targets[few], target)
        columns = [
            (source.name, as_large(displayed(self.validator.sources[few], source), targets)),
            (f"at step {self.state.step:,}", displayed(translated[few], target)),
            (target.name, targets),
        ]
        judges = self.state.discriminator is not None and recipe.train.preview_patches
        drawn = judged_sheet(columns, judged) if judges else sheet(columns)
        path = self.run.previews / f"step_{self.state.step:08d}.png"
        save_image(drawn, path)
        self.tracker.previewed(self.state.step, path)

    def _best_so_far(self, scores: dict[str, float]) -> bool:
        """Whether `scores` beat those of all validations before, as the log has them.

        The model that is kept does not tell: it may be of steps that are made again.
        """
        before = [entry for entry in read_log(self.run.log) if entry.get("scores")]
        return all(
            self._beats(scores, entry["scores"], entry["step"])
            for entry in before
            if entry["step"] > 0
        )

    def _beats_kept(self, scores: dict[str, float]) -> bool:
        """Whether they beat those of the model that is kept, as its own file records them."""
        if not self.run.best.is_file():
            return True
        best = read_header(self.run.best)
        return self._beats(scores, best.scores, best.step)

    def _beats(self, scores: dict[str, float], others: dict[str, float], step: int) -> bool:
        """Whether `scores` are better than those of a model of an earlier `step`.

        Where that was chosen by another metric, in a version from before, the new model is taken,
        and where it knows nothing of the discriminator yet: what that adds no distance tells in
        full.
        """
        if step <= (self.schedule.judged_from or 0) < self.state.step:
            return True
        alike = chosen_alike(others, scores)
        return not alike or selection_score(scores) < selection_score(others)

    def _header(self, scores: dict[str, float], look: KnownLooks | None) -> Header:
        plan, recipe, data = self.plan, self.plan.recipe, self.plan.data
        strip = data.strip
        return Header(
            generator=Network(name=recipe.generator.name, options=plan.generator_options),
            size_multiple=self.validator.tester.size_multiple,
            crop_size=recipe.data.crop,
            picture_size=plan.picture_size,
            scale=plan.scale,
            source=plan.domains[0],
            target=plan.domains[1],
            target_size=data.own_size,
            test=TestTime(dropout=recipe.test.dropout),
            strip=Strip(panels=strip[0], source=strip[1], target=strip[2]) if strip else None,
            look=look,
            dataset=Dataset(
                fingerprint=self.originals.fingerprint,
                pairs={split: len(pairs) for split, pairs in data.splits.items()},
            ),
            recipe=recipe.model_dump(mode="json", exclude_none=True),
            step=self.state.step,
            seconds=round(self.schedule.seconds, 1),
            scores=scores,
        )
