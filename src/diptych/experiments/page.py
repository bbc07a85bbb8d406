"""One page for an experiment: its table, the paper's figures beside it, and pictures."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined

from diptych.evaluation.fcn import CEILING
from diptych.evaluation.report import data_uri
from diptych.evaluation.scores import METRICS
from diptych.experiments.reproduce import Reproduction
from diptych.whole_file import whole_file


@dataclass(frozen=True)
class Table:
    """A heading for each column, and rows of text."""

    headings: Sequence[str]
    rows: Sequence[Sequence[str]]


def results_table(done: Reproduction) -> Table:
    """Every arm with its scores: means, with the half width of their 95 % interval."""
    metrics = [METRICS[name] for name in METRICS if name in done.arms[0].scores]
    seen = any(arm.segmentation for arm in done.arms)
    headings = ["", "steps", *(metric.label for metric in metrics)]
    headings += ["per-pixel", "per-class", "IoU"] if seen else []
    headings += ["hist. L", "hist. a", "hist. b"]
    rows = []
    ceiling = next((a.segmentation[CEILING] for a in done.arms if CEILING in a.segmentation), None)
    if ceiling is not None:
        blank = ["–"] * (1 + len(metrics))
        rows.append([CEILING, *blank, *_segmented(ceiling), "–", "–", "–"])
    for arm in done.arms:
        scores = [arm.scores[metric.name] for metric in metrics]
        cells = [
            f"{score.mean:.{metric.digits}f} ± {score.high - score.mean:.{metric.digits}f}"
            for metric, score in zip(metrics, scores, strict=True)
        ]
        found = arm.segmentation.get("translated")
        cells += _segmented(found) if found else ["–"] * 3 if seen else []
        cells += [f"{share:.2f}" for share in arm.histograms.values()]
        rows.append([arm.name, f"{arm.steps:,}", *cells])
    return Table(headings, rows)


def published_table(done: Reproduction) -> Table | None:
    """What the paper has for the same arms, on other data and by another judge."""
    published = done.experiment.published
    if published is None:
        return None
    rows = [[arm, *(f"{s:.2f}" for s in scores)] for arm, scores in published.scores.items()]
    return Table(["", "per-pixel", "per-class", "IoU"], rows)


def write_experiment_page(path: Path, done: Reproduction) -> None:
    """Write the page, whole, with its pictures within."""
    environment = Environment(
        loader=PackageLoader("diptych.experiments", "."),
        autoescape=True,  # names of files and domains come from other people
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
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
    page = environment.get_template("page.html.jinja").render(
        done=done,
        # Directions that differ from arm to arm have sources of their own.
        directions=any("data.direction" in changes for changes in done.experiment.arms.values()),
        results=results_table(done),
        published=published_table(done),
        galleries=galleries,
    )
    with whole_file(path) as aside:
        aside.write_text(page, "utf-8")


def _segmented(scores: object) -> list[str]:
    return [f"{getattr(scores, name):.3f}" for name in _FCN]


_FCN = ("pixel_accuracy", "class_accuracy", "class_iou")
