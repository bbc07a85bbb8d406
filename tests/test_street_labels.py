"""Photos and pictures of class numbers, as CamVid has them: from files to files, undeclared."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import diptych
from diptych.images.values import read_values
from diptych.model_file import read_header

CLASSES, VOID, SIZE = 12, 255, 64
TINY = [
    "data.load_size=64",
    "data.crop_size=64",
    "generator.base_channels=4",
    "discriminator.base_channels=4",
    "train.steps=3",
]


def street(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """A photo and the classes of its areas, a strip of them unknown."""
    random = np.random.default_rng(seed)
    classes = np.zeros((SIZE, SIZE), np.uint8)
    for number in random.permutation(CLASSES):
        top, left = random.integers(0, SIZE - 16, 2)
        classes[top : top + 16, left : left + 16] = number
    classes[:, :2] = VOID
    photo = (classes[..., None].astype(int) * (17, 5, 11) + 40) % 256
    return (photo + random.integers(0, 9, photo.shape)).clip(0, 255).astype(np.uint8), classes


@pytest.fixture(scope="session")
def streets(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("streets")
    for split, count in (("train", 6), ("val", 2), ("test", 2)):
        for folder in (split, f"{split}annot"):
            (root / folder).mkdir()
        for i in range(count):
            photo, classes = street(100 * len(split) + i)
            Image.fromarray(photo).save(root / split / f"{i}.jpg", quality=95)
            Image.fromarray(classes).save(root / f"{split}annot" / f"{i}.png")
    return root


@pytest.mark.slow
def test_from_a_folder_to_pictures_of_classes(streets, run, tmp_path):
    sets = [word for change in TINY for word in ("--set", change)]
    said = (
        "annot: 12 classes, as its files hold the numbers 0 to 11, and 255 where there is no class"
    )
    status, output, error = run("data", "check", streets, "--no-cost", *sets[:4])
    assert status == 0, output + error
    assert said in " ".join(output.split())
    status, output, _ = run("train", "--data", streets, "--dry-run", *sets)
    assert status == 0
    assert said in " ".join(output.split())
    out = tmp_path / "run"
    assert run("train", "--data", streets, "--out", out, *sets, "--device", "cpu")[0] == 0
    header = read_header(out / "model.safetensors")
    assert (header.target.kind, header.target.channels, header.target.nodata) == ("labels", 12, 255)
    scores = tmp_path / "scores.json"
    assert run("evaluate", out, "--data", streets, "--json", scores)[0] == 0
    assert 0 <= json.loads(scores.read_text())["scores"]["iou"]["mean"] <= 1
    assert run("translate", out, streets / "test", "--out", tmp_path / "classes")[0] == 0
    for i in range(2):
        numbers = read_values(tmp_path / "classes" / f"{i}.png")
        assert numbers.shape == (SIZE, SIZE, 1)
        assert numbers.max() < CLASSES
    evaluation = diptych.evaluate(diptych.load(out), streets)
    assert evaluation["iou"].mean == pytest.approx(
        json.loads(scores.read_text())["scores"]["iou"]["mean"], abs=1e-6
    )
