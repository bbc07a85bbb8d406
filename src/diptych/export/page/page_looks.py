"""What the page knows of looks, so that its visitors may choose how results are coloured."""

from typing import Any

import numpy as np

from diptych.model_file import Header
from diptych.translation.wished_look import (
    BEYOND,
    NEAREST,
    all_looks,
    bounds,
    colour_moves,
    lab_of_colours,
)

SWATCHES = 16  # at most


def page_looks(header: Header) -> dict[str, Any] | None:
    """For `looks.js` and `swatches.js`; None of a model that takes no look."""
    known = header.look
    if known is None:
        return None
    named = known.colours + known.changed_colours
    lab, moves = colour_moves(known, 1) if named else (np.zeros((0, 3)),) * 2
    drawn, wished = bounds(np.array(known.examples), 0.0), bounds(all_looks(known), BEYOND)
    return {
        "left": known.left,
        "drawn": np.stack(drawn).tolist(),
        "wished": np.stack(wished).round(4).tolist(),
        "named": all_looks(known).tolist() if named else [],
        "lab": lab.round(3).tolist(),
        "moves": moves.round(6).tolist(),
        "nearest": NEAREST,
        "chroma": header.target.kind == "chroma",
        "standsAlone": bool(known.changed),
        "swatches": [
            {"colours": known.colours[i], "look": known.examples[i]}
            for i in far_apart(lab_of_colours(known.colours, 2), SWATCHES)
        ],
    }


def far_apart(places: np.ndarray, count: int) -> list[int]:
    """Up to `count` rows of `(N, D)`, each the farthest from those before it, in their order."""
    if not len(places):
        return []
    chosen = [0]
    nearest = np.linalg.norm(places - places[0], axis=1)
    while len(chosen) < count and nearest.max() > 0:
        chosen.append(int(nearest.argmax()))
        nearest = np.minimum(nearest, np.linalg.norm(places - places[chosen[-1]], axis=1))
    return sorted(chosen)
