"""How far a network sees: what of a picture a pixel of its result depends on."""

import numpy as np
from torch import nn

from diptych.images.windows import ArrayPicture
from diptych.model_file import Header
from diptych.translation.bounded.bounded_translation import outputs
from diptych.translation.bounded.workspace import Workspace

BLOCKS = 4  # the first size that is tried, in multiples of the generator's own
FARTHEST = 2**13  # pixels, beyond which no tile would hold it


def reach_of(generator: nn.Module, header: Header) -> int | None:
    """So many pixels beside a place of the source decide, at most, what the result is there.

    By the rules by which large pictures are translated in windows. None where the whole picture
    decides, as where a layer takes statistics of it. Raises DiptychError where a rule is missing.
    """
    multiple, blocks = header.size_multiple, BLOCKS
    while multiple * blocks <= 4 * FARTHEST:
        side = multiple * blocks
        picture = np.broadcast_to(
            np.zeros((1, 1, 1), header.source.array_dtype), (side, side, header.source.channels)
        )
        # Nothing is computed. What is kept for statistics would go to the disk, of which none is.
        rehearsed = Workspace(window=1 << 60, keep=0, device="cpu", dry=True)
        result = outputs(generator, header, ArrayPicture(picture), rehearsed)
        if rehearsed.most_on_disk:
            return None
        start = multiple * (blocks // 2)
        inner = header.scale * start, header.scale * (start + multiple)
        seen = [
            span
            for node, window in result.wanted((inner, inner)).items()
            if not node.inputs
            for span in window
        ]
        first, last = min(start for start, _ in seen), max(stop for _, stop in seen)
        if first > 0 and last < side:
            return max(start - first, last - start - multiple)
        blocks *= 2
    return None
