"""A film of a training: one picture, as the model translates it at moments on the way."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
from PIL import Image

from diptych.images.rgb import as_array, as_image, resize
from diptych.images.sheet import sheet
from diptych.training.trackers import Beginning, Tracker
from diptych.whole_file import whole_file

# Shares of the training: most is learned at first.
MOMENTS = (0.0, 0.01, 0.02, 0.04, 0.08, 0.16, 0.3, 0.5, 0.75)
HEIGHT = 400  # pixels, of each picture in a frame
SHOWN, LAST_SHOWN = 700, 4000  # milliseconds


class Moments(Tracker):
    """Keeps the model as it is at the MOMENTS, in `folder`; a training that goes on adds more."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.left = folder, list(MOMENTS)

    def begin(self, beginning: Beginning) -> None:
        """Learn how the model is written."""
        self.save_model = beginning.save_model

    def stepped(self, step: int, progress: float, seconds: float) -> None:  # noqa: ARG002
        """Write it where a moment has come."""
        due = sum(moment <= progress for moment in self.left)
        if due:
            del self.left[:due]
            self.save_model(self.folder / f"step_{step:08d}.safetensors")

    def models(self) -> list[Path]:
        """What was kept, the first one first."""
        return sorted(self.folder.glob("step_*.safetensors"))


def frame(columns: Iterable[tuple[str, np.ndarray]]) -> Image.Image:
    """Pictures `(H, W, 3)` uint8 of one size beside each other, reduced, under their names."""
    reduced = []
    for name, pixels in columns:
        height, width, _ = pixels.shape
        small = resize(as_image(pixels), (round(width * HEIGHT / height), HEIGHT))
        reduced.append((name, as_array(small)[None]))
    return sheet(reduced)


def write_film(frames: Iterable[Image.Image], path: Path) -> None:
    """Write frames as one moving WebP, the last one shown longest."""
    first, *others = frames
    durations = [*[SHOWN] * len(others), LAST_SHOWN]
    with whole_file(path) as aside:
        first.save(aside, save_all=True, append_images=others, duration=durations, loop=0)
