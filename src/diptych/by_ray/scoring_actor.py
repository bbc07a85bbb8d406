"""What an actor of Ray holds and does: a model, and groups of pairs that it is scored on."""

import os
import tempfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from diptych.brought_folder import BroughtFolder
from diptych.by_ray.ray_rows import EndsAllError, RowActor
from diptych.by_ray.translating_actor import load_stored
from diptych.data.pairs import Pair, sides
from diptych.errors import DiptychError, loses_all
from diptych.evaluation.baselines import Baseline, baselines
from diptych.evaluation.evaluate import Evaluation, joined, score_pairs, scored_on
from diptych.evaluation.in_looks import InLooks, score_in_looks
from diptych.evaluation.native import Native, score_natively
from diptych.evaluation.results import FromFiles, Results, Translated
from diptych.evaluation.scores import scorer_with
from diptych.images import limits
from diptych.places import Place
from diptych.regular_file import fetching
from diptych.translation.settings import Settings


@dataclass(frozen=True)
class ScoringWork:
    """What every actor is told; the model and the weights of LPIPS it gets otherwise.

    `results` are without their pairs; `training` are those that baselines look at; `places` are
    those whose names stand below a folder.
    """

    ending: str  # of the model's file
    settings: Settings
    results: Results
    split: str
    training: Sequence[Pair]
    places: Sequence[tuple[Place, Path]]
    seed: int
    max_pixels: int


@dataclass(frozen=True)
class PairsRow:
    """Neighbours, by their names, and those on which the baselines are scored too."""

    number: int
    pairs: Mapping[str, Pair]
    rivalled: frozenset[str]
    files: FromFiles | None  # their results, where they are in files


@dataclass(frozen=True)
class PassingRow:
    """Pairs that are scored in passing: at their own size, and in other looks."""

    native: Mapping[str, Pair]
    looks: Mapping[str, Pair]


@dataclass
class Scored:
    """What became of a row: its scores, unless there are none, and why some are missing."""

    evaluation: Evaluation | None = None
    failures: list[str] = field(default_factory=list)
    native: Native | None = None
    in_looks: InLooks | None = None


class Scoring(RowActor):
    """The model, held by an actor of Ray, and what it does with pairs."""

    def __init__(self, work: ScoringWork, common: Any) -> None:
        super().__init__(common)
        os.environ[limits.VARIABLE] = str(work.max_pixels)
        self.work = work
        self._open = ExitStack()
        self.folders: list[BroughtFolder] = []
        for place, root in work.places:
            copies = Path(self._open.enter_context(tempfile.TemporaryDirectory()))
            self.folders.append(BroughtFolder(place, root, copies))
            self._open.enter_context(fetching(self.folders[-1]))
        model, alex = self.shared()
        self.translator = load_stored(model, work.ending, work.settings.load) if model else None
        where = scored_on(self.translator, work.settings.device)
        self.scorer = scorer_with(alex, where, border=work.results.recipe.derive.scale)

    def done(self, row: PairsRow | PassingRow) -> Scored:
        """Score a group, or what is scored in passing."""
        if isinstance(row, PassingRow):
            return self._in_passing(row)
        rivals = self.baselines if row.rivalled else {}
        with self._at_hand([*row.pairs.values()], row.files):
            try:
                return Scored(self._scores(row, rivals))
            except DiptychError as error:
                if loses_all(error):
                    raise
                return self._one_by_one(row, rivals)

    def given_up(self, row: PairsRow | PassingRow, words: str) -> Scored:
        """Each pair of a group, which has no scores."""
        if isinstance(row, PassingRow):
            return Scored(failures=[f"not scored in passing: {self._in_words(words)}"])
        return Scored(failures=[f"{name}: {self._in_words(words)}" for name in row.pairs])

    @cached_property
    def baselines(self) -> Mapping[str, Baseline]:
        """Those of the training pairs, of which targets are brought as they are asked for."""
        results, training = self.work.results, self.work.training
        sources = [part.path for pair in training for part in pair.source.parts]
        self._bring(sources)
        try:
            return baselines(results.recipe, results.domains, training)
        except DiptychError as error:
            raise EndsAllError(self._in_words(str(error))) from None

    def _scores(self, row: PairsRow, rivals: Mapping[str, Baseline]) -> Evaluation:
        results = self._results(row.pairs, row.files)
        if self.translator is not None:
            self.translator.seed(zlib.crc32(f"{self.work.seed} {row.number}".encode()))
        return score_pairs(
            results,
            results.data.domains,
            self.work.split,
            results.domains,
            self.scorer,
            rivals,
            rivalled=row.rivalled,
        )

    def _one_by_one(self, row: PairsRow, rivals: Mapping[str, Baseline]) -> Scored:
        """Those of a group that can be scored, and why others cannot."""
        parts, failures = [], []
        for name, pair in row.pairs.items():
            try:
                parts.append(self._scores(replace(row, pairs={name: pair}), rivals))
            except DiptychError as error:
                if loses_all(error):
                    raise
                failures.append(f"{name}: {self._in_words(str(error))}")
        return Scored(joined(parts) if parts else None, failures)

    def _in_passing(self, row: PassingRow) -> Scored:
        native, looks = self._results(row.native), self._results(row.looks)
        with self._at_hand([*row.native.values(), *row.looks.values()]):
            return Scored(
                native=score_natively(self.translator, native, self.scorer),
                in_looks=score_in_looks(self.translator, looks, self.scorer),
            )

    def _results(self, pairs: Mapping[str, Pair], files: FromFiles | None = None) -> Results:
        results = self.work.results
        making = results.results_of
        if self.translator is not None and isinstance(making, Translated):
            making = replace(making, translate=self.translator)
        return replace(results, pairs=dict(pairs), results_of=files or making)

    @contextmanager
    def _at_hand(self, pairs: Sequence[Pair], files: FromFiles | None = None) -> Iterator[None]:
        """Within, the files of pairs, and of their results, are on this machine."""
        paths = [side.path for pair in pairs for side in sides(pair)]
        paths += files.files.values() if files else ()
        try:
            self._bring(paths)
            yield
        finally:
            for folder in self.folders:
                folder.let_go(paths)

    def _bring(self, paths: Sequence[Path]) -> None:
        for folder in self.folders:
            folder.bring(paths)

    def _in_words(self, line: str) -> str:
        for folder in self.folders:
            line = folder.in_words(line)
        return line
