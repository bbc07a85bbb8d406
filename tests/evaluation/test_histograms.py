from pathlib import Path

import numpy as np
import pytest

from diptych.evaluation.histograms import (
    BINS,
    CHANNELS,
    LOWEST,
    histogram_intersections,
    lab_histograms,
)
from diptych.images.files import find_images
from diptych.images.rgb import read_image


def flat(*colour: int, count: int = 1) -> np.ndarray:
    return np.broadcast_to(np.array(colour, np.uint8), (count, 4, 6, 3))


def values(pictures: np.ndarray) -> dict[str, dict[int, float]]:
    """The occupied bins, by the values they stand for."""
    histograms = lab_histograms(pictures)
    assert {name: len(h) for name, h in histograms.items()} == dict(
        zip(CHANNELS, BINS, strict=True)
    )
    return {
        name: {int(i) + lowest: float(h[i]) for i in h.nonzero()[0]}
        for (name, h), lowest in zip(histograms.items(), LOWEST, strict=True)
    }


def test_known_colours():
    black, white, blue = flat(0, 0, 0), flat(255, 255, 255, count=2), flat(0, 0, 255)
    assert values(black) == {"L": {0: 1}, "a": {0: 1}, "b": {0: 1}}
    assert values(blue) == {"L": {32: 1}, "a": {79: 1}, "b": {-108: 1}}
    both = values(np.concatenate([black, white, blue]))
    assert both["L"] == {0: 0.25, 100: 0.5, 32: 0.25}
    assert both["a"] == {0: 0.75, 79: 0.25}


def test_grays_fall_into_one_bin_of_colour():
    ramp = np.arange(256, dtype=np.uint8).reshape(1, 16, 16, 1).repeat(3, 3)
    assert values(ramp)["a"] == values(ramp)["b"] == {0: 1}


def test_every_8_bit_corner_has_a_bin():
    corners = np.array(np.meshgrid(*[(0, 255)] * 3), np.uint8).reshape(1, 3, 8, 1).swapaxes(1, 3)
    for h in lab_histograms(corners).values():
        assert h.sum() == pytest.approx(1)


def test_intersection_by_hand():
    black, white, blue = flat(0, 0, 0), flat(255, 255, 255), flat(0, 0, 255)
    assert histogram_intersections(black, black) == {"L": 1, "a": 1, "b": 1}
    assert histogram_intersections(black, white) == {"L": 0, "a": 1, "b": 1}
    assert histogram_intersections(black, blue) == {"L": 0, "a": 0, "b": 0}
    half = np.concatenate([black, blue])
    assert histogram_intersections(half, black) == {"L": 0.5, "a": 0.5, "b": 0.5}


def test_pieces_make_no_difference(monkeypatch):
    pictures = np.random.default_rng(0).integers(0, 256, (3, 9, 7, 3), np.uint8)
    whole = lab_histograms(pictures)
    monkeypatch.setattr("diptych.evaluation.histograms._PIXELS", 50)
    for name, h in lab_histograms(pictures).items():
        assert np.array_equal(h, whole[name])


def test_real_pairs(shared_data: Path):
    photos, labels = [], []
    for path in find_images(shared_data / "facades" / "test")[:20]:
        pair = np.asarray(read_image(path))
        photos.append(pair[:, :256])
        labels.append(pair[:, 256:])
    some, others = np.stack(photos[:10]), np.stack(photos[10:])
    near = histogram_intersections(some, others)
    far = histogram_intersections(np.stack(labels[:10]), others)
    for name in CHANNELS:
        assert 0 < far[name] < near[name] < 1
