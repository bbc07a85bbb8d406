"""Score translated pictures, whoever made them, against the targets of a split."""

import json
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cache, partial
from itertools import chain, count, zip_longest
from pathlib import Path
from typing import Any

import numpy as np

from diptych.data.domains import Domains
from diptych.data.pairs import Progress, evenly_spread
from diptych.data.sources import Source
from diptych.evaluation.baselines import Baseline, baselines
from diptych.evaluation.in_looks import InLooks, score_in_looks
from diptych.evaluation.labels.confusion import SegmentationScores
from diptych.evaluation.labels.fcn import LabelJudge
from diptych.evaluation.labels.segmented import Segmented
from diptych.evaluation.native import Native, score_natively
from diptych.evaluation.patches import JudgedPair, PatchJudge
from diptych.evaluation.results import Result, Results, Translate, results_of, share_of
from diptych.evaluation.scores import Scorer, default_scorer
from diptych.evaluation.set_scores import SetScore, SetScorer
from diptych.evaluation.summary import Interval, PictureScores, differences, summarise
from diptych.evaluation.tally import Tally
from diptych.fast.processor import usable_devices
from diptych.groups import groups_of
from diptych.images.display import displayed
from diptych.schema import Recipe
from diptych.whole_file import write_whole

MOST_RIVALLED = 1000  # pairs, evenly spread, that the baselines are scored on


@dataclass(frozen=True)
class Row:
    """One pair and what the model made of it: uint8 pictures (H, W, 3), whose sizes may differ;
    the source may be transparent (H, W, 4). `scores` is keyed as `summary.METRICS`. `judged`, where
    a discriminator is at hand, says what it decides; None for a size that it does not take.
    """

    name: str
    source: np.ndarray
    translated: np.ndarray
    target: np.ndarray
    scores: Mapping[str, float]
    judged: Callable[[], JudgedPair | None] | None = None


@dataclass
class Beside:
    """Scores of the pairs that the baselines are scored on: the model's, and theirs by name."""

    ours: list[PictureScores] = field(default_factory=list)
    rivals: dict[str, list[PictureScores]] = field(default_factory=dict)


@dataclass
class Evaluation:
    """The scores of one split; `evaluation["lpips"]` is an interval with `mean`, `low`, `high`."""

    split: str
    domains: tuple[str, str]
    scores: dict[str, Interval]
    baselines: dict[str, dict[str, Interval]]  # of what anybody has for nothing, by name
    gains: dict[str, dict[str, Interval]]  # by how much the scores are higher, pair by pair
    images: Mapping[str, PictureScores]  # scores of each pair by its name
    rows: list[Row] = field(default_factory=list)  # pictures, where they were asked for
    notes: list[str] = field(default_factory=list)
    # FCN-style scores of real photos and of the translated ones, where they were asked for.
    segmentation: dict[str, SegmentationScores] = field(default_factory=dict)
    # FID and KID, where they were asked for.
    sets: dict[str, SetScore] = field(default_factory=dict)
    native: Native | None = None  # scores at the pictures' own size, where that is another
    in_looks: InLooks | None = None  # where the model takes looks
    beside: Beside = field(default_factory=Beside, repr=False)

    def __getitem__(self, metric: str) -> Interval:
        return self.scores[metric]


def evaluate(  # noqa: PLR0913 - keyword arguments, each with a default
    translated: Translate | str | Path,
    data: Source,
    split: str = "test",
    *,
    recipe: Recipe | None = None,
    size: int | str | None = None,
    scorer: Scorer | None = None,
    keep_pictures: bool = False,
    segmenter: Path | LabelJudge | None = None,
    metrics: Sequence[str] = (),
    judge: PatchJudge | None = None,
    device: str = "auto",
    share: tuple[int, int] = (0, 1),
    on_row: Callable[[Row], object] = lambda _: None,
    on_progress: Progress | None = None,
) -> Evaluation:
    """Score a translator, any function from picture to picture, or a folder of pictures.

    `recipe` says where source and target lie in `data`, or how sources are made; by default the
    translator's own. `split`: train, val, test, or all of them. `size`: pairs are resized to this
    square before translating; by default to the recipe's crop size, where it trains on patches
    `"native"`, which leaves them as they are. For a folder the default is the size of its pictures.
    `segmenter` asks for the FCN-style score: a judge, or the file of its network, which is trained
    on training pairs where there is none. `metrics`: of `fid`, `kid`, `fid-lite0` and `kid-lite0`,
    distances of the two sets of pictures (see `set_scores`). `judge`: a discriminator that rows are
    to have. Without a `size` some of a translator's pairs are also scored as they are, where they
    differ from the size it learned at, and in other looks than their sources foretell, where it
    takes any. `device`, of the networks that score: auto, cpu, cuda or mps; for a translator's
    results it is the translator's. `share`: which of how many shares of the pairs are scored, to be
    put together by `joined`; not with `segmenter` and `metrics`. `on_row` is handed the pictures of
    each pair as it is scored; `keep_pictures` leaves them all in `rows`. Of many pairs the
    baselines are scored on some, evenly spread.

    Without LPIPS weights at hand LPIPS is left out; the feature distance is always there. Raises
    DiptychError on a user's mistake.
    """
    results = results_of(translated, data, split, recipe=recipe, size=size)
    pairs, recipe, domains = results.data, results.recipe, results.domains
    rows: list[Row] = []
    where = scored_on(translated, device)
    scorer = scorer or default_scorer(where, border=recipe.derive.scale)
    segmented = Segmented(segmenter, results) if segmenter is not None else None
    sets = SetScorer(metrics, results, where) if metrics else None
    watchers = [watcher.add for watcher in (segmented, sets) if watcher is not None]

    def take(row: Row) -> None:
        if keep_pictures:
            rows.append(row)
        on_row(row)
        if on_progress is not None:
            on_progress(next(done), len(scored.pairs))

    done, scored = count(1), share_of(results, *share)
    evaluation = score_pairs(
        scored,
        pairs.domains,
        split,
        domains,
        scorer,
        baselines(recipe, domains, results.beside),
        judge=judge,
        on_row=take,
        watchers=watchers,
        rivalled=set(evenly_spread([*results.pairs], MOST_RIVALLED)),
    )
    evaluation.rows = rows
    evaluation.notes = notes_of(results, split)
    if size is None and hasattr(translated, "scaled") and share[0] == 0:  # a translator
        evaluation.native = score_natively(translated, results, scorer)
        evaluation.in_looks = score_in_looks(translated, results, scorer)
    if segmented is not None:
        evaluation.segmentation = segmented.scores()
    if sets is not None:
        evaluation.sets = sets.scores()
        evaluation.notes += sets.notes
    return evaluation


def score_pairs(  # noqa: PLR0913 - keyword arguments, each with a default
    results: Iterable[Result],
    names: tuple[str, str],
    split: str,
    domains: Domains,
    scorer: Scorer,
    baselines: Mapping[str, Baseline],
    *,
    judge: PatchJudge | None = None,
    on_row: Callable[[Row], object] = lambda _: None,
    watchers: Sequence[Callable[[list[Result]], object]] = (),
    rivalled: Container[str] | None = None,
) -> Evaluation:
    """Score each of `results` beside what the baselines make of its source.

    `names` are those of source and target; `judge` is a discriminator that rows are to have;
    `on_row` is handed the pictures of each pair, each of
    the `watchers` several results whose targets have one size. `rivalled`: the pairs that the
    baselines are scored on, by default all.
    """
    tally = Tally(["translated"], domains[1], scorer, baselines, rivalled)
    images: dict[str, PictureScores] = {}
    for batch in tally.over(zip(results)):
        for watch in watchers:
            watch([one for (one,), _ in batch])
        for (one,), scores in batch:
            images[one.name] = scores["translated"]
            on_row(
                Row(
                    one.name,
                    displayed(one.source, domains[0]),
                    displayed(one.translated, domains[1]),
                    displayed(one.target, domains[1]),
                    images[one.name],
                    cache(partial(judge.of, one)) if judge is not None else None,
                )
            )
    return evaluation_of(
        split, names, images, Beside(tally.beside_rivals["translated"], tally.rivals)
    )


def scored_on(translated: object, device: str) -> Any:
    """Where the networks that score run: on a translator's own device, else as `evaluate` says."""
    return getattr(translated, "device", usable_devices()[0] if device == "auto" else device)


def notes_of(results: Results, split: str) -> list[str]:
    """What is to be said of the pairs: what stands in for the split, and what was left out."""
    notes = results.data.notes
    return [note for note in notes if f"no {split} split" in note or "left out" in note]


def evaluation_of(
    split: str,
    names: tuple[str, str],
    images: Mapping[str, PictureScores],
    beside: Beside,
) -> Evaluation:
    """What the scores of pictures come to."""
    rivals = beside.rivals
    return Evaluation(
        split,
        names,
        summarise([*images.values()]),
        {label: summarise(theirs) for label, theirs in rivals.items()},
        {label: differences(beside.ours, theirs) for label, theirs in rivals.items()},
        images,
        beside=beside,
    )


def joined(shares: Sequence[Evaluation]) -> Evaluation:
    """Those of all shares of the pairs, in order, as one, which says what the first says."""
    first, parts = shares[0], [groups_of([*each.images.items()]) for each in shares]
    in_turns = chain.from_iterable(zip_longest(*parts, fillvalue=[]))
    rivals = {
        name: [scores for each in shares for scores in each.beside.rivals.get(name, [])]
        for name in dict.fromkeys(name for each in shares for name in each.beside.rivals)
    }
    beside = Beside([scores for each in shares for scores in each.beside.ours], rivals)
    images = dict(chain.from_iterable(in_turns))
    whole = evaluation_of(first.split, first.domains, images, beside)
    return replace(whole, notes=first.notes, native=first.native, in_looks=first.in_looks)


def write_json(path: Path, evaluation: Evaluation, facts: dict[str, Any]) -> None:
    """Write scores, baselines and the scores of every image, with `facts` about them."""
    content = {
        **facts,
        "split": evaluation.split,
        "direction": " -> ".join(evaluation.domains),
        "scores": evaluation.scores,
        "baselines": evaluation.baselines,
        "native": evaluation.native,
        "in_looks": evaluation.in_looks,
        "segmentation": evaluation.segmentation,
        "sets": evaluation.sets,
        "images": evaluation.images,
        "notes": evaluation.notes,
    }
    write_whole(path, json.dumps(content, indent=2, default=asdict) + "\n")
