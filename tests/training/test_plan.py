"""What a plan says of how it learns, before anything is written."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from diptych.config import load_recipe
from diptych.model_file import read_header
from diptych.training.plan import make_plan
from diptych.training.train import train

TINY = {
    "data.load_size": 36,
    "data.crop_size": 32,
    "generator.base_channels": 4,
    "discriminator.base_channels": 4,
    "train.steps": 1,
}
MIRRORED = "half of the pairs are mirrored"


@pytest.fixture
def wide(tmp_path) -> Path:
    """Pairs of 144x108."""
    for number in range(6):
        noise = np.random.default_rng(number).integers(0, 256, (108, 144, 3), np.uint8)
        for side in "AB":
            (tmp_path / "wide" / side).mkdir(parents=True, exist_ok=True)
            Image.fromarray(noise).save(tmp_path / "wide" / side / f"{number}.png")
    return tmp_path / "wide"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, "pictures of 144x108 (median) are reduced 3.0 times in size: the model learns at"),
        ({"data.fit": "resize"}, "pictures of 144x108 (median) are squeezed to 36x36, reduced 4.0"),
        ({"data.fit": "patches"}, ""),
    ],
)
def test_at_which_scale_it_learns(changes, words, wide):
    plan = make_plan(load_recipe("pix2pix", TINY | changes), wide)
    assert plan.picture_size == (108, 144)
    scale = [note for note in plan.notes if MIRRORED not in note]
    assert len(scale) == bool(words)
    assert all(words in note and "--at-trained-scale" in note for note in scale)


def test_mirroring_is_said_and_how_to_leave_it_out(wide):
    mirrored = make_plan(load_recipe("pix2pix", TINY), wide)
    assert MIRRORED in mirrored.notes[-1]
    assert "--set augment.mirror=false" in mirrored.notes[-1]
    plain = make_plan(load_recipe("pix2pix", TINY | {"augment.mirror": False}), wide)
    assert not any(MIRRORED in note for note in plain.notes)


def test_files_that_are_bad_hide_no_plan(tmp_path, run):
    """What is to be decided by looking at pairs is decided by those that can be read."""
    for number in range(24):
        noise = np.random.default_rng(number).integers(0, 256, (64, 64, 3), np.uint8)
        for side in "AB":
            (tmp_path / "pairs" / side).mkdir(parents=True, exist_ok=True)
            Image.fromarray(noise).save(tmp_path / "pairs" / side / f"{number:02}.png")
    (tmp_path / "pairs/B/03.png").write_text("<html>")
    cut = tmp_path / "pairs/A/09.png"
    cut.write_bytes(cut.read_bytes()[:3000])
    sizes = ["--set", "data.load_size=72", "--set", "data.crop_size=64"]
    status, said, _ = run("train", "--data", tmp_path / "pairs", "--dry-run", *sizes)
    assert status == 0
    words = " ".join(said.split())
    assert "sources foretell" in words
    assert "B/03.png: not a picture" in words
    assert "--fix FOLDER` looks further" in words
    status, _, error = run("train", "--data", tmp_path / "pairs", "--out", tmp_path / "run", *sizes)
    assert status == 2
    assert "data check PAIRS --fix FOLDER" in error


def test_the_dry_run_the_check_and_the_model_say_it(wide, run, tmp_path):
    sets = [word for key, value in TINY.items() for word in ("--set", f"{key}={value}")]
    _, said, _ = run("train", "--data", wide, "--dry-run", *sets)
    words = " ".join(said.split())
    assert "pictures of 144x108 (median) are reduced 3.0 times" in words
    assert MIRRORED in words
    _, said, _ = run("data", "check", wide, "--no-cost", *sets)
    assert "pictures of 144x108 (median) are reduced 3.0 times" in " ".join(said.split())
    made = train("pix2pix", data=wide, out=tmp_path / "run", overrides=TINY, device="cpu")
    assert read_header(made.model).picture_size == (108, 144)
    _, said, _ = run("train", "--data", wide, "--out", tmp_path / "run", "--dry-run", *sets)
    assert "run holds a run: without --dry-run" in " ".join(said.split())
