"""A model, or a folder of results, against the targets of a split, on all machines of a cluster.

Rows are groups of pairs, as shares of processes have them: actors copy a group to their machine and
score it as the plain command does. What cannot be read is left out, and named.
"""

from dataclasses import replace

from diptych.by_ray.ray_rows import common_of, done_rows, needs_of, running_ray
from diptych.by_ray.scoring_actor import PairsRow, PassingRow, Scored, Scoring, ScoringWork
from diptych.data.pairs import evenly_spread
from diptych.errors import DiptychError
from diptych.evaluation.evaluate import MOST_RIVALLED, Evaluation, joined, notes_of
from diptych.evaluation.in_looks import MOST_PAIRS
from diptych.evaluation.native import natively_scored
from diptych.evaluation.results import FromFiles, Results, Translated
from diptych.groups import groups_of
from diptych.translation.translator import Progress
from diptych.weights import find_lpips


def score_places(
    work: ScoringWork,
    model: bytes | None,
    results: Results,
    *,
    in_passing: bool,
    actors: int = 0,
    on_progress: Progress = lambda *_: None,
) -> tuple[Evaluation, list[str]]:
    """The scores of `results`, by a model's stored file or by files; and what has none, and why.

    `in_passing`: at their own size and in other looks too, as `evaluate` does it without a size.
    `actors`: so many, else as `done_rows` has it. Raises DiptychError where Ray is not there, or
    fails, or nothing could be scored.
    """
    rows, passing = rows_of(results), passing_of(results) if in_passing else []
    scored: dict[int, Scored] = {}
    done = 0
    with running_ray("begins anew") as ray:
        common = common_of(ray, (model, find_lpips("alex")))
        needs = needs_of(ray, work.settings.device, work.settings.threads)
        for number, became in done_rows(
            ray, Scoring, [work, common], [*rows, *passing], actors, needs
        ):
            scored[number] = became
            if number < len(rows):
                done += len(rows[number].pairs)
                on_progress(done, len(results.pairs))
    failures = [line for number in sorted(scored) for line in scored[number].failures]
    parts = [each for n in range(len(rows)) if (each := scored[n].evaluation) is not None]
    if not parts:
        raise DiptychError(f"nothing could be scored: {failures[0]}")
    whole = replace(joined(parts), notes=notes_of(results, work.split))
    if passing:
        last = scored[len(rows)]
        whole = replace(whole, native=last.native, in_looks=last.in_looks)
    return whole, failures


def rows_of(results: Results) -> list[PairsRow]:
    """The pairs of results in groups, with what an actor has to know of each."""
    rivalled = set(evenly_spread([*results.pairs], MOST_RIVALLED))
    files = results.results_of if isinstance(results.results_of, FromFiles) else None
    rows = []
    for number, group in enumerate(groups_of([*results.pairs.items()])):
        pairs = dict(group)
        own = files.of(pairs) if files else None
        rows.append(PairsRow(number, pairs, frozenset(rivalled & set(pairs)), own))
    return rows


def passing_of(results: Results) -> list[PassingRow]:
    """What is scored in passing; nothing where the first target, named as a row, cannot be read."""
    try:
        native = natively_scored(results).pairs
    except DiptychError:
        return []
    return [PassingRow(native, results.spread(MOST_PAIRS).pairs)]


def without_pairs(results: Results) -> Results:
    """All of them that is the same for every group."""
    making = results.results_of
    if isinstance(making, Translated):
        making = replace(making, translate=_by_nobody)
    elif isinstance(making, FromFiles):
        making = making.of([])
    data = replace(results.data, splits={}, undivided=[], notes=[], alone=[], faults=[])
    return replace(results, data=data, pairs={}, results_of=making)


def _by_nobody(_picture: object) -> None:
    """In place of the translator, which an actor has itself."""
