"""How a model does on pictures at their own size, where it learned at another: in passing."""

import math
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from diptych.data.pairs import Pair
from diptych.data.prepare import prepared
from diptych.data.scale import trained_size
from diptych.errors import DiptychError
from diptych.evaluation.results import Results
from diptych.evaluation.scores import Scorer
from diptych.evaluation.summary import Interval, summarise
from diptych.evaluation.units import score_in_domain

MOST_PAIRS = 50
MOST_PIXELS, LARGEST = 2**24, 2**21  # of all that are scored, and of one: for time and memory


@dataclass(frozen=True)
class Native:
    """Scores of some pairs at their own size: as they are, and at the scale of the training."""

    pairs: int
    size: tuple[int, int]  # width and height of the first
    scores: Mapping[str, Interval]
    at_trained_scale: Mapping[str, Interval] | None  # None where the model cannot


def score_natively(translator: Any, results: Results, scorer: Scorer) -> Native | None:
    """Scores of a translator on pairs as they are, as many as are quickly done, evenly spread.

    None where all are of the size that the model learned at, or it knows of none; where source and
    target differ in size; and where one picture is too many.
    """
    header = translator.header
    if header.target_size is not None or results.recipe.data.fit == "patches":
        return None
    size, pairs = _first_size(results), [*natively_scored(results).pairs.values()]
    if any(math.prod(pair.target.size) > LARGEST for pair in pairs):
        return None
    learned_at = [_learned_at(pair, translator) for pair in pairs]
    if None in learned_at or all(learned_at):
        return None
    ways = {"as they are": translator}
    with suppress(DiptychError):  # some keep more of a picture than is left of it at that scale
        ways["scaled"] = translator.scaled()
    scores: dict[str, list[dict[str, float]]] = {way: [] for way in ways}
    for pair in pairs:
        source, target = prepared(pair, results.domains, None, results.recipe.derive)
        for way, one in ways.items():
            both = one.apply(source)[None], target[None]
            scores[way] += score_in_domain(scorer, *both, results.domains[1])
    own, *scaled = map(summarise, scores.values())
    return Native(len(pairs), size, own, scaled[0] if scaled else None)


def natively_scored(results: Results) -> Results:
    """As many of the pairs as are quickly done at their own size, evenly spread."""
    width, height = _first_size(results)
    return results.spread(min(MOST_PAIRS, MOST_PIXELS // (width * height)))


def _first_size(results: Results) -> tuple[int, int]:
    return next(iter(results.pairs.values())).target.size


def _learned_at(pair: Pair, translator: Any) -> bool | None:
    """Whether a pair is of the size that the model learned at; None where it cannot be scored."""
    header, (width, height) = translator.header, pair.source.size
    if pair.target.size != (width, height):
        return None
    height, width = height // header.scale, width // header.scale  # of a source that is made
    return trained_size(header, (height, width)) == (height, width)
