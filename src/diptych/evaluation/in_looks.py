"""How a model that takes looks does in others than its sources foretell.

Results as they are used are in the look that their source foretells, and so far from a target that
is red by chance; drawn looks are as various as targets, and in the target's own look a result shows
what the model can. The last is a bound, and no score of the model.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from diptych.evaluation.colour_spread import spread
from diptych.evaluation.results import Results
from diptych.evaluation.scores import Scorer
from diptych.evaluation.summary import METRICS, Interval, PictureScores, main_metric, summarise
from diptych.evaluation.units import score_in_domain
from diptych.images.arrays import resized
from diptych.images.display import displayed

MOST_PAIRS = 16
DRAWN = 4  # looks for each source


@dataclass(frozen=True)
class InLooks:
    """Scores of some pairs by the looks that results are in, and how various their colours are."""

    pairs: int
    drawn_of_each: int
    foretold: Mapping[str, Interval]
    drawn: Mapping[str, Interval]
    best_drawn: Mapping[str, Interval]
    own: Mapping[str, Interval]
    # Shares of the targets' spread of mean colour, by foretold and drawn; of pictures in colours.
    spread: Mapping[str, Mapping[str, float]]
    apart: float  # levels of 255: the standard deviation of a source's drawn results, on average


def score_in_looks(translator: Any, results: Results, scorer: Scorer) -> InLooks | None:
    """Scores of a translator on some of the pairs, evenly spread; None where it takes no look."""
    if translator.header.look is None:
        return None
    domain = results.domains[1]
    rows: list[list[PictureScores]] = []  # of each pair: foretold, own, drawn ones
    shown: list[list[np.ndarray]] = []  # the same, the target last
    for number, one in enumerate(results.spread(MOST_PAIRS)):
        own = translator.told(look=translator.own_look(one.target)).apply(one.source)
        drawn = translator.samples(one.source, DRAWN, number)
        size = one.target.shape[0], one.target.shape[1]
        made = [one.translated, *(resized(each, size, domain) for each in (own, *drawn))]
        target = one.target[None]
        seen = scorer.look_at(displayed(target, domain))
        rows.append([score_in_domain(scorer, each[None], target, domain, seen)[0] for each in made])
        shown.append([displayed(each, domain)[..., :3] for each in (*made, one.target)])
    spreads = {}
    if domain.kind == "rgb" and len(rows) > 1:
        foretold, _, first, *_, target = zip(*shown, strict=True)
        spreads = {"foretold": spread(foretold, target), "drawn": spread(first, target)}
    return InLooks(
        pairs=len(rows),
        drawn_of_each=DRAWN,
        foretold=summarise([row[0] for row in rows]),
        drawn=summarise([scores for row in rows for scores in row[2:]]),
        best_drawn=summarise([_best(row[2:]) for row in rows]),
        own=summarise([row[1] for row in rows]),
        spread=spreads,
        apart=round(float(np.mean([np.std(each[2:-1], axis=0).mean() for each in shown])), 2),
    )


def _best(looks: list[PictureScores]) -> PictureScores:
    """Of the looks of one source the one that the main metric likes best."""
    metric = METRICS[main_metric(looks[0])]
    return min(looks, key=lambda scores: metric.badness(scores[metric.name]))
