"""Scores of the same pairs by whoever made results of them, and by baselines, batch by batch."""

from collections.abc import Container, Iterable, Iterator, Mapping, Sequence

import numpy as np

from diptych.data.fitting import Size, array_size
from diptych.evaluation.baselines import Baseline, score_baselines
from diptych.evaluation.results import Result, alike
from diptych.evaluation.scores import Scorer
from diptych.evaluation.summary import PictureScores
from diptych.evaluation.units import score_in_domain
from diptych.images.display import displayed
from diptych.images.domain import Domain

AT_ONCE = 2**18  # pixels that are scored together: of more, maps no longer lie close by

Results = tuple[Result, ...]  # of one pair, by each of those that are scored


class Tally:
    """The scores so far of those with these `names`; targets, arrays of `domain`, are seen once.

    `rivalled`: the pairs that the baselines are scored on, by default all; `beside_rivals` are the
    scores of each on these.
    """

    def __init__(
        self,
        names: Sequence[str],
        domain: Domain,
        scorer: Scorer,
        baselines: Mapping[str, Baseline],
        rivalled: Container[str] | None = None,
    ) -> None:
        self.scores: dict[str, list[PictureScores]] = {name: [] for name in names}
        self.beside_rivals: dict[str, list[PictureScores]] = {name: [] for name in names}
        self.rivals: dict[str, list[PictureScores]] = {name: [] for name in baselines}
        self._domain, self._scorer = domain, scorer
        self._baselines, self._rivalled = baselines, rivalled

    def over(
        self, pairs: Iterable[Results]
    ) -> Iterator[list[tuple[Results, dict[str, PictureScores]]]]:
        """Score every pair; gives batches of one size, each pair with the scores of all."""
        for batch in alike(pairs, lambda each: array_size(each[0].target), _most):
            yield list(zip(batch, self._scored(batch), strict=True))

    def _scored(self, batch: Sequence[Results]) -> list[dict[str, PictureScores]]:
        domain, scorer = self._domain, self._scorer
        targets = np.stack([each[0].target for each in batch])
        seen = scorer.look_at(displayed(targets, domain))
        found = {
            name: score_in_domain(
                scorer, np.stack([each[i].translated for each in batch]), targets, domain, seen
            )
            for i, name in enumerate(self.scores)
        }
        names = [each[0].name for each in batch]
        beside = [i for i, name in enumerate(names) if self._is_rivalled(name)]
        if beside and self._baselines:
            sources = [batch[i][0].source for i in beside]
            some = targets[beside], scorer, domain, seen[beside]
            for name, rows in score_baselines(self._baselines, sources, *some).items():
                self.rivals[name] += rows
        for name, rows in found.items():
            self.scores[name] += rows
            self.beside_rivals[name] += [rows[i] for i in beside]
        return [{name: rows[i] for name, rows in found.items()} for i in range(len(batch))]

    def _is_rivalled(self, name: str) -> bool:
        return self._rivalled is None or name in self._rivalled


def _most(size: Size) -> int:
    return max(1, AT_ONCE // (size[0] * size[1]))
