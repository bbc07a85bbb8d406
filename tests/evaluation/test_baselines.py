from collections.abc import Sequence

import numpy as np
import pytest
import torch
from PIL import Image

from diptych.config import load_recipe
from diptych.data.derive import DERIVATIONS
from diptych.data.fitting import Fit
from diptych.data.layouts import find_pairs
from diptych.data.pairs import Pair, Picture
from diptych.data.prepare import prepared
from diptych.evaluation import baselines as module
from diptych.evaluation.baselines import Baseline, baselines
from diptych.images.domain import plain
from diptych.images.lab import rgb_to_lab
from diptych.schema import Recipe

REAL_NOISE = {"derive.kind": "none"}


@pytest.fixture
def photos(tmp_path) -> list[Pair]:
    """Flat photos of four colours."""
    made = []
    for name, colour in enumerate([(200, 40, 40), (40, 200, 40), (40, 40, 200), (220, 220, 60)]):
        path = tmp_path / f"{name}.png"
        Image.new("RGB", (40, 30), colour).save(path)
        made.append(Pair(str(name), Picture(path), Picture(path)))
    return made


def recipe(name: str, **changes) -> Recipe:
    return load_recipe(name, {"data.crop_size": 32, "data.load_size": 32} | changes)


def of(settings: Recipe, training: Sequence[Pair]) -> dict[str, Baseline]:
    kinds = DERIVATIONS.get(settings.derive.kind)
    source, target = (kinds.source, kinds.target) if kinds else ("rgb", "rgb")
    return baselines(settings, (plain("before", source), plain("after", target)), training)


def only(name: str, training: list[Pair], **changes) -> Baseline:
    (made,) = of(recipe(name, **changes), training).values()
    return made


def noise(height: int, width: int, channels: int = 3, seed: int = 0) -> np.ndarray:
    random = np.random.default_rng(seed)
    return random.integers(0, 256, (height, width, channels), np.uint8)


@pytest.mark.parametrize(
    ("name", "changes", "with_training", "without"),
    [
        ("maps", {}, {"bare before", "nearest training pair"}, {"bare before"}),
        ("sketch", {}, {"bare before", "nearest training pair"}, {"bare before"}),
        ("denoise", REAL_NOISE, {"bare before", "nearest training pair"}, {"bare before"}),
        ("denoise", {}, {"bare before"}, {"bare before"}),
        ("superres", {}, {"bicubic"}, {"bicubic"}),
        ("restore", {}, {"bicubic"}, {"bicubic"}),
        ("colorize", {}, {"mean colour"}, set()),
        ("inpaint", {}, {"mean colour in the hole"}, {"mean colour in the hole"}),
    ],
)
def test_those_that_fit_the_task(name, changes, with_training, without, photos):
    settings = recipe(name, **changes)
    assert of(settings, photos).keys() == with_training
    assert of(settings, ()).keys() == without


def test_bicubic_is_pillows():
    small = noise(9, 14)
    larger = only("superres", [])(small, (36, 56))
    expected = Image.fromarray(small).resize((56, 36), Image.Resampling.BICUBIC)
    assert np.array_equal(larger, np.asarray(expected))


def test_the_bare_source_is_the_source():
    source = noise(9, 14)
    assert np.array_equal(only("denoise", [])(source, (9, 14)), source)


def test_mean_colour_is_that_of_the_training_photos_at_the_sources_lightness(photos):
    gray = np.full((6, 8, 3), 128, np.uint8)
    made = only("colorize", photos[:2])(gray, (6, 8))
    assert made.shape == (6, 8, 3)
    assert (made == made[0, 0]).all()
    lab, *given = (
        rgb_to_lab(torch.tensor(colour, dtype=torch.float32).view(3, 1, 1) / 255).flatten()
        for colour in (made[0, 0].tolist(), (200, 40, 40), (40, 200, 40), (128, 128, 128))
    )
    assert (lab[1:] - (given[0] + given[1])[1:] / 2).abs().max() < 0.6
    assert abs(lab[0] - given[2][0]) < 0.3
    halves = Image.new("RGB", (64, 64), (200, 40, 40))
    halves.paste((40, 200, 40), (0, 0, 32, 64))
    halves.save(photos[0].target.path)
    one_of_both = only("colorize", photos[:1])(gray, (6, 8))
    assert np.abs(one_of_both.astype(int) - made).max() <= 1, "the mean of pixels and of photos"
    one = only("colorize", photos[1:2])(gray, (6, 8))
    assert one[0, 0, 1] > one[0, 0, 0] + 50, "green alone"


@pytest.mark.parametrize("known", ["half", "all", "none"])
def test_a_hole_is_filled_with_the_mean_of_what_is_known(known):
    given = noise(10, 12, 4)
    given[..., 3] = {"half": 0, "all": 255, "none": 0}[known]
    if known == "half":
        given[:, :6, 3] = 255
    filled = only("inpaint", [])(given, (10, 12))
    there = given[..., 3] == 255
    assert filled.dtype == np.uint8
    assert np.array_equal(filled[there], given[..., :3][there])
    if known != "all":
        mean = given[..., :3][there].mean(axis=0) if there.any() else 127.5
        assert np.abs(filled[~there] - mean).max() <= 0.5


def test_the_nearest_pair_is_the_one_whose_source_looks_alike(photos):
    nearest = of(recipe("maps"), photos)["nearest training pair"]
    for colour, expected in [((180, 60, 50), 0), ((20, 230, 60), 1), ((90, 80, 255), 2)]:
        source = np.full((50, 70, 3), colour, np.uint8)
        made = nearest(source, (24, 20))
        assert made.shape == (24, 20, 3)
        assert np.array_equal(made[0, 0], np.asarray(photos[expected].target.read())[0, 0])


def test_a_training_source_finds_its_own_target(tmp_path):
    for number in range(5):
        pixels = np.concatenate([noise(20, 20, seed=number), 255 - noise(20, 20, seed=number)], 1)
        Image.fromarray(pixels).save(tmp_path / f"{number}.png")
    settings = recipe("pix2pix", **{"data.crop_size": 20, "data.load_size": 20})
    training = find_pairs(tmp_path, settings).splits["train"]
    nearest = of(settings, training)["nearest training pair"]
    for pair in training:
        source, target = prepared(pair, (plain("a"), plain("b")), Fit("resize", (20, 20)))
        assert np.array_equal(nearest(source, (20, 20)), target)


def test_of_many_training_pairs_some_are_looked_at_evenly_spread(photos, monkeypatch):
    many = photos * 30
    monkeypatch.setattr(module, "MOST_TRAINING", 5)
    asked = []
    monkeypatch.setattr(
        module,
        "prepared",
        lambda pair, *rest, **more: asked.append(pair) or prepared(pair, *rest, **more),
    )
    of(recipe("sketch"), many)
    assert [id(pair) for pair in asked] == [id(many[i]) for i in (0, 30, 60, 89, 119)]


def test_baselines_leave_read_only_sources_alone(photos):
    for name in ("maps", "colorize", "inpaint", "superres"):
        source = noise(8, 8, 4 if name == "inpaint" else 3)
        before = source.copy()
        source.flags.writeable = False
        for made in of(recipe(name), photos).values():
            assert made(source, (8, 8)).dtype == np.uint8
        assert np.array_equal(source, before)
