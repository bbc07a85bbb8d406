"""Sheets: pictures in columns under their names."""

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from diptych.images.rgb import to_rgb

GAP, HEAD = 6, 26  # pixels between pictures, and of the line above them
BACKGROUND, INK = (255, 255, 255), (40, 40, 40)


def sheet(
    columns: Sequence[tuple[str, np.ndarray]], foot: Image.Image | None = None
) -> Image.Image:
    """Columns of pictures, each `(N, H, W, 3)` uint8 under its name; a `foot` stands below."""
    count, height, width, _ = columns[0][1].shape
    below = 0 if foot is None else foot.height + GAP
    size = len(columns) * (width + GAP) + GAP, HEAD + count * (height + GAP) + below
    drawn = Image.new("RGB", size, BACKGROUND)
    draw, font = ImageDraw.Draw(drawn), ImageFont.load_default(13)
    for i, (name, pictures) in enumerate(columns):
        left = GAP + i * (width + GAP)
        draw.text((left, HEAD // 2), name, INK, font, anchor="lm")
        for j, picture in enumerate(pictures):
            drawn.paste(Image.fromarray(picture), (left, HEAD + j * (height + GAP)))
    if foot is not None:
        drawn.paste(foot, (GAP, size[1] - below))
    return drawn


def as_large(sources: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Sources `(N, h, w, 3 or 4)` as RGB of the targets' size, each pixel enlarged as it is."""
    size = (targets.shape[2], targets.shape[1])
    return np.stack(
        [
            np.asarray(to_rgb(Image.fromarray(source)).resize(size, Image.Resampling.NEAREST))
            for source in sources
        ]
    )
