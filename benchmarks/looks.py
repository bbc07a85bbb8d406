"""How near results come to the colours that are asked of them: of other pictures, and by name.

    python benchmarks/looks.py MODEL DATA [--split val] [--sources 60] [--looks 5] [--json FILE]

Errors are distances in CIE Lab. `like`: the mean colour of each source's result in the look of some
targets, against that target's mean; beside it that of the result when nobody says a look, and how
far two targets are apart. `colors`: the largest colour of results against the one that was asked
for, and how far that is from the nearest that a training target had.
"""

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np
import torch

import side_by_side
from diptych.data.pairs import evenly_spread
from diptych.evaluation.results import results_of
from diptych.images.main_colours import lab_of, main_colours
from diptych.translation.loading import load
from diptych.translation.translator import Translator
from diptych.translation.wished_look import lab_of_colours

ASKED = {
    "black": "#202020", "light gray": "#d0d0d0", "brown": "#8b4513", "red": "#a03020",
    "pink": "#f080b0", "yellow": "#e0c020", "green": "#208040", "turquoise": "#0090a0",
    "blue": "#1040c0", "violet": "#6030a0",
}  # fmt: skip
PER_COLOUR = 12  # sources


def mean_colour(picture: np.ndarray) -> np.ndarray:
    """The mean over `(H, W, 3)` uint8, in Lab."""
    lab: np.ndarray = lab_of(picture.reshape(-1, 3)).mean(0)
    return lab


def apart(one: np.ndarray, other: np.ndarray) -> float:
    """The distance of two colours in Lab."""
    return float(np.linalg.norm(one - other))


def told_like(
    translator: Translator, pairs: Sequence[tuple[np.ndarray, np.ndarray]], looks: int
) -> dict[str, float]:
    """Errors over all sources and so many looks, evenly spread over the targets."""
    chosen = evenly_spread([target for _, target in pairs], looks)
    errors, untold, between = [], [], []
    for source, target in pairs:
        usual = mean_colour(translator.apply(source))
        for look in chosen:
            asked = mean_colour(look)
            errors.append(apart(mean_colour(translator.told(like=look).apply(source)), asked))
            untold.append(apart(usual, asked))
            between.append(apart(mean_colour(target), asked))
    return {
        "told": round(fmean(errors), 2),
        "told_worst_tenth": round(float(np.quantile(errors, 0.9)), 2),
        "not_told": round(fmean(untold), 2),
        "targets_apart": round(fmean(between), 2),
    }


def in_colours(
    translator: Translator, sources: Sequence[np.ndarray], known: Sequence[Sequence[str]]
) -> dict[str, dict[str, float]]:
    """For each of the colours asked for."""
    seen = lab_of_colours(known, 1)
    found = {}
    for name, colour in ASKED.items():
        asked = lab_of_colours([[colour]], 1)[0]
        told = translator.told(colors=[colour])
        results = [main_colours(told.apply(source), 1) for source in sources]
        errors = [apart(result, asked) for result in lab_of_colours(results, 1)]
        found[name] = {
            "error": round(fmean(errors), 1),
            "nearest_seen": round(min(apart(each, asked) for each in seen), 1),
        }
    return found


def main() -> None:
    """Measure a model."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("model", type=Path)
    parser.add_argument("data", type=Path)
    parser.add_argument("--split", default="val")
    parser.add_argument("--sources", type=int, default=60)
    parser.add_argument("--looks", type=int, default=5)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    torch.set_num_threads(1)
    translator = load(given.model, device="cpu")
    known = translator.header.look
    if known is None:
        parser.error(f"{given.model} takes no look")
    results = results_of(translator, given.data, given.split).spread(given.sources)
    pairs = [(one.source, one.target) for one in results]
    few = evenly_spread([source for source, _ in pairs], PER_COLOUR)
    found: Mapping[str, Any] = {
        "sources": len(pairs),
        "looks": given.looks,
        "like": told_like(translator, pairs, given.looks),
        "colors": in_colours(translator, few, known.colours),
    }
    side_by_side.tell("looks", found, given.json)


if __name__ == "__main__":
    main()
