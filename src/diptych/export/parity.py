"""Proof that an exported model gives the pictures of the model it was made from."""

import math
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median

import numpy as np
from pydantic import BaseModel

from diptych.images.domain import Domain

Translate = Callable[[np.ndarray], np.ndarray]
# dB that results must reach against those of the model, by precision: about a thousandth, a
# hundredth and a tenth of the range, as the root of the mean square.
LEAST_PSNR = {"fp32": 60.0, "fp16": 40.0, "int8": 20.0}
IDENTICAL = 120.0  # dB written where there is no difference


class TileParity(BaseModel):
    """How far a picture is that was put together from tiles, from one that is translated whole."""

    size: int  # of a tile, its side
    overlap: int  # of a tile with the next
    picture: str  # height and width
    max_difference: float  # as of `Parity`
    mean_difference: float
    psnr: float
    exact: bool  # whether a tile holds all that what is kept of it depends on


class Parity(BaseModel):
    """How far an exported model is from its model, over real pictures.

    Differences are parts of the range: of 255 for colours, of the domain's range for values; of
    labels they are the share of pixels in another class.
    """

    file: str
    precision: str
    megabytes: float
    model_megabytes: float
    pictures: int
    sizes: list[str]  # height and width of the pictures, each once
    max_difference: float
    mean_difference: float
    psnr: float
    least_psnr: float
    seconds: float  # a picture, the median
    model_seconds: float
    threads: int
    scores: dict[str, float] = {}  # of the exported model, against the targets
    model_scores: dict[str, float] = {}
    tiles: TileParity | None = None  # of files that other programs give tiles to

    @property
    def holds(self) -> bool:
        """Whether it is close enough."""
        return self.psnr >= self.least_psnr


def report_beside(path: Path) -> Path:
    """The parity report of an exported file."""
    return path.with_suffix(".parity.json")


def compare(
    exported: Translate, model: Translate, sources: Sequence[np.ndarray], target: Domain
) -> tuple[dict[str, float], list[np.ndarray], list[np.ndarray]]:
    """Translate every source `(H, W, C)` both ways, in turns.

    Returns the differences and times as `Parity` names them, and the results of both.
    """
    results: tuple[list[np.ndarray], list[np.ndarray]] = ([], [])
    seconds: tuple[list[float], list[float]] = ([], [])
    for source in sources:
        for way, translated, spent in zip((exported, model), results, seconds, strict=True):
            way(source[None])  # once unseen: the first of a size also plans
            begun = time.perf_counter()
            translated.append(way(source[None])[0])
            spent.append(time.perf_counter() - begun)
    measured = {
        **differences(*results, target),
        "seconds": median(seconds[0]),
        "model_seconds": median(seconds[1]),
    }
    return measured, *results


def differences(
    ours: Sequence[np.ndarray], theirs: Sequence[np.ndarray], target: Domain
) -> dict[str, float]:
    """The largest and the mean of results, and their PSNR, as `Parity` names them."""
    apart = [difference(*both, target) for both in zip(ours, theirs, strict=True)]
    square = float(np.mean([np.square(each).mean() for each in apart]))
    return {
        "max_difference": max(float(each.max()) for each in apart),
        "mean_difference": float(np.mean([each.mean() for each in apart])),
        "psnr": min(IDENTICAL, -10 * math.log10(square)) if square else IDENTICAL,
    }


def difference_in_words(found: Parity | TileParity, target: Domain) -> str:
    """How far results are from the model's, in the terms of what they are."""
    if target.kind == "labels":
        return f"{found.mean_difference:.3g} of the pixels in another class"
    if target.kind == "values":
        return (
            f"at most {found.max_difference:.2g} of the range, "
            f"{found.mean_difference:.2g} on average"
        )
    most, mean = 255 * found.max_difference, 255 * found.mean_difference
    return f"at most {most:.3g} of 255, {mean:.2g} on average"


def difference(ours: np.ndarray, theirs: np.ndarray, domain: Domain) -> np.ndarray:
    """Of two results `(H, W, C)` in every number, as parts of the range."""
    if domain.kind == "labels":
        return np.asarray(ours != theirs, np.float64)
    wide = np.full(1, 255.0)
    if domain.kind == "values":
        low, high = np.array(domain.range).T
        wide = high - low
    apart: np.ndarray = np.abs(ours.astype(np.float64) - theirs) / wide
    # Nothing in both is no difference, in one of them all there can be.
    nothing = [np.isnan(each.astype(np.float64)) for each in (ours, theirs)]
    apart[nothing[0] | nothing[1]] = 1.0
    apart[nothing[0] & nothing[1]] = 0.0
    return apart
