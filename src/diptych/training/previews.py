"""Pictures of the same pairs as training goes on: one sheet a validation, one GIF of them all."""

from pathlib import Path

import numpy as np
from PIL import Image

from diptych.images.opening import picture_of
from diptych.images.sheet import BACKGROUND
from diptych.whole_file import whole_file

FRAMES, WIDEST = 40, 880  # of the GIF


def drop_previews_after(folder: Path, step: int) -> None:
    """Remove the previews of steps that will be made again."""
    for path in folder.glob("step_*.png"):
        if int(path.stem.partition("_")[2]) > step:
            path.unlink()


def save_progress(folder: Path, path: Path) -> None:
    """Write the sheets in `folder` as a moving picture, the last one shown longest."""
    sheets = sorted(folder.glob("step_*.png"))
    if not sheets:
        return
    chosen = [sheets[round(i)] for i in np.linspace(0, len(sheets) - 1, min(FRAMES, len(sheets)))]
    # Its own, whatever the limit for others' pictures.
    images = [picture_of(sheet.read_bytes()) for sheet in chosen]
    size = max(image.width for image in images), max(image.height for image in images)
    frames = []
    for image in images:
        frame = Image.new("RGB", size, BACKGROUND)  # those of a version from before are narrower
        frame.paste(image)
        frame.thumbnail((WIDEST, 2 * WIDEST), Image.Resampling.LANCZOS)
        frames.append(frame.quantize(256))
    durations = [300] * (len(frames) - 1) + [3000]
    with whole_file(path) as aside:
        frames[0].save(aside, save_all=True, append_images=frames[1:], duration=durations, loop=0)
