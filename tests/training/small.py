"""What small runs are made of: a recipe's sizes, pairs as files, a tracker that remembers."""

from pathlib import Path

import numpy as np
from PIL import Image

from diptych.training.trackers import Tracker

SIZES = {
    "data.load_size": 36,
    "data.crop_size": 32,
    "generator.base_channels": 4,
    "discriminator.base_channels": 4,
    "discriminator.receptive_field": 16,
    "train.batch_size": 2,
}


class Listener(Tracker):
    """Remembers what it is told."""

    def __init__(self):
        self.notes, self.entries, self.steps, self.best = [], [], [], []

    def note(self, text):
        self.notes.append(text)

    def log(self, entry):
        self.entries.append(entry)

    def stepped(self, step, progress, seconds):
        self.steps.append(step)

    def validated(self, step, scores, best):
        self.best += [step] if best else []

    def said(self, words: str) -> list[str]:
        return [note for note in self.notes if words in note]


def write_pair(folder: Path, name: str, source: np.ndarray, target: np.ndarray) -> None:
    """As `A/name.png` and `B/name.png`."""
    for side, picture in (("A", source), ("B", target)):
        path = folder / side / f"{name}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(picture).save(path)
