import itertools
from dataclasses import astuple
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from diptych.config import load_recipe
from diptych.data.domains import find_domains
from diptych.data.layouts import find_pairs
from diptych.errors import DiptychError
from diptych.evaluation.evaluate import evaluate
from diptych.evaluation.labels import fcn
from diptych.evaluation.labels.fcn import CEILING, LabelJudge, label_judge
from diptych.evaluation.scores import Scorer
from diptych.images.arrays import resized
from diptych.images.domain import Domain
from diptych.schema import Recipe

# Between any two lies the third, or nearly: what a blend of them would be taken for.
PALETTE = np.array([(0, 0, 0), (90, 90, 90), (180, 180, 180)], np.uint8)
INDICES = Domain(name="classes", kind="labels", channels=3)
SIZE = 37  # at which pairs are scored: no whole part of what they have


def scenes(height: int = 96, width: int = 96) -> list[np.ndarray]:
    """Classes `(H, W)` in blocks of 8 pixels."""
    random = np.random.default_rng(0)
    blocks = random.integers(0, 3, (6, height // 8, width // 8), np.uint8)
    return list(blocks.repeat(8, 1).repeat(8, 2))


def write_scenes(folder: Path, classes: list[np.ndarray], ending: str = "png") -> Path:
    """Labels in colours, the same as numbers, and photos of noise; for each split."""
    random = np.random.default_rng(1)
    for split in ("train", "test"):
        for i, scene in enumerate(classes):
            photo = random.integers(0, 256, (*scene.shape, 3), np.uint8)
            for name, picture in (("labels", PALETTE[scene]), ("index", scene), ("photo", photo)):
                path = folder / name / split / f"{i}.{ending if name == 'labels' else 'png'}"
                path.parent.mkdir(parents=True, exist_ok=True)
                Image.fromarray(picture).save(path, quality=75)
    return folder


def between(source: str | tuple[str, ...], target: str, **changes: object) -> Recipe:
    key = "data.source" if isinstance(source, str) else "data.sources"
    sizes = {"data.load_size": SIZE, "data.crop_size": SIZE}
    return load_recipe("pix2pix", {key: source, "data.target": target, **sizes, **changes})


def judged(folder: Path, recipe: Recipe, file: Path, **options: object) -> LabelJudge:
    paired = find_pairs(folder, recipe)
    domains = find_domains(paired, recipe)
    return label_judge(paired, domains, recipe, (SIZE, SIZE), file, **{"steps": 1, **options})


def nearest(classes: np.ndarray) -> np.ndarray:
    return resized(classes[..., None], (SIZE, SIZE), INDICES)[..., 0]


@pytest.mark.parametrize("ending", ["png", "jpg"])
@pytest.mark.parametrize("way", ["folder", "reduced"])
def test_perfect_labels_score_exactly_1_at_any_size(way, ending, tmp_path):
    """Classes are found where the colours are whole; resized they blend into other classes."""
    classes = scenes()
    data = write_scenes(tmp_path / "data", classes, ending)
    recipe, told = between("photo", "labels"), itertools.cycle(classes)

    def right(_: Image.Image) -> Image.Image:
        return Image.fromarray(PALETTE[nearest(next(told))])

    found = evaluate(
        data / "labels" / "test" if way == "folder" else right,
        data,
        recipe=recipe,
        size=SIZE,
        segmenter=tmp_path / "none.safetensors",
        scorer=Scorer(),
    )
    assert {who: astuple(scores) for who, scores in found.segmentation.items()} == {
        "translated": (1, 1, 1)
    }
    assert not (tmp_path / "none.safetensors").exists(), "no network where labels are the target"


LABELS = {"domain.index.kind": "labels", "domain.index.classes": 3}


@pytest.mark.parametrize(
    ("source", "changes"),
    [("labels", {}), (("labels", "photo"), {}), ("index", LABELS), (("index", "photo"), LABELS)],
)
def test_the_segmenter_learns_classes_of_the_files_and_is_judged_by_them(
    source, changes, tmp_path, monkeypatch
):
    classes = scenes()
    data = write_scenes(tmp_path / "data", classes)
    learned, train = [], fcn.train_segmenter

    def learn(photos: np.ndarray, classes: np.ndarray, *of: object, **options: object) -> object:
        learned.append((photos, classes))
        return train(photos, classes, *of, **options)

    monkeypatch.setattr(fcn, "train_segmenter", learn)
    recipe = between(source, "photo", **changes)
    judge = judged(data, recipe, tmp_path / "segmenter.safetensors")
    ((photos, seen),) = learned
    colours = np.arange(3) if changes else judge.labels.palette[..., 0] // 90
    training = find_pairs(data, recipe).splits["train"]
    expected = np.stack([nearest(classes[int(pair.name)]) for pair in training])
    assert photos.shape == (*expected.shape, 3)
    assert np.array_equal(colours[seen], expected)
    pair = training[0]
    fit = fcn.fit_to_look(recipe.data, (SIZE, SIZE))
    assert np.array_equal(judge.labels.read(pair, fit), seen[0]), "scored by what it learned"
    photos = data / "photo" / "test"
    found = evaluate(photos, data, recipe=recipe, segmenter=judge, scorer=Scorer())
    assert found.segmentation.keys() == {CEILING, "translated"}


def test_labels_lie_where_the_photos_do_that_are_cut_from_the_middle(tmp_path):
    data = write_scenes(tmp_path / "data", scenes(96, 160))
    recipe = between("labels", "photo", **{"data.fit": "shorter"})
    judge = judged(data, recipe, tmp_path / "segmenter.safetensors")
    pair = find_pairs(data, recipe).splits["test"][0]
    read = judge.labels.read(pair, fcn.fit_to_look(recipe.data, (96, 96)))
    assert np.array_equal(judge.labels.palette[read], PALETTE[scenes(96, 160)[0]][:, 32:128])


def test_pixels_without_a_class_have_no_part(tmp_path):
    classes = scenes()
    for scene in classes:
        scene[:, :40] = 255
    data = write_scenes(tmp_path / "data", [np.where(scene == 255, 0, scene) for scene in classes])
    for split in ("train", "test"):
        for i, scene in enumerate(classes):
            Image.fromarray(scene).save(data / "index" / split / f"{i}.png")
    recipe = between("index", "photo", **LABELS, **{"domain.index.nodata": 255})
    judge = judged(data, recipe, tmp_path / "segmenter.safetensors", steps=2)
    photos = data / "photo" / "test"
    found = evaluate(photos, data, recipe=recipe, segmenter=judge, scorer=Scorer())
    assert 0 <= found.segmentation[CEILING].pixel_accuracy <= 1
    pair = find_pairs(data, recipe).splits["test"][0]
    read = judge.labels.read(pair, fcn.fit_to_look(recipe.data, (SIZE, SIZE)))
    assert (read == -1).mean() == pytest.approx(40 / 96, abs=0.03)


def test_a_sample_of_the_training_pairs_is_learned_from(tmp_path, monkeypatch):
    data = write_scenes(tmp_path / "data", scenes())
    monkeypatch.setattr(fcn, "LEARNED_FROM", 2)
    learned, train = [], fcn.train_segmenter

    def learn(photos: np.ndarray, *of: object, **options: object) -> object:
        learned.append(len(photos))
        return train(photos, *of, **options)

    monkeypatch.setattr(fcn, "train_segmenter", learn)
    judged(data, between("labels", "photo"), tmp_path / "segmenter.safetensors")
    assert learned == [2]


def test_a_segmenter_of_other_classes_is_refused(tmp_path):
    data = write_scenes(tmp_path / "data", scenes())
    file = tmp_path / "segmenter.safetensors"
    judged(data, between("index", "photo", **LABELS), file)
    with pytest.raises(DiptychError, match="a segmenter of other classes than index has"):
        judged(data, between("index", "photo", **LABELS | {"domain.index.classes": 4}), file)


def test_pairs_of_two_sizes_are_refused(tmp_path):
    data = write_scenes(tmp_path / "data", [*scenes()[:5], scenes(96, 104)[5]])
    judge = judged(data, between("labels", "photo"), tmp_path / "segmenter.safetensors")
    with pytest.raises(DiptychError, match="needs pairs at one size"):
        evaluate(
            lambda picture: picture,
            data,
            recipe=between("labels", "photo"),
            size="native",
            segmenter=judge,
            scorer=Scorer(),
        )


def test_without_training_pairs_there_are_no_labels_to_score_by(tmp_path):
    data = write_scenes(tmp_path / "data", scenes())
    for name in ("labels", "index", "photo"):
        for path in (data / name / "train").iterdir():
            path.unlink()
        (data / name / "train").rmdir()
    with pytest.raises(DiptychError, match="no training pairs"):
        judged(data, between("labels", "photo"), tmp_path / "segmenter.safetensors")
