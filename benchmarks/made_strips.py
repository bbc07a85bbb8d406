"""Made pictures in the place of facades, where those are not at hand: strips photo | labels."""

from pathlib import Path

import numpy as np
from PIL import Image

SIDE = 256


def make_strips(folder: Path, count: int) -> Path:
    """Write `count` strips of 512x256 to `folder/train`, as JPEG of much the size facades have."""
    (folder / "train").mkdir(parents=True)
    for number in range(count):
        random = np.random.default_rng(number)
        labels = random.integers(0, 256, (16, 16, 3), np.uint8).repeat(16, 0).repeat(16, 1)
        coarse = Image.fromarray(random.integers(0, 256, (64, 64, 3), np.uint8))
        photo = np.asarray(coarse.resize((SIDE, SIDE), Image.Resampling.BICUBIC))
        strip = np.concatenate([photo // 2 + labels // 2, labels], axis=1)
        Image.fromarray(strip).save(folder / "train" / f"{number}.jpg", quality=90)
    return folder
