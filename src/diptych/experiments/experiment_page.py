"""One page for an experiment: its table, the paper's figures beside it, and pictures."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

from diptych.evaluation.html_pages import data_uri, write_html
from diptych.evaluation.labels.confusion import SegmentationScores
from diptych.evaluation.labels.fcn import CEILING
from diptych.evaluation.summary import METRICS
from diptych.experiments.reproduce import Reproduction

FCN = ("per-pixel", "per-class", "IoU")


@dataclass(frozen=True)
class Table:
    """A heading for each column, and rows of text."""

    headings: Sequence[str]
    rows: Sequence[Sequence[str]]


def results_table(done: Reproduction) -> Table:
    """Every arm with its scores: means, with the half width of their 95 % interval."""
    metrics = [METRICS[name] for name in METRICS if name in done.arms[0].scores]
    judged = any(arm.segmentation for arm in done.arms)
    headings = ["", "steps", *(metric.label for metric in metrics)]
    headings += [*(FCN if judged else ()), "hist. L", "hist. a", "hist. b"]
    rows = [
        ["real photos", "–", *("–" for _ in metrics), *_segmented(ceiling), "–", "–", "–"]
        for ceiling in _ceilings(done)
    ]
    for arm in done.arms:
        scores = [arm.scores[metric.name] for metric in metrics]
        cells = [
            f"{metric.figure(score.mean)} ± {metric.figure(score.high - score.mean)}"
            for metric, score in zip(metrics, scores, strict=True)
        ]
        cells += _segmented(arm.segmentation.get("translated")) if judged else []
        cells += [f"{share:.2f}" for share in arm.histograms.values()]
        rows.append([arm.name, f"{arm.steps:,}", *cells])
    return Table(headings, rows)


def brief_table(done: Reproduction) -> Table:
    """The same for 80 columns: means of what the arms are judged by."""
    metrics = [METRICS[name] for name in ("psnr", "ssim", "lpips") if name in done.arms[0].scores]
    judged = any(arm.segmentation for arm in done.arms)
    headings = ["", *(metric.label for metric in metrics), *(FCN if judged else ()), "colours"]
    rows = [
        ["real photos", *("–" for _ in metrics), *_segmented(ceiling), "–"]
        for ceiling in _ceilings(done)
    ]
    for arm in done.arms:
        cells = [metric.figure(arm.scores[metric.name].mean) for metric in metrics]
        cells += _segmented(arm.segmentation.get("translated")) if judged else []
        rows.append([arm.name, *cells, f"{fmean(arm.histograms.values()):.2f}"])
    return Table(headings, rows)


def published_table(done: Reproduction) -> Table | None:
    """What the paper has for the same arms, on other data and by another judge."""
    published = done.experiment.published
    if published is None:
        return None
    rows = [[arm, *(f"{s:.2f}" for s in scores)] for arm, scores in published.scores.items()]
    return Table(["", *FCN], rows)


def write_experiment_page(path: Path, done: Reproduction) -> None:
    """Write the page, whole, with its pictures within."""
    # Arms at one size show the same pairs; a larger size is another set of pictures.
    sizes = sorted({arm.size for arm in done.arms})
    galleries = []
    for size in sizes:
        arms = [arm for arm in done.arms if arm.size == size]
        galleries.append(
            {
                "size": size,
                "arms": [arm.name for arm in arms],
                "rows": [
                    {
                        "name": row.name,
                        "source": data_uri(row.source),
                        "translated": [data_uri(arm.rows[i].translated) for arm in arms],
                        "sources": [data_uri(arm.rows[i].source) for arm in arms],
                        "target": data_uri(row.target),
                    }
                    for i, row in enumerate(arms[0].rows)
                ],
            }
        )
    write_html(
        path,
        "diptych.experiments",
        "experiment_page.html.jinja",
        done=done,
        # Directions that differ from arm to arm have sources of their own.
        directions=any("data.direction" in changes for changes in done.experiment.arms.values()),
        results=results_table(done),
        published=published_table(done),
        galleries=galleries,
    )


def _ceilings(done: Reproduction) -> list[SegmentationScores]:
    """What the judge finds in real photos: one line, the same for all arms."""
    scores = [arm.segmentation[CEILING] for arm in done.arms if CEILING in arm.segmentation]
    return scores[:1]


def _segmented(scores: SegmentationScores | None) -> list[str]:
    if scores is None:
        return ["–"] * 3
    return [
        f"{share:.3f}" for share in (scores.pixel_accuracy, scores.class_accuracy, scores.class_iou)
    ]
