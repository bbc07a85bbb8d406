"""The page of a comparison: a column each, and the pairs where they differ most."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from diptych.evaluation.comparison import Comparison, Shown
from diptych.evaluation.comparison_words import comparison_in_words, comparison_rows
from diptych.evaluation.html_pages import EmbeddedPicture, embedded, write_html
from diptych.evaluation.summary import Metric, judged_by

MOST_PAIRS = 24


@dataclass(frozen=True)
class _Pair:
    name: str
    pictures: Mapping[str, EmbeddedPicture]  # source, each translated, target, by what they are
    scores: Mapping[str, float]  # of each, by which they are compared
    apart: float

    def nearest(self, metric: Metric) -> str:
        """Whose result is nearest to the target."""
        return min(self.scores, key=lambda name: metric.badness(self.scores[name]))


class Apart:
    """Keeps the pictures of the pairs whose scores lie farthest apart, encoded."""

    def __init__(self, most: int = MOST_PAIRS) -> None:
        self.pairs: list[_Pair] = []  # the farthest first
        self.size = (0, 0)  # height and width of the first target
        self._most = most

    def add(self, shown: Shown) -> None:
        """Take in one pair."""
        if self.size == (0, 0):
            self.size = shown.target.shape[0], shown.target.shape[1]
        metric = judged_by(next(iter(shown.scores.values())))
        scores = {name: own[metric] for name, own in shown.scores.items()}
        apart = max(scores.values()) - min(scores.values())
        if len(self.pairs) == self._most and apart <= self.pairs[-1].apart:
            return
        pictures = {"source": shown.source, **shown.translated, "target": shown.target}
        encoded = {name: embedded(picture) for name, picture in pictures.items()}
        self.pairs.append(_Pair(shown.name, encoded, scores, apart))
        self.pairs.sort(key=lambda pair: -pair.apart)
        del self.pairs[self._most :]


def write_comparison_page(
    path: Path, done: Comparison, apart: Apart, facts: Mapping[str, str]
) -> None:
    """Write the page to `path`, whole; `apart` took in all pairs. `facts` are plain texts."""
    source, target = done.domains
    write_html(
        path,
        "diptych.evaluation",
        "comparison.html.jinja",
        title=f"{source} → {target}",
        verdict=comparison_in_words(done),
        facts=facts,
        done=done,
        table=comparison_rows(done),
        metric=done.metric,
        pairs=apart.pairs,
    )
