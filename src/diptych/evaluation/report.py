"""The report page: one HTML file that shows how well a model translates, pair by pair.

The file carries its pictures and charts within itself and asks nothing of the network, so it can be
mailed, archived or opened on a phone.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from diptych.errors import DiptychError
from diptych.evaluation import charts
from diptych.evaluation.curves import Curve, Remark
from diptych.evaluation.error_maps import MOST, error_colours
from diptych.evaluation.evaluate import Evaluation
from diptych.evaluation.gallery import SHOWN_SIDE, Gallery, Pictures, ShownPair, Showpiece
from diptych.evaluation.html_pages import (
    LARGEST_SIDE,
    EmbeddedPicture,
    embedded,
    file_uri,
    write_html,
)
from diptych.evaluation.summary import METRICS, Metric, main_metric
from diptych.evaluation.words import by_other_scores, verdict


@dataclass(frozen=True)
class _Pair:
    name: str
    scores: Mapping[str, float]
    mark: str  # "worst", "best" or ""
    shown: ShownPair
    large: bool  # whether its pictures are shown in full

    @property
    def pictures(self) -> Pictures:
        return self.shown.full if self.large else self.shown.pictures


@dataclass(frozen=True)
class _ErrorFigure:
    """The mean over a set of how far pictures lie from their targets, place by place."""

    picture: EmbeddedPicture
    count: int
    most: float  # levels of 255, at the brightest place


def write_report(
    path: Path,
    evaluation: Evaluation,
    gallery: Gallery,
    facts: Mapping[str, str],
    *,
    curves: Sequence[Curve] = (),
    remarks: Sequence[Remark] = (),
    progress: Path | None = None,
    recipe: str | None = None,
) -> None:
    """Write the page to `path`, whole or not at all.

    `gallery` took in the pictures of all pairs of `evaluation`. `facts`, `evaluation.notes` and all
    other texts are plain; links in facts and notes become links. `remarks` are the referee's, on
    the run of the `curves`. `progress` is a picture of the run (a GIF, say), if there is one;
    `recipe` is its TOML.

    It opens with what the gallery has to open with, by default a typical pair. Of many pairs the
    page shows those that the gallery kept, and says so; the scores are always those of all pairs.

    Raises `DiptychError` where there is no pair to show.
    """
    if not evaluation.images:
        raise DiptychError(f"{path}: no pairs to report on; a report needs at least one")
    source, target = evaluation.domains
    main = METRICS[main_metric(evaluation.scores)]
    pairs = _pairs(evaluation, gallery, main)
    steps = [remark.step for remark in remarks]
    drawn = [charts.line(curve.label, curve.steps, curve.values, steps) for curve in curves]
    write_html(
        path,
        "diptych.evaluation",
        "report.html.jinja",
        evaluation=evaluation,
        title=f"{source} → {target}",
        verdict=verdict(evaluation.scores, evaluation.baselines, evaluation.gains, target),
        by_others=by_other_scores(evaluation.scores, evaluation.baselines, evaluation.gains),
        facts=facts,
        metrics=[metric for name, metric in METRICS.items() if name in evaluation.scores],
        main=main,
        histogram=charts.histogram(
            [scores[main.name] for scores in evaluation.images.values()], main.label, main.digits
        ),
        errors=_error_figure(gallery),
        most_error=MOST,
        curves=[chart for chart in drawn if chart],
        remarks=remarks,
        pairs=pairs,
        judge=gallery.judge if any(pair.shown.patches for pair in pairs) else "",
        reduced=any(picture.reduced for pair in pairs for picture in pair.pictures),
        largest_side=LARGEST_SIDE,
        full_side=SHOWN_SIDE,
        progress=file_uri(progress) if progress is not None and progress.is_file() else None,
        recipe=recipe,
        showpiece=gallery.showpiece or _typical(pairs, evaluation, main),
    )


def _pairs(evaluation: Evaluation, gallery: Gallery, metric: Metric) -> list[_Pair]:
    """The pairs to show, worst by `metric` first."""
    ordered = sorted(
        evaluation.images,
        key=lambda name: evaluation.images[name][metric.name],
        reverse=metric.better == "lower",
    )
    marks = {ordered[0]: "worst", ordered[-1]: "best"} if len(ordered) > 1 else {}
    kept = [(place, name) for place, name in enumerate(ordered) if name in gallery]
    middle = min(kept, key=lambda each: abs(each[0] - (len(ordered) - 1) / 2))
    marks |= {middle[1]: "typical"} if len(ordered) > 2 else {}
    return [
        _Pair(
            name,
            evaluation.images[name],
            marks.get(name, ""),
            gallery[name],
            large=name in marks or len(ordered) < 3,
        )
        for _, name in kept
    ]


def _typical(pairs: Sequence[_Pair], evaluation: Evaluation, metric: Metric) -> Showpiece:
    """What a report opens with where nothing else was chosen."""
    pair = next((pair for pair in pairs if pair.mark == "typical"), pairs[0])
    about = f"{pair.name}: {metric.label} {metric.figure(pair.scores[metric.name])}"
    if pair.mark != "typical":
        return Showpiece(pair.name, f"{about}.", pair.shown.full)
    about += f"; of {len(evaluation.images):,} pairs as many are better as are worse."
    return Showpiece("A typical pair", about, pair.shown.full)


def _error_figure(gallery: Gallery) -> _ErrorFigure | None:
    mean = gallery.errors.mean
    if mean is None or gallery.errors.count < 2:
        return None
    most = max(float(mean.max()), 1.0)
    return _ErrorFigure(embedded(error_colours(mean, most)), gallery.errors.count, most)
