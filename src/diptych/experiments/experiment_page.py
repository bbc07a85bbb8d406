"""One page for an experiment: its table, the paper's figures beside it, and pictures."""

from collections.abc import Sequence
from pathlib import Path
from statistics import fmean
from typing import NamedTuple

from diptych.evaluation.html_pages import data_uri, write_html
from diptych.evaluation.labels.confusion import SegmentationScores
from diptych.evaluation.labels.fcn import CEILING
from diptych.evaluation.summary import METRICS, Metric, main_metric
from diptych.experiments.arms import PUBLISHED_ON
from diptych.experiments.reproduce import Reproduction

FCN = ("per-pixel", "per-class", "IoU")


class Table(NamedTuple):
    """A heading for each column, and rows of text."""

    headings: Sequence[str]
    rows: Sequence[Sequence[str]]


def results_table(done: Reproduction, brief: bool = False) -> Table:
    """Every arm with its scores: means, with the half width of their 95 % interval.

    `brief`, for 80 columns: only the means, and only of what the arms are judged by.
    """
    metrics = _measured(done)
    if brief:
        briefly = {"psnr", "ssim", main_metric(done.arms[0].scores)}
        metrics = [metric for metric in metrics if metric.name in briefly]
    judged = any(arm.segmentation for arm in done.arms)
    first = [] if brief else ["steps"]
    last = ["colours"] if brief else ["hist. L", "hist. a", "hist. b"]
    headings = [*first, *(metric.label for metric in metrics), *(FCN if judged else ()), *last]
    # What the judge finds in real photos: one line, the same for all arms.
    ceilings = [arm.segmentation[CEILING] for arm in done.arms if CEILING in arm.segmentation][:1]
    rows = [
        ["real photos", *["–"] * len([*first, *metrics]), *_segmented(ceiling), *["–"] * len(last)]
        for ceiling in ceilings
    ]
    for arm in done.arms:
        cells = [arm.name] if brief else [arm.name, f"{arm.steps:,}"]
        for metric in metrics:
            score = arm.scores[metric.name]
            half = "" if brief else f" ± {score.high - score.mean:.{metric.digits}f}"
            cells.append(f"{score.mean:.{metric.digits}f}{half}")
        cells += _segmented(arm.segmentation.get("translated")) if judged else []
        shares = arm.histograms.values()
        cells += [f"{share:.2f}" for share in ([fmean(shares)] if brief else shares)]
        rows.append(cells)
    return Table(["", *headings], rows)


def published_table(done: Reproduction) -> Table | None:
    """What the paper has for the same arms, on other data and by another judge."""
    published = done.experiment.published
    rows = [[arm, *(f"{score:.2f}" for score in scores)] for arm, scores in published.items()]
    return Table(["", *FCN], rows) if rows else None


def write_experiment_page(path: Path, done: Reproduction) -> None:
    """Write the page, whole, with its pictures within."""
    # Arms at one size show the same pairs; a larger size is another set of pictures.
    sizes = sorted({arm.size for arm in done.arms})
    write_html(
        path,
        "diptych.experiments",
        "experiment_page.html.jinja",
        done=done,
        # Directions that differ from arm to arm have sources of their own.
        directions=any("data.direction" in changes for changes in done.experiment.arms.values()),
        results=results_table(done),
        published=published_table(done),
        published_on=PUBLISHED_ON,
        lower=[m.label for m in _measured(done) if m.better == "lower"],
        arms_by_size={size: [arm for arm in done.arms if arm.size == size] for size in sizes},
        data_uri=data_uri,
    )


def _measured(done: Reproduction) -> list[Metric]:
    return [metric for name, metric in METRICS.items() if name in done.arms[0].scores]


def _segmented(scores: SegmentationScores | None) -> list[str]:
    if scores is None:
        return ["–"] * 3
    shares = scores.pixel_accuracy, scores.class_accuracy, scores.class_iou
    return [f"{share:.3f}" for share in shares]
