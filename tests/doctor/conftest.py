import hashlib
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from diptych.config import load_recipe
from diptych.data.pairs import sides
from diptych.doctor import survey
from diptych.schema import Recipe

SIZE = 160
COUNTS = {"train": 24, "val": 4, "test": 4}


@pytest.fixture(scope="session")
def facades_apart(shared_data, tmp_path_factory) -> Path:
    """Real pairs in two folders, A the labels and B the photos, as PNG of 160x160."""
    folder = tmp_path_factory.mktemp("facades")
    files = iter(sorted((shared_data / "facades" / "train").glob("*.jpg")))
    for split, count in COUNTS.items():
        for number in range(count):
            with Image.open(next(files)) as both:
                for side, left in (("A", 256), ("B", 0)):
                    path = folder / side / split / f"{number:02}.png"
                    path.parent.mkdir(parents=True, exist_ok=True)
                    corner = left + 48, 48
                    box = (*corner, corner[0] + SIZE, corner[1] + SIZE)
                    both.crop(box).save(path, compress_level=1)
    return folder


@pytest.fixture(scope="session")
def records() -> dict[str, survey.Record]:
    """What was measured of pairs, by their content."""
    return {}


@pytest.fixture
def measured_once(records, monkeypatch, request) -> None:
    """Tests that damage one of the same real pairs find what is measured of the others.

    A record follows from the files, and from what their sides are. Not for whole sets, which other
    processes measure.
    """
    if request.node.get_closest_marker("slow"):
        return
    measure = survey.examine

    def examine(job, labels, taken_as):
        pair, lends = job
        digest = hashlib.sha256(repr((lends, labels, taken_as)).encode())
        for picture in sides(pair):
            digest.update(repr((picture.panel, picture.panels, picture.path.suffix)).encode())
            digest.update(picture.path.read_bytes() + bytes(8))
        key = digest.hexdigest()
        if key not in records:
            records[key] = measure(job, labels, taken_as)
        return records[key]

    monkeypatch.setattr(survey, "examine", examine)


@pytest.fixture
def pairs(facades_apart, tmp_path) -> Path:
    """A copy of them to damage."""
    return shutil.copytree(facades_apart, tmp_path / "pairs")


@pytest.fixture
def recipe() -> Recipe:
    return load_recipe(
        "pix2pix",
        {"data.domains": ["labels", "photo"], "data.load_size": SIZE, "data.crop_size": 128},
    )


def pixels(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image)


def save(values: np.ndarray, path: Path) -> None:
    Image.fromarray(values).save(path)
