"""The referee: says in plain words, while a model trains, what goes wrong and what can be done."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from statistics import fmean
from typing import Any

import numpy as np

from diptych.errors import DiptychError
from diptych.evaluation.summary import chosen_by, selection_score
from diptych.training.picture_faults import Finding, picture_faults
from diptych.training.trackers import Tracker

IN_A_ROW = 3  # validations in which something has to be seen before it is said
EARLY = 0.25  # of the run, before which only what is grave is said
WON = 0.03  # of both losses of D, whose half is 0.69 where it can tell nothing
WORSE, LEARNED = 1.05, 0.9  # of the best score in validation, and of the loss it came with


class Referee(Tracker):
    """Listens to the log, and looks at what each validation translated.

    Each finding is said once, when it was seen in so many validations in a row; where it is
    `strict`, a grave one ends the run.
    """

    def __init__(self, strict: bool = False) -> None:
        self.strict, self.progress = strict, 0.0
        self.losses: list[Mapping[str, float]] = []
        self.since: list[Mapping[str, float]] = []  # the last validation
        self.scores: list[tuple[float, float]] = []  # in validation, and the L1 loss until then
        self.rows: Counter[str] = Counter()
        self.said: set[str] = set()

    def log(self, entry: dict[str, Any]) -> None:
        """Losses count until the next validation."""
        if "scores" not in entry:
            self.since.append(entry)

    def stepped(self, step: int, progress: float, seconds: float) -> None:  # noqa: ARG002
        """How far the run has come."""
        self.progress = progress

    def went_back(self, step: int) -> None:
        """What was seen of later steps is void."""
        self.since = [entry for entry in self.since if entry["step"] <= step]
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
        if chosen_by(scores) is not None and self.losses:
            distance = fmean(entry.get("g_l1", 0.0) for entry in self.losses)
            self.scores.append((selection_score(scores), distance))
        found = [*picture_faults(sources, translated, targets), *self._of_losses(taken)]
        early = self.progress < EARLY  # when much is still to come
        return list(self._new(finding for finding in found if finding.grave or not early))

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
        if len(self.scores) > IN_A_ROW:
            best, then = min(self.scores)
            now, loss = self.scores[-1]
            if best > 0 and now > WORSE * best and 0 < loss < LEARNED * then:
                yield Finding(
                    "by-heart",
                    f"in validation it was better before by {now / best - 1:.0%}, while the loss "
                    f"on its training pairs fell by {1 - loss / then:.0%}: it learns them by "
                    "heart; the best model is kept; more pairs, or augment.rotation, scale and "
                    "colour, help",
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
