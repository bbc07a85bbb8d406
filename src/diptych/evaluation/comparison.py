"""Models, or folders of pictures, side by side on the same pairs."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from diptych.config import recipe_from
from diptych.data.fitting import array_size
from diptych.data.pairs import Progress, evenly_spread
from diptych.data.sources import Source
from diptych.errors import DiptychError
from diptych.evaluation.baselines import baselines
from diptych.evaluation.evaluate import MOST_RIVALLED
from diptych.evaluation.results import Result, Results, Translate, results_of
from diptych.evaluation.scores import Scorer, default_scorer
from diptych.evaluation.summary import (
    METRICS,
    Interval,
    Metric,
    PictureScores,
    differences,
    judged_by,
    summarise,
)
from diptych.evaluation.tally import Tally
from diptych.fast.processor import usable_devices
from diptych.images.display import displayed
from diptych.schema import Recipe
from diptych.whole_file import write_whole


@dataclass(frozen=True)
class Shown:
    """One pair and what each made of it: uint8 pictures, and the scores of each."""

    name: str
    source: np.ndarray
    target: np.ndarray
    translated: Mapping[str, np.ndarray]
    scores: Mapping[str, Mapping[str, float]]


@dataclass(frozen=True)
class Comparison:
    """The scores of all on one split, each by its name.

    `best`: the one with the best mean of `metric`, by which they are compared; `behind`: by how
    much its scores are higher than those of each other, pair by pair.
    """

    split: str
    domains: tuple[str, str]
    metric: Metric
    best: str
    scores: Mapping[str, Mapping[str, Interval]]
    behind: Mapping[str, Mapping[str, Interval]]
    baselines: Mapping[str, Mapping[str, Interval]]
    images: Mapping[str, Mapping[str, Mapping[str, float]]]  # of each pair, what each scores

    def nearer(self, other: str) -> int:
        """On how many pairs the best is nearer to the target than another."""
        both = [(own.get(self.best, {}), own.get(other, {})) for own in self.images.values()]
        name, badness = self.metric.name, self.metric.badness
        return sum(badness(a[name]) < badness(b[name]) for a, b in both if name in a and name in b)


def compare(  # noqa: PLR0913 - keyword arguments, each with a default
    contestants: Mapping[str, Translate | Path],
    data: Source,
    split: str = "test",
    *,
    recipe: Recipe | None = None,
    size: int | str | None = None,
    scorer: Scorer | None = None,
    device: str = "auto",
    on_pair: Callable[[Shown], object] = lambda _: None,
    on_progress: Progress | None = None,
) -> Comparison:
    """Score translators, or folders of pictures, by their names, two or more.

    Arguments are those of `evaluate`. A `recipe` is for all; by default translators bring their
    own, and folders take the first of these.
    `on_pair` is handed the pictures of each pair. Raises DiptychError where they are not of the
    same pairs at one size, and as `evaluate`.
    """
    if len(contestants) < 2:
        raise DiptychError("one alone is not compared: give two models or more")
    judged = list(contestants.values())
    headers = [one.header for one in judged if hasattr(one, "header")]
    if recipe is None and headers:
        recipe_of_folders = recipe_from(headers[0].recipe, "model")
    else:
        recipe_of_folders = recipe or Recipe()
    every = [
        results_of(
            one,
            data,
            split,
            recipe=recipe if hasattr(one, "header") else recipe_of_folders,
            size=size,
        )
        for one in judged
    ]
    first, names = every[0], list(contestants)
    for name, other in zip(names, every, strict=True):
        _check_alike(names[0], first, name, other)
    own = next((one.device for one in judged if hasattr(one, "device")), None)
    where = own or (usable_devices()[0] if device == "auto" else device)
    scorer = scorer or default_scorer(where, border=first.recipe.derive.scale)
    scored_on = set(first.pairs.values())
    training = [pair for pair in first.data.splits["train"] if pair not in scored_on]
    tally = Tally(
        names,
        first.domains[1],
        scorer,
        baselines(first.recipe, first.domains, training),
        set(evenly_spread([*first.pairs], MOST_RIVALLED)),
    )
    images: dict[str, dict[str, PictureScores]] = {}
    for batch in tally.over(_on_one_target(names, every)):
        for each, scores in batch:
            images[each[0].name] = scores
            on_pair(_shown(each, scores, first))
            if on_progress is not None:
                on_progress(len(images), len(first.pairs))
    means = {name: summarise(rows) for name, rows in tally.scores.items()}
    metric = METRICS[judged_by(means[names[0]])]
    best = min(names, key=lambda name: metric.badness(means[name][metric.name].mean))
    of_best, others = tally.scores[best], [name for name in names if name != best]
    return Comparison(
        split,
        first.data.domains,
        metric,
        best,
        means,
        {name: differences(of_best, tally.scores[name]) for name in others},
        {name: summarise(rows) for name, rows in tally.rivals.items()},
        images,
    )


def _shown(each: Sequence[Result], scores: Mapping[str, PictureScores], of: Results) -> Shown:
    source, target = of.domains
    made = zip(scores, each, strict=True)
    return Shown(
        each[0].name,
        displayed(each[0].source, source),
        displayed(each[0].target, target),
        {name: displayed(one.translated, target) for name, one in made},
        scores,
    )


def _check_alike(name: str, one: Results, other_name: str, other: Results) -> None:
    nameless = [results.domains[1].model_copy(update={"name": ""}) for results in (one, other)]
    if nameless[0] != nameless[1]:
        raise DiptychError(f"{other_name}: its results are of another kind than those of {name}")
    if [*one.pairs] != [*other.pairs]:
        raise DiptychError(f"{other_name}: scored on other pairs than {name}")


def _on_one_target(names: Sequence[str], every: Sequence[Results]) -> Iterator[tuple[Result, ...]]:
    """The results of all for each pair; raises DiptychError where their targets are not one."""
    for each in zip(*every, strict=True):
        right = each[0].target
        for name, one in zip(names, each, strict=True):
            if not np.array_equal(one.target, right, equal_nan=right.dtype.kind == "f"):
                (high, wide), (height, width) = map(array_size, (right, one.target))
                raise DiptychError(
                    f"{name}: held against another target than {names[0]} for pair {one.name} "
                    f"({width}x{height} and {wide}x{high}); give --size, for all the same"
                )
        yield each


def write_comparison(path: Path, done: Comparison, facts: Mapping[str, Any]) -> None:
    """Write all scores as JSON, with `facts` about them."""
    content = {
        **facts,
        "split": done.split,
        "direction": " -> ".join(done.domains),
        "metric": done.metric.name,
        "best": done.best,
        "scores": done.scores,
        "behind": done.behind,
        "baselines": done.baselines,
        "images": done.images,
    }
    write_whole(path, json.dumps(content, indent=2, default=asdict) + "\n")
