"""The referee: says in plain words, while a model trains, what goes wrong and what can be done."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from statistics import fmean
from typing import Any

import numpy as np

from diptych.errors import DiptychError
from diptych.evaluation.summary import chosen_by, selection_score
from diptych.training.picture_faults import Finding, pair_faults, picture_faults
from diptych.training.trackers import Tracker

IN_A_ROW = 3  # validations in which something has to be seen before it is said
EARLY = 0.25  # of the run, before which only what is grave is said
EARLY_STEPS = 1500  # the same of a run that has no end in sight
WON = 0.03  # of both losses of D, whose half is 0.69 where it can tell nothing
WORSE, LEARNED = 1.05, 0.9  # of the best score in validation, and of the loss it came with
STALE = 0.3  # of the run without a better score
BETTER = 0.995  # of the best score, from which on another counts as better


@dataclass(frozen=True)
class _Validated:
    """What a validation came to, when, and the L1 loss until then."""

    score: float
    loss: float
    step: int
    progress: float


class Referee(Tracker):
    """Listens to the log, and looks at what each validation translated.

    Each finding is said once, when it was seen in so many validations in a row; where it is
    `strict`, a grave one ends the run. What is wrong with the pairs themselves is said at once.
    """

    def __init__(self, strict: bool = False) -> None:
        self.strict, self.step, self.progress = strict, 0, 0.0
        self.losses: list[Mapping[str, float]] = []
        self.since: list[Mapping[str, float]] = []  # the last validation
        self.validated_before: list[_Validated] = []  # since the discriminator began
        self.judging = False
        self.rows: Counter[str] = Counter()
        self.said: set[str] = set()
        self.measured = False  # whether the pairs were

    def log(self, entry: dict[str, Any]) -> None:
        """Losses count until the next validation."""
        if "g_l1" in entry:
            self.since.append(entry)

    def stepped(self, step: int, progress: float, seconds: float) -> None:  # noqa: ARG002
        """How far the run has come."""
        self.step, self.progress = step, progress

    def went_back(self, step: int) -> None:
        """What was seen of later steps is void."""
        self.since = [entry for entry in self.since if entry["step"] <= step]
        self.validated_before = [one for one in self.validated_before if one.step <= step]
        self.rows.clear()

    def look(
        self,
        sources: np.ndarray,
        translated: np.ndarray,
        targets: np.ndarray,
        scores: Mapping[str, float],
        taken: Mapping[str, float],
    ) -> list[Finding]:
        """What is new since the last time; pictures are `(N, H, W, 3)` uint8.

        `taken`: how far the discriminator takes `target` and `translated` of pairs for real that it
        did not learn from, from 0 to 1; empty where it has not begun.
        """
        if self.since:
            self.losses = self.since
        self.since = []
        if bool(taken) != self.judging:  # what it adds, no distance tells in full
            self.judging, self.validated_before = bool(taken), []
        if chosen_by(scores) is not None and self.losses:
            loss = fmean(entry["g_l1"] for entry in self.losses)
            self.validated_before.append(
                _Validated(selection_score(scores), loss, self.step, self.progress)
            )
        seen = [
            *picture_faults(sources, translated, targets),
            *self._of_losses(taken),
            *self._of_scores(),
        ]
        new = list(self._new(finding for finding in seen if finding.grave or not self._early))
        if not self.measured:
            self.measured = True
            new += pair_faults(sources, targets)
        return new

    @property
    def _early(self) -> bool:
        """Whether much is still to come."""
        return self.progress < EARLY if self.progress else self.step < EARLY_STEPS

    def end_where_grave(self, findings: Iterable[Finding], step: int) -> None:
        """Where it is strict, raise DiptychError for one that makes going on of no use."""
        grave = next((finding for finding in findings if finding.grave), None)
        if self.strict and grave is not None:
            raise DiptychError(f"--strict ends the run at step {step:,}: {grave.words}")

    def _of_losses(self, taken: Mapping[str, float]) -> Iterator[Finding]:
        judged = [entry for entry in self.losses if "d_real" in entry]
        if judged:
            real, translated = (
                fmean(entry[name] for entry in judged) for name in ("d_real", "d_translated")
            )
            if max(real, translated) < WON:
                yield Finding(
                    "d-has-won",
                    f"the discriminator tells every result from a target (losses {real:.3f} and "
                    f"{translated:.3f}{_on_others(taken)}): the generator learns nothing from it "
                    "any more; lower its part (raise loss.l1), or begin it later "
                    "(loss.adversarial_from)",
                )

    def _of_scores(self) -> Iterator[Finding]:
        """What the scores in validation tell, since the discriminator began."""
        if len(self.validated_before) <= IN_A_ROW:
            return
        best, now = self.validated_before[0], self.validated_before[-1]
        for one in self.validated_before:
            if one.score < best.score * BETTER:
                best = one
        if best.score > 0 and now.score > WORSE * best.score and 0 < now.loss < LEARNED * best.loss:
            yield Finding(
                "by-heart",
                f"in validation it was better before by {now.score / best.score - 1:.0%}, while "
                f"the loss on its training pairs fell by {1 - now.loss / best.loss:.0%}: it learns "
                "them by heart; the best model is kept; more pairs, or augment.rotation, scale and "
                "colour, help",
            )
        elif best.progress and now.progress - best.progress > STALE:
            yield Finding(
                "no-progress",
                f"in validation it has not become better since step {best.step:,}, for "
                f"{now.progress - best.progress:.0%} of the run: the best model is kept, and more "
                "steps are of little use; more pairs, or a larger generator.base_channels, may be",
            )

    def _new(self, found: Iterable[Finding]) -> Iterator[Finding]:
        by_name = {finding.name: finding for finding in found}
        self.rows = Counter({name: self.rows[name] + 1 for name in by_name})
        for name, finding in by_name.items():
            if self.rows[name] >= IN_A_ROW and name not in self.said:
                self.said.add(name)
                yield finding


def _on_others(taken: Mapping[str, float]) -> str:
    """What it makes of pairs that it did not learn from, as evidence in brackets."""
    if not taken:
        return ""
    return (
        f"; of pairs that it did not learn from it takes {taken['target']:.0%} of the targets for "
        f"real, and {taken['translated']:.0%} of the results"
    )
