"""The report page: one HTML file that shows how well a model translates, pair by pair.

The file carries its pictures and charts within itself and asks nothing of the network, so it can be
mailed, archived or opened on a phone.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from diptych.data.pairs import evenly_spread
from diptych.errors import DiptychError
from diptych.evaluation import charts
from diptych.evaluation.curves import Curve
from diptych.evaluation.evaluate import Evaluation, Row
from diptych.evaluation.html_pages import (
    LARGEST_SIDE,
    EmbeddedPicture,
    embedded,
    file_uri,
    write_html,
)
from diptych.evaluation.summary import METRICS, Metric, main_metric
from diptych.evaluation.words import verdict

MOST_PAIRS = 120
SHOWN_SIDE = 1600  # a larger showpiece is shown reduced

Pictures = tuple[EmbeddedPicture, EmbeddedPicture, EmbeddedPicture]  # source, translated, target


@dataclass(frozen=True)
class Showpiece:
    """What a report opens with, and what a reader should know of it."""

    name: str
    about: str
    pictures: Pictures


class Gallery:
    """The pictures of a report, encoded as their pairs are scored: decoded they need much more."""

    def __init__(self) -> None:
        self.pictures: dict[str, Pictures] = {}  # by the pair's name
        self.size = (0, 0)  # height and width of the first target
        self.showpiece: Showpiece | None = None

    def open_with(
        self, name: str, about: str, pictures: tuple[np.ndarray, np.ndarray, np.ndarray]
    ) -> None:
        """Let the report open with source, translated and target, `(H, W, 3)` uint8 of one shape.

        Any two of them can be compared under a slider.
        """
        source, translated, target = (embedded(pixels, SHOWN_SIDE) for pixels in pictures)
        self.showpiece = Showpiece(name, about, (source, translated, target))

    def add(self, row: Row) -> None:
        """Take in the pictures of one pair."""
        if not self.pictures:
            self.size = row.target.shape[0], row.target.shape[1]
        source, translated = embedded(row.source), embedded(row.translated)
        self.pictures[row.name] = source, translated, embedded(row.target)


@dataclass(frozen=True)
class _Pair:
    name: str
    scores: Mapping[str, float]
    mark: str  # "worst", "best" or ""
    pictures: Pictures


def write_report(
    path: Path,
    evaluation: Evaluation,
    gallery: Gallery,
    facts: Mapping[str, str],
    *,
    curves: Sequence[Curve] = (),
    progress: Path | None = None,
    recipe: str | None = None,
    most_pairs: int = MOST_PAIRS,
) -> None:
    """Write the page to `path`, whole or not at all.

    `gallery` holds the pictures of every pair of `evaluation`. `facts`, `evaluation.notes` and all
    other texts are plain; links in facts and notes become links. `progress` is a picture of the run
    (a GIF, say), if there is one; `recipe` is its TOML.

    With more than `most_pairs` pairs the page shows the worst, the best and an even sample of those
    between, and says so; the scores are always those of all pairs.

    Raises `DiptychError` where there is no pair to show.
    """
    if not evaluation.images:
        raise DiptychError(f"{path}: no pairs to report on; a report needs at least one")
    source, target = evaluation.domains
    main = METRICS[main_metric(evaluation.scores)]
    pairs = _pairs(evaluation, gallery, main, most_pairs)
    drawn = [charts.line(curve.label, curve.steps, curve.values) for curve in curves]
    write_html(
        path,
        "diptych.evaluation",
        "report.html.jinja",
        evaluation=evaluation,
        title=f"{source} → {target}",
        verdict=verdict(evaluation.scores, evaluation.baselines, evaluation.gains, target),
        facts=facts,
        metrics=[metric for name, metric in METRICS.items() if name in evaluation.scores],
        main=main,
        histogram=charts.histogram(
            [scores[main.name] for scores in evaluation.images.values()], main.label, main.digits
        ),
        curves=[chart for chart in drawn if chart],
        pairs=pairs,
        reduced=any(picture.reduced for pair in pairs for picture in pair.pictures),
        largest_side=LARGEST_SIDE,
        progress=file_uri(progress) if progress is not None and progress.is_file() else None,
        recipe=recipe,
        showpiece=gallery.showpiece,
    )


def _pairs(evaluation: Evaluation, gallery: Gallery, metric: Metric, most: int) -> list[_Pair]:
    """The pairs to show, worst by `metric` first."""
    ordered = sorted(
        evaluation.images,
        key=lambda name: evaluation.images[name][metric.name],
        reverse=metric.better == "lower",
    )
    places = evenly_spread(range(len(ordered)), max(most, 2))
    marks = {0: "worst", len(ordered) - 1: "best"} if len(ordered) > 1 else {}
    return [
        _Pair(name, evaluation.images[name], marks.get(place, ""), gallery.pictures[name])
        for place, name in ((place, ordered[place]) for place in places)
    ]
