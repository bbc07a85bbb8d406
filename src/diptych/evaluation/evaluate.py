"""Score translated pictures, whoever made them, against the targets of a split."""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from diptych.data.domains import Domains
from diptych.data.pairs import Progress, counted
from diptych.data.sources import Source
from diptych.errors import DiptychError
from diptych.evaluation.baselines import Baseline, baselines, score_baselines
from diptych.evaluation.labels.confusion import SegmentationScores
from diptych.evaluation.labels.fcn import label_judge
from diptych.evaluation.native import Native, score_natively
from diptych.evaluation.results import Results, Translate, results_of
from diptych.evaluation.scores import Scorer, default_scorer
from diptych.evaluation.summary import Interval, differences, summarise
from diptych.evaluation.units import score_in_domain
from diptych.images.display import displayed
from diptych.schema import Recipe
from diptych.whole_file import write_whole

# Of one pair: source, result and target, `(H, W, C)`, arrays of their domains.
Arrays = tuple[np.ndarray, ...]


@dataclass(frozen=True)
class Row:
    """One pair and what the model made of it: uint8 pictures (H, W, 3), whose sizes may differ;
    the source may be transparent (H, W, 4). `scores` is keyed as `summary.METRICS`.
    """

    name: str
    source: np.ndarray
    translated: np.ndarray
    target: np.ndarray
    scores: Mapping[str, float]


@dataclass
class Evaluation:
    """The scores of one split; `evaluation["lpips"]` is an interval with `mean`, `low`, `high`."""

    split: str
    domains: tuple[str, str]
    scores: dict[str, Interval]
    baselines: dict[str, dict[str, Interval]]  # of what anybody has for nothing, by name
    gains: dict[str, dict[str, Interval]]  # by how much the scores are higher, pair by pair
    images: dict[str, dict[str, float]]  # scores of each pair by its name
    rows: list[Row] = field(default_factory=list)  # pictures, where they were asked for
    notes: list[str] = field(default_factory=list)
    # FCN-style scores of real photos and of the translated ones, where they were asked for.
    segmentation: dict[str, SegmentationScores] = field(default_factory=dict)
    native: Native | None = None  # scores at the pictures' own size, where that is another

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
    segmenter: Path | None = None,
    on_row: Callable[[Row], object] = lambda _: None,
    on_progress: Progress | None = None,
) -> Evaluation:
    """Score a translator, any function from picture to picture, or a folder of pictures.

    `recipe` says where source and target lie in `data`, or how sources are made; by default the
    translator's own. `split`: train, val, test, or all of them. `size`: pairs are resized to this
    square before translating; by default to the recipe's crop size, where it trains on patches
    `"native"`, which leaves them as they are. For a folder the default is the size of its pictures.
    `segmenter` asks for the FCN-style score and names the file of its network, which is trained on
    the training pairs where there is none. Without a `size` some of a translator's pairs are also
    scored as they are, where they differ from the size it learned at. `on_row` is handed the
    pictures of each pair as it is scored; `keep_pictures` leaves them all in `rows`.

    Without LPIPS weights at hand LPIPS is left out; the feature distance is always there. Raises
    DiptychError on a user's mistake.
    """
    results = results_of(translated, data, split, recipe=recipe, size=size)
    pairs, recipe, domains = results.data, results.recipe, results.domains
    scored_on = set(results.pairs.values())  # a pair is not held against itself
    rows: list[Row] = []
    judge = scorer or default_scorer(border=recipe.derive.scale)

    def take(row: Row) -> None:
        if keep_pictures or segmenter is not None:
            rows.append(row)
        on_row(row)

    evaluation = score_pairs(
        counted(results, len(results.pairs), on_progress),
        pairs.domains,
        split,
        domains,
        judge,
        baselines(recipe, domains, [p for p in pairs.splits["train"] if p not in scored_on]),
        take,
    )
    evaluation.rows = rows
    evaluation.notes = [
        note for note in pairs.notes if f"no {split} split" in note or "left out" in note
    ]
    if size is None and hasattr(translated, "scaled"):  # a translator
        evaluation.native = score_natively(translated, results, judge)
    if segmenter is not None:
        evaluation.segmentation = _segmentation(segmenter, results, rows)
    return evaluation


def score_pairs(
    results: Iterable[tuple[str, Arrays]],
    names: tuple[str, str],
    split: str,
    domains: Domains,
    scorer: Scorer,
    baselines: Mapping[str, Baseline],
    on_row: Callable[[Row], object] = lambda _: None,
) -> Evaluation:
    """Score each of `results`, by the pair's name, beside what the baselines make of its source.

    `names` are those of source and target; `on_row` is handed the pictures of each pair.
    """
    images: dict[str, dict[str, float]] = {}
    of_baselines: dict[str, list[dict[str, float]]] = {name: [] for name in baselines}
    for name, (source, translated, target) in results:
        (images[name],) = score_in_domain(scorer, translated[None], target[None], domains[1])
        rivals = score_baselines(baselines, source, target, scorer, domains[1])
        for label, scores in rivals.items():
            of_baselines[label].append(scores)
        on_row(
            Row(
                name,
                displayed(source, domains[0]),
                displayed(translated, domains[1]),
                displayed(target, domains[1]),
                images[name],
            )
        )
    ours = list(images.values())
    return Evaluation(
        split,
        names,
        summarise(ours),
        {label: summarise(theirs) for label, theirs in of_baselines.items()},
        {label: differences(ours, theirs) for label, theirs in of_baselines.items()},
        images,
    )


def write_json(path: Path, evaluation: Evaluation, facts: dict[str, Any]) -> None:
    """Write scores, baselines and the scores of every image, with `facts` about them."""
    content = {
        **facts,
        "split": evaluation.split,
        "direction": " -> ".join(evaluation.domains),
        "scores": evaluation.scores,
        "baselines": evaluation.baselines,
        "native": evaluation.native,
        "segmentation": evaluation.segmentation,
        "images": evaluation.images,
        "notes": evaluation.notes,
    }
    write_whole(path, json.dumps(content, indent=2, default=asdict) + "\n")


def _segmentation(file: Path, results: Results, rows: list[Row]) -> dict[str, SegmentationScores]:
    height, width = rows[0].target.shape[:2]
    if height != width or any(row.source.shape[:2] != (height, width) for row in rows):
        raise DiptychError("--segmenter: needs pairs at one size: leave --size native out")
    judge = label_judge(results.data, height, file)
    translated = np.stack([row.translated for row in rows])
    return judge([*results.pairs.values()], translated, np.stack([row.target for row in rows]))
