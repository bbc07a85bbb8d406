import json
import struct
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from diptych.errors import DiptychError
from diptych.evaluation.labels import segmenter as module
from diptych.evaluation.labels.confusion import segmentation_scores
from diptych.evaluation.labels.palette import recover_palette, to_classes
from diptych.evaluation.labels.segmenter import (
    FORMAT,
    SegmentationNet,
    read_segmenter,
    segment,
    train_segmenter,
    write_segmenter,
)
from diptych.images.files import find_images
from diptych.images.rgb import read_image, resize
from diptych.model_file import read_header
from diptych.tensor_file import KEY

PALETTE = np.array([(0, 0, 0), (255, 0, 0), (0, 0, 255)], np.uint8)
HEADER = {
    "kind": "segmenter",
    "format": FORMAT,
    "version": "0.1.0",
    "classes": 3,
    "width": 4,
    "palette": PALETTE.tolist(),
    "fingerprint": "0123456789abcdef",
}


def scenes(count: int = 8, size: int = 16) -> tuple[np.ndarray, np.ndarray]:
    """Noisy grays whose brightness tells the class."""
    random = np.random.default_rng(0)
    classes = random.integers(0, 3, (count, 4, 4)).repeat(size // 4, 1).repeat(size // 4, 2)
    gray = 40 + 80 * classes[..., None] + random.integers(-20, 21, (*classes.shape, 3))
    return gray.astype(np.uint8), classes.astype(np.uint8)


@pytest.mark.parametrize("size", [(1, 1), (1, 7), (17, 33), (31, 20)])
def test_any_size(size):
    network = SegmentationNet(5, width=4)
    assert network(torch.zeros(2, 3, *size)).shape == (2, 5, *size)
    photos = np.zeros((2, *size, 3), np.uint8)
    assert segment(network, photos).shape == (2, *size)


def test_the_size_of_the_network():
    count = sum(p.numel() for p in SegmentationNet(12).parameters())
    assert 300_000 < count < 1_000_000


def test_training_learns_the_task():
    photos, classes = scenes()
    reports = []
    state = torch.get_rng_state()
    network = train_segmenter(
        photos, classes, 3, steps=30, on_progress=lambda *report: reports.append(report)
    )
    assert torch.equal(torch.get_rng_state(), state), "the caller's random numbers stay"
    assert reports == [(step, 30) for step in range(1, 31)]
    assert not network.training
    assert not any(p.requires_grad for p in network.parameters())
    predicted = segment(network, photos)
    assert predicted.dtype == np.uint8
    assert segmentation_scores(predicted, classes, 3).pixel_accuracy > 0.8


def test_the_seed_says_all():
    photos, classes = scenes()
    first, again, other = (
        train_segmenter(photos, classes, 3, steps=2, seed=seed).state_dict() for seed in (0, 0, 1)
    )
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not all(torch.equal(first[name], other[name]) for name in first)


def test_a_class_never_shown_does_no_harm():
    photos, classes = scenes()
    network = train_segmenter(photos, classes, 200, steps=1)
    assert all(p.isfinite().all() for p in network.parameters())


@pytest.mark.parametrize(
    ("photos", "classes", "count", "says"),
    [
        (np.zeros((2, 8, 8, 3)), np.zeros((2, 8, 8), int), 2, "8-bit photos"),
        (np.zeros((2, 8, 8, 1), np.uint8), np.zeros((2, 8, 8), int), 2, "8-bit photos"),
        (np.zeros((2, 8, 8, 3), np.uint8), np.zeros((1, 8, 8), int), 2, "differ in number"),
        (np.zeros((0, 8, 8, 3), np.uint8), np.zeros((0, 8, 8), int), 2, "or are none"),
        (np.zeros((2, 8, 8, 3), np.uint8), np.full((2, 8, 8), 2), 2, "they go from 0 to 1"),
        (np.zeros((2, 8, 8, 3), np.uint8), np.full((2, 8, 8), -1), 2, "they go from 0 to 1"),
    ],
)
def test_photos_and_classes_that_do_not_fit(photos, classes, count, says):
    with pytest.raises(DiptychError, match=says):
        train_segmenter(photos, classes, count)


def test_pieces_make_no_difference(monkeypatch):
    network = SegmentationNet(3, width=4)
    photos, _ = scenes()
    whole = segment(network, photos)
    monkeypatch.setattr(module, "_PIXELS", 1)
    assert (segment(network, photos) == whole).mean() > 0.999


@pytest.fixture
def file(tmp_path) -> Path:
    torch.manual_seed(0)
    path = tmp_path / "segmenter.safetensors"
    write_segmenter(path, SegmentationNet(3, width=4), PALETTE, HEADER["fingerprint"])
    return path


def with_header(path: Path, text: str) -> Path:
    """The file with another header before the same weights."""
    content = path.read_bytes()
    length = struct.unpack("<Q", content[:8])[0]
    head = json.loads(content[8 : 8 + length])
    head["__metadata__"] = {KEY: text}
    changed = json.dumps(head).encode()
    path.write_bytes(struct.pack("<Q", len(changed)) + changed + content[8 + length :])
    return path


def one_line(path: Path) -> str:
    with pytest.raises(DiptychError) as caught:
        read_segmenter(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    assert "\n" not in message
    return message


def test_what_is_read_is_what_was_written(file):
    torch.manual_seed(0)
    written = SegmentationNet(3, width=4)
    read, header = read_segmenter(file)
    assert header.model_dump() | {"version": "0.1.0"} == HEADER | {
        "palette": [tuple(colour) for colour in PALETTE.tolist()]
    }
    assert not read.training
    assert not any(p.requires_grad for p in read.parameters())
    photos, _ = scenes()
    assert np.array_equal(segment(read, photos), segment(written, photos))
    assert [path.name for path in file.parent.iterdir()] == [file.name]


@pytest.mark.parametrize("kept", [0, 8, 100, -1])
def test_a_truncated_file(kept, file):
    file.write_bytes(file.read_bytes()[:kept])
    assert "not a whole safetensors file" in one_line(file)


def test_other_files(file, tmp_path):
    assert "not a whole safetensors file" in one_line(tmp_path / "missing")
    other = tmp_path / "other.safetensors"
    save_file({"w": torch.zeros(2)}, other)
    assert "no diptych header" in one_line(other)
    with_header(other, json.dumps({"format": 1, "generator": {}}))
    assert "a diptych model, not a segmenter" in one_line(other)
    with pytest.raises(DiptychError, match="a diptych segmenter, not a model"):
        read_header(file)


def test_a_newer_format_says_so(file):
    changed = with_header(file, json.dumps(HEADER | {"format": FORMAT + 1, "new": []}))
    assert f"segmenter format {FORMAT + 1}, newer than this diptych" in one_line(changed)


@pytest.mark.parametrize(
    ("changes", "place"),
    [
        ({"classes": 1}, "classes"),
        ({"classes": 4}, "3 colours of palette for 4 classes"),
        ({"width": 10**9}, "width"),
        ({"palette": [[0, 0, 256]] * 3}, "palette.0.2"),
        ({"unheard_of": 1}, "unheard_of"),
        ({"format": "1"}, "format"),
    ],
)
def test_a_damaged_header_names_the_place(changes, place, file):
    message = one_line(with_header(file, json.dumps(HEADER | changes)))
    assert place in message.partition("damaged header: ")[2]


@pytest.mark.parametrize("text", ["", "[]", "3", "null", "{}", "[" * 100_000])
def test_a_header_that_is_no_table(text, file):
    assert "damaged header: " in one_line(with_header(file, text))


def test_weights_that_do_not_fit_the_header(file):
    changed = with_header(file, json.dumps(HEADER | {"width": 8}))
    assert "does not fit its own header" in one_line(changed)


@pytest.mark.slow
def test_real_facades(shared_data):
    photos, labels = [], []
    for path in find_images(shared_data / "facades" / "train")[:12]:
        pair = read_image(path)
        for panel, pictures in enumerate((photos, labels)):
            half = pair.crop((256 * panel, 0, 256 * panel + 256, 256))
            pictures.append(np.asarray(resize(half, (64, 64)) if panel == 0 else half))
    palette = recover_palette(np.stack(labels))
    classes = to_classes(np.stack(labels), palette)[:, 2::4, 2::4]
    network = train_segmenter(np.stack(photos), classes, len(palette), steps=60)
    scores = segmentation_scores(segment(network, np.stack(photos)), classes, len(palette))
    commonest = np.bincount(classes.ravel()).max() / classes.size
    assert scores.pixel_accuracy > commonest, "more than the commonest class everywhere"
