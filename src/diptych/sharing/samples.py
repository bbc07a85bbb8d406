"""Validation pairs for a model's card: how it scores on them, and pictures of a few."""

import io
from dataclasses import dataclass

import numpy as np

from diptych.data.pairs import Progress
from diptych.data.sources import Source
from diptych.evaluation.evaluate import Evaluation, evaluate
from diptych.evaluation.results import results_of
from diptych.images.display import displayed
from diptych.images.sheet import as_large, sheet
from diptych.translation.translator import Translator

PICTURES = 4  # pairs that are shown
WIDEST = 512  # pixels a side that are shown of each picture


@dataclass(frozen=True)
class Samples:
    """Scores of the validation pairs, and a sheet of some of them as PNG."""

    evaluation: Evaluation
    names: list[str]  # of the pairs on the sheet
    png: bytes
    same_pairs: bool  # as the model was trained with, so that it has not seen these


def make_samples(
    translator: Translator, data: Source, on_progress: Progress | None = None
) -> Samples:
    """Score the validation pairs of `data` and draw a few; raises DiptychError as `evaluate`."""
    results = results_of(translator, data, "val")
    source, target = results.domains
    names, rows = [], []
    for one in results.spread(PICTURES):
        right = displayed(one.target, target)[None]
        left = as_large(displayed(one.source, source)[None], right)
        names.append(one.name)
        rows.append((left[0], displayed(one.translated, target), right[0]))
    height, width = (min(WIDEST, *(row[2].shape[axis] for row in rows)) for axis in (0, 1))
    columns = [np.stack([_centre(row[i], height, width) for row in rows]) for i in range(3)]
    headings = (source.name, "translated", target.name)
    drawn = io.BytesIO()
    sheet(list(zip(headings, columns, strict=True))).save(drawn, "PNG")
    same = results.data.fingerprint() == translator.header.dataset.fingerprint
    evaluation = evaluate(translator, data, "val", on_progress=on_progress)
    return Samples(evaluation, names, drawn.getvalue(), same)


def _centre(picture: np.ndarray, height: int, width: int) -> np.ndarray:
    top, left = (picture.shape[0] - height) // 2, (picture.shape[1] - width) // 2
    return picture[top : top + height, left : left + width]
