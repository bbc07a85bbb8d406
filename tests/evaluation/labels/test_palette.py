import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from diptych.errors import DiptychError
from diptych.evaluation.labels import palette as module
from diptych.evaluation.labels.palette import recover_palette, to_classes
from diptych.images.files import find_images
from diptych.images.rgb import read_image

COLOURS = np.array([(0, 0, 220), (0, 48, 255), (255, 80, 0), (112, 255, 144)], np.uint8)


def label_pictures(count: int = 4, quality: int = 75) -> tuple[np.ndarray, np.ndarray]:
    """Blocks of `COLOURS` after JPEG, and the class of every pixel; the first is most frequent."""
    random = np.random.default_rng(0)
    blocks = random.choice(len(COLOURS), (count, 6, 8), p=(0.5, 0.25, 0.15, 0.1))
    classes = blocks.repeat(16, 1).repeat(16, 2)
    pictures = []
    for picture in COLOURS[classes]:
        file = io.BytesIO()
        Image.fromarray(picture).save(file, "JPEG", quality=quality)
        pictures.append(np.asarray(Image.open(file)))
    return np.stack(pictures), classes


def halves(folder: Path, half: int, count: int) -> np.ndarray:
    """The left (0) or right (1) halves of the first pictures in `folder`."""
    pairs = [np.asarray(read_image(path)) for path in find_images(folder)[:count]]
    return np.stack([np.split(pair, 2, axis=1)[half] for pair in pairs])


@pytest.mark.parametrize("quality", [50, 75, 95])
def test_the_colours_before_jpeg_are_found(quality):
    pictures, classes = label_pictures(quality=quality)
    assert len(np.unique(pictures.reshape(-1, 3), axis=0)) > 100, "there is noise"
    palette = recover_palette(pictures)
    assert palette.dtype == np.uint8
    np.testing.assert_allclose(palette.astype(int), COLOURS, atol=3)
    assert (to_classes(pictures, palette) == classes).mean() > 0.95


def test_without_noise_the_colours_are_exact():
    _, classes = label_pictures()
    assert np.array_equal(recover_palette(COLOURS[classes]), COLOURS)
    assert np.array_equal(to_classes(COLOURS[classes], COLOURS), classes)


def test_a_label_on_the_edge_of_bins_is_found_once():
    picture = np.zeros((1, 40, 40, 3), np.uint8)
    picture[:, :, 20:] = 128
    picture[:, ::2, 20:] = 127  # an equal number in the next bin
    assert recover_palette(picture).tolist() in ([[0] * 3, [127] * 3], [[0] * 3, [128] * 3])


def test_pieces_make_no_difference(monkeypatch):
    pictures, _ = label_pictures()
    palette = recover_palette(pictures)
    classes = to_classes(pictures, palette)
    monkeypatch.setattr(module, "_PIXELS", 100)
    assert np.array_equal(recover_palette(pictures), palette)
    assert np.array_equal(to_classes(pictures, palette), classes)


def test_classes_by_hand():
    palette = np.array([(0, 0, 0), (255, 255, 255), (10, 0, 0)], np.uint8)
    pixels = np.array([[[(4, 0, 0), (5, 0, 0), (6, 0, 0), (200, 200, 200)]]], np.uint8)
    classes = to_classes(pixels, palette)
    assert classes.dtype == np.uint8
    assert classes.tolist() == [[[0, 0, 2, 1]]]


def test_facades_have_twelve_labels(shared_data):
    labels = halves(shared_data / "facades" / "train", 1, 40)
    palette = recover_palette(labels)
    assert len(palette) == 12
    assert np.abs(palette[0].astype(int) - (0, 48, 255)).max() <= 2, "the wall"
    assert np.array_equal(recover_palette(labels), palette)
    near = np.abs(palette[to_classes(labels[:8], palette)].astype(int) - labels[:8]).max(-1) <= 24
    assert near.mean() > 0.65, "the rest are edges"


def test_cityscapes_labels_are_the_published_colours(shared_data):
    palette = recover_palette(halves(shared_data / "cityscapes" / "train", 1, 40)).astype(int)
    assert 15 <= len(palette) <= 30
    for name, colour in {
        "road": (128, 64, 128),
        "building": (70, 70, 70),
        "vegetation": (107, 142, 35),
        "car": (0, 0, 142),
        "sidewalk": (244, 35, 232),
        "sky": (70, 130, 180),
    }.items():
        assert np.abs(palette - colour).max(1).min() <= 2, name


def test_maps_have_a_palette(shared_data):
    palette = recover_palette(halves(shared_data / "maps" / "train", 1, 20)).astype(int)
    assert np.abs(palette - (178, 208, 254)).max(1).min() <= 4, "water"


@pytest.mark.parametrize("dataset", ["facades", "cityscapes", "maps", "edges2shoes"])
def test_photos_have_none(dataset, shared_data):
    with pytest.raises(DiptychError, match="no palette: "):
        recover_palette(halves(shared_data / dataset / "train", 0, 16))


def test_noise_and_one_colour_are_no_labels():
    noise = np.random.default_rng(0).integers(0, 256, (2, 32, 32, 3), np.uint8)
    for pictures in (noise, noise[:0]):
        with pytest.raises(DiptychError, match="hardly any flat area"):
            recover_palette(pictures)
    for size in (1, 32):
        with pytest.raises(DiptychError, match="1 frequent colours"):
            recover_palette(np.full((2, size, size, 3), 200, np.uint8))
