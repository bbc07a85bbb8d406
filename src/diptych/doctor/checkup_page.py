"""A checkup as one HTML file that carries its pictures within: findings, with pairs to look at."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from diptych.data.pairs import sides
from diptych.doctor.check import Checkup
from diptych.doctor.checkup_words import histogram, notes, verdict
from diptych.doctor.class_rules import class_balance
from diptych.doctor.findings import Finding
from diptych.doctor.survey import Survey, view_of
from diptych.evaluation.html_pages import data_uri, write_html
from diptych.images.rgb import resize

PAIRS_SHOWN = 4  # of a finding: the worst
FILES_NAMED = 40
LARGEST_SIDE = 256  # of the pictures, in pixels


class _Figure(NamedTuple):
    """A picture as an address that carries it, or none where it cannot be read."""

    caption: str
    uri: str = ""


def write_check_page(path: Path, checkup: Checkup) -> None:
    """Write the page, whole or not at all."""
    survey = checkup.survey
    write_html(
        path,
        "diptych.doctor",
        "checkup_page.html.jinja",
        title=" → ".join(survey.data.domains),
        verdict=verdict(checkup),
        facts=checkup.facts,
        notes=notes(checkup),
        findings=[
            {
                "said": finding,
                "pairs": _pairs(survey, finding),
                "files": finding.places[:FILES_NAMED],
                "more": max(0, len(finding.places) - FILES_NAMED),
            }
            for finding in checkup.findings
        ],
        histograms=[_histogram(checkup, side) for side in range(len(survey.domains))],
        labels={
            domain: balance
            for side, domain in enumerate(survey.domains)
            if (balance := class_balance(survey, side))
        },
    )


def _histogram(checkup: Checkup, side: int) -> dict[str, object]:
    shares, edges = histogram(checkup, side)
    # Roots, for a white background would leave nothing to be seen of the rest.
    heights = np.sqrt(shares / max(shares.max(), 1e-9))
    return {
        "domain": checkup.survey.domains[side],
        "heights": [round(100 * float(height), 1) for height in heights],
        "low": f"{edges[0]:g}",
        "high": f"{edges[-1]:g}",
    }


def _pairs(survey: Survey, finding: Finding) -> list[dict[str, object]]:
    pairs = []
    for place in finding.places[:PAIRS_SHOWN]:
        if place.pair is None:
            continue
        figures = _figures(survey, place.pair)
        if place.twin is not None:
            figures += _figures(survey, place.twin)
        elif finding.kind.startswith("shift"):
            figures.append(_laid_over(survey, place.pair))
        pairs.append({"place": place, "figures": figures})
    return pairs


def _figures(survey: Survey, number: int) -> list[_Figure]:
    figures = []
    for side, domain in enumerate(survey.domains):
        picture = _reduced(survey, number, side)
        if picture is None:
            figures.append(_Figure(f"{domain}: cannot be read"))
        else:
            figures.append(_Figure(domain, data_uri(np.asarray(picture))))
    return figures


def _laid_over(survey: Survey, number: int) -> _Figure:
    """The target with the edges of the source on it, so that a shift is seen."""
    source, target = (_reduced(survey, number, side) for side in (0, 1))
    if source is None or target is None:
        return _Figure("cannot be read")
    down, right = np.gradient(np.asarray(resize(source, target.size).convert("L"), np.float32))
    strength = np.hypot(down, right)
    edges = np.clip(strength / max(float(np.percentile(strength, 97)), 1.0), 0, 1)[..., None]
    drawn = np.asarray(target) * 0.6 * (1 - edges) + np.array([255, 40, 40]) * edges
    caption = f"{survey.domains[1]}, edges of {survey.domains[0]} in red"
    return _Figure(caption, data_uri(drawn.astype(np.uint8)))


def _reduced(survey: Survey, number: int, side: int) -> Image.Image | None:
    view = view_of(sides(survey.pairs[number])[side])
    if view is None:
        return None
    image = Image.fromarray(view)
    image.thumbnail((LARGEST_SIDE, LARGEST_SIDE), Image.Resampling.LANCZOS, reducing_gap=None)
    return image
