from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from diptych.data.layouts import find_pairs
from diptych.errors import DiptychError
from diptych.evaluation.labels import fcn
from diptych.evaluation.labels.fcn import label_judge
from diptych.schema import Data, Recipe

# Between any two lies the third, or nearly: what a blend of them would be taken for.
PALETTE = np.array([(0, 0, 0), (90, 90, 90), (180, 180, 180)], np.uint8)


def write_scenes(folder: Path) -> None:
    """Blocks of the palette's colours, of 8 pixels, and photos of noise; 96x96 each."""
    random = np.random.default_rng(0)
    for i in range(6):
        labels = PALETTE[random.integers(0, 3, (12, 12)).repeat(8, 0).repeat(8, 1)]
        photo = random.integers(0, 256, (96, 96, 3), np.uint8)
        for name, picture in (("labels", labels), ("extra", photo), ("photo", photo)):
            path = folder / name / f"{i}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(picture).save(path)


@pytest.mark.parametrize("more", [{"source": "labels"}, {"sources": ("labels", "extra")}])
def test_classes_are_of_the_palettes_colours_alone(more, tmp_path, monkeypatch):
    write_scenes(tmp_path)
    classified, learned = [], []
    to_classes, train = fcn.to_classes, fcn.train_segmenter

    def classify(pictures: np.ndarray, palette: np.ndarray) -> np.ndarray:
        classified.append(np.array(pictures))
        return to_classes(pictures, palette)

    def learn(photos: np.ndarray, classes: np.ndarray, *of: object, **options: object) -> object:
        learned.append(classes)
        return train(photos, classes, *of, **options | {"steps": 1})

    monkeypatch.setattr(fcn, "to_classes", classify)
    monkeypatch.setattr(fcn, "train_segmenter", learn)
    paired = find_pairs(tmp_path, Recipe(data=Data(target="photo", **more)))
    judge = label_judge(paired, 37, tmp_path / "segmenter.safetensors")
    (pictures,), (classes,) = classified, learned
    assert classes.shape == (len(paired.splits["train"]), 37, 37)
    colours = {tuple(colour) for colour in pictures.reshape(-1, 3).tolist()}
    assert colours == {tuple(colour) for colour in PALETTE.tolist()}
    assert np.array_equal(judge.palette[classes], pictures)
    photos = np.zeros((len(classes), 37, 37, 3), np.uint8)
    judge(paired.splits["train"], photos, photos)
    assert np.array_equal(classified[1], pictures), "scored by what it was trained on"


def test_without_training_pairs_there_are_no_labels_to_score_by(tmp_path):
    write_scenes(tmp_path)
    for name in ("labels", "photo"):
        (tmp_path / name / "test").mkdir()
        for path in (tmp_path / name).glob("*.png"):
            path.rename(tmp_path / name / "test" / path.name)
    paired = find_pairs(tmp_path, Recipe(data=Data(source="labels", target="photo")))
    with pytest.raises(DiptychError, match="no training pairs"):
        label_judge(paired, 37, tmp_path / "segmenter.safetensors")
