"""The report page: one HTML file that shows how well a model translates, pair by pair.

The file carries its pictures and charts within itself and asks nothing of the network, so it can be
mailed, archived or opened on a phone.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from diptych.errors import DiptychError
from diptych.evaluation import charts
from diptych.evaluation.curves import Curve
from diptych.evaluation.evaluate import Evaluation
from diptych.evaluation.gallery import Gallery, Pictures
from diptych.evaluation.html_pages import LARGEST_SIDE, file_uri, write_html
from diptych.evaluation.summary import METRICS, Metric, main_metric
from diptych.evaluation.words import verdict


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
) -> None:
    """Write the page to `path`, whole or not at all.

    `gallery` took in the pictures of all pairs of `evaluation`. `facts`, `evaluation.notes` and all
    other texts are plain; links in facts and notes become links. `progress` is a picture of the run
    (a GIF, say), if there is one; `recipe` is its TOML.

    Of many pairs the page shows those that the gallery kept, and says so; the scores are always
    those of all pairs.

    Raises `DiptychError` where there is no pair to show.
    """
    if not evaluation.images:
        raise DiptychError(f"{path}: no pairs to report on; a report needs at least one")
    source, target = evaluation.domains
    main = METRICS[main_metric(evaluation.scores)]
    pairs = _pairs(evaluation, gallery, main)
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


def _pairs(evaluation: Evaluation, gallery: Gallery, metric: Metric) -> list[_Pair]:
    """The pairs to show, worst by `metric` first."""
    ordered = sorted(
        evaluation.images,
        key=lambda name: evaluation.images[name][metric.name],
        reverse=metric.better == "lower",
    )
    marks = {ordered[0]: "worst", ordered[-1]: "best"} if len(ordered) > 1 else {}
    return [
        _Pair(name, evaluation.images[name], marks.get(name, ""), gallery[name])
        for name in ordered
        if name in gallery
    ]
