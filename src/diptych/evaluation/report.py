"""The report page: one HTML file that shows how well a model translates, pair by pair.

The file carries its pictures and charts within itself and asks nothing of the network, so it can be
mailed, archived or opened on a phone.
"""

import base64
import io
import mimetypes
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined
from PIL import Image, ImageOps

from diptych.errors import DiptychError
from diptych.evaluation import charts
from diptych.evaluation.summary import METRICS, Interval, Metric, summarise
from diptych.images.rgb import to_rgb
from diptych.whole_file import whole_file

LARGEST_SIDE = 512  # larger pictures are shown reduced
SMALL_SIDE = 128  # smaller ones are enlarged by whole pixels, for a browser would blur them


@dataclass(frozen=True)
class Row:
    """One pair and what the model made of it: uint8 pictures (H, W, 3), whose sizes may differ;
    the source may be transparent (H, W, 4).

    ``scores`` has the names of ``scores.METRICS`` as keys, the same in every row of a report.
    """

    name: str
    source: np.ndarray
    translated: np.ndarray
    target: np.ndarray
    scores: Mapping[str, float]


@dataclass(frozen=True)
class Curve:
    """One number logged over the steps of a run."""

    label: str
    steps: Sequence[float]
    values: Sequence[float]


@dataclass(frozen=True)
class Report:
    """What the page says. Every text is plain text; links in facts and notes become links.

    ``domains`` names source and target, ``baselines`` scores what anybody has for nothing,
    ``progress`` is a picture of the run (a GIF, say), ``recipe`` is its TOML.
    """

    title: str
    verdict: str
    facts: Mapping[str, str]
    rows: Sequence[Row]
    domains: tuple[str, str] = ("source", "target")
    baselines: Mapping[str, Mapping[str, Interval]] = field(default_factory=dict)
    curves: Sequence[Curve] = ()
    progress: Path | None = None
    recipe: str | None = None
    notes: Sequence[str] = ()


@dataclass(frozen=True)
class _Picture:
    uri: str
    width: int
    height: int
    reduced: bool


@dataclass(frozen=True)
class _Pair:
    row: Row
    mark: str  # "worst", "best" or ""
    pictures: tuple[_Picture, _Picture, _Picture]  # source, translated, target


def write_report(path: Path, report: Report, max_rows: int = 120) -> None:
    """Write the page to ``path``, whole or not at all.

    With more than ``max_rows`` pairs the page shows the worst, the best and an even sample of those
    between, and says so; the scores are always those of all pairs.

    Raises ``DiptychError`` where there is no pair to show.
    """
    if not report.rows:
        raise DiptychError(f"{path}: no pairs to report on; a report needs at least one")
    page = (
        html_environment("diptych.evaluation")
        .get_template("report.html.jinja")
        .render(_context(report, max_rows))
    )
    with whole_file(path) as aside:
        aside.write_text(page, encoding="utf-8")


def _context(report: Report, max_rows: int) -> dict[str, Any]:
    scores = [row.scores for row in report.rows]
    summary = summarise(scores)
    metrics = [metric for name, metric in METRICS.items() if name in summary]
    main = next(METRICS[name] for name in ("lpips", "ssim", *summary) if name in summary)
    pairs = _pairs(report.rows, main, max_rows)
    values = [score[main.name] for score in scores]
    curves = [charts.line(curve.label, curve.steps, curve.values) for curve in report.curves]
    return {
        "report": report,
        "metrics": metrics,
        "main": main,
        "summary": summary,
        "histogram": charts.histogram(values, main.label, main.digits),
        "curves": [curve for curve in curves if curve],
        "pairs": pairs,
        "reduced": any(picture.reduced for pair in pairs for picture in pair.pictures),
        "largest_side": LARGEST_SIDE,
        "progress": _file_uri(report.progress) if report.progress else None,
    }


def _pairs(rows: Sequence[Row], metric: Metric, most: int) -> list[_Pair]:
    """The pairs to show, worst first."""
    ordered = sorted(
        rows, key=lambda row: row.scores[metric.name], reverse=metric.better == "lower"
    )
    count = min(len(ordered), max(most, 2))
    shown = np.linspace(0, len(ordered) - 1, count).round().astype(int).tolist()
    marks = {0: "worst", len(ordered) - 1: "best"} if len(ordered) > 1 else {}
    return [
        _Pair(
            row := ordered[i],
            marks.get(i, ""),
            (_picture(row.source), _picture(row.translated), _picture(row.target)),
        )
        for i in shown
    ]


def _picture(pixels: np.ndarray) -> _Picture:
    """A picture as the page shows it: as PNG or JPEG, whichever is the smaller."""
    image = to_rgb(Image.fromarray(pixels))
    longest = max(image.size)
    if longest > LARGEST_SIDE:
        image = ImageOps.contain(image, (LARGEST_SIDE, LARGEST_SIDE), Image.Resampling.LANCZOS)
    elif longest < SMALL_SIDE:
        image = ImageOps.scale(image, 2 * SMALL_SIDE // longest, Image.Resampling.NEAREST)
    png, jpeg = io.BytesIO(), io.BytesIO()
    image.save(png, "PNG", optimize=True)
    image.save(jpeg, "JPEG", quality=90, subsampling=0)  # labels have coloured edges
    kind, data = min(("png", png.getvalue()), ("jpeg", jpeg.getvalue()), key=lambda it: len(it[1]))
    return _Picture(_uri(f"image/{kind}", data), *image.size, reduced=longest > LARGEST_SIDE)


def data_uri(pixels: np.ndarray) -> str:
    """A picture `(H, W, 3 or 4)` uint8 as an address that carries it."""
    return _picture(pixels).uri


def _file_uri(path: Path) -> str:
    return _uri(mimetypes.guess_type(path)[0] or "image/gif", path.read_bytes())


def _uri(kind: str, data: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(data).decode()}"


def _number(value: float, digits: int) -> str:
    return f"{value:.{digits}f}".replace("-", "−")


def html_environment(package: str) -> Environment:
    """For the page templates that lie in `package`."""
    environment = Environment(
        loader=PackageLoader(package, "."),
        autoescape=True,  # names of files and labels of domains come from other people
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["number"] = _number
    return environment
