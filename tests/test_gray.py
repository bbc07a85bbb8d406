"""Sides of one channel: one in, one out, and gray results; what began in colours stays so."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import diptych
from diptych.data.domains import find_domains
from diptych.data.pairs import COLOURS
from diptych.model_file import read_header
from diptych.training import plan as planning
from diptych.training.checkpoint import checkpoints

TINY = {
    "data.load_size": 32,
    "data.crop_size": 32,
    "generator.base_channels": 4,
    "discriminator.base_channels": 4,
    "discriminator.receptive_field": 16,
    "train.steps": 1,
    "train.precision": "fp32",
}


@pytest.fixture(scope="module")
def grays(tmp_path_factory) -> Path:
    """Photos of one channel and their negatives."""
    root = tmp_path_factory.mktemp("grays")
    for i in range(5):
        photo = np.random.default_rng(i).integers(0, 256, (4, 4), np.uint8)
        photo = np.asarray(Image.fromarray(photo).resize((32, 32), Image.Resampling.BICUBIC))
        for side, values in (("A", photo), ("B", 255 - photo)):
            (root / side).mkdir(exist_ok=True)
            Image.fromarray(values).save(root / side / f"{i}.png")
    return root


def train(data: Path, out: Path, **options) -> None:
    changes = TINY | options.pop("overrides", {})
    diptych.train("pix2pix", data=data, out=out, overrides=changes, device="cpu", **options)


def kinds_of(run: Path) -> tuple[str, str]:
    header = read_header(run / "latest.safetensors")
    assert header.generator.options["in_channels"] == header.source.channels
    assert header.generator.options["out_channels"] == header.target.channels
    return header.source.kind, header.target.kind


@pytest.fixture(scope="module")
def gray_run(grays, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("gray") / "run"
    train(grays, out)
    return out


@pytest.mark.slow
def test_one_channel_in_and_gray_results(gray_run, grays, tmp_path, run):
    assert kinds_of(gray_run) == ("gray", "gray")
    translator = diptych.load(gray_run)
    with Image.open(grays / "A/0.png") as photo:
        result = translator(photo)
        assert (result.mode, result.size) == ("L", (32, 32))
        assert np.array_equal(result, translator(photo.convert("RGB"))), "gray in colours is gray"
    assert np.array_equal(result, translator(grays / "A/0.png"))
    out = tmp_path / "out"
    options = ("--precision", "fp32")  # as `load` is, on every processor
    assert run("translate", gray_run, grays / "A", "--out", out, *options)[0] == 0
    with Image.open(out / "0.png") as written:
        assert written.mode == "L"
        assert np.array_equal(written, result)
    evaluation = diptych.evaluate(translator, grays)
    assert {"l1", "ssim"} <= evaluation.scores.keys()
    assert set(evaluation.baselines) == {"bare A", "nearest training pair"}
    negative = diptych.evaluate(
        lambda picture: Image.eval(picture, lambda level: 255 - level), grays, size="native"
    )
    assert negative["l1"].mean == 0


@pytest.mark.slow
def test_a_run_that_began_in_colours_goes_on_in_colours(grays, tmp_path, monkeypatch):
    def as_before(pairs, recipe, model=None):
        return find_domains(pairs, recipe, (COLOURS, COLOURS))

    with monkeypatch.context() as before:
        before.setattr(planning, "find_domains", as_before)
        train(grays, tmp_path / "run")
    for path in checkpoints(tmp_path / "run/checkpoints"):
        state = torch.load(path, weights_only=True)
        del state["kinds"]
        torch.save(state, path)
    train(grays, tmp_path / "run", overrides={"train.steps": 2})
    assert kinds_of(tmp_path / "run") == ("rgb", "rgb")
    train(grays, tmp_path / "tuned", init_from=tmp_path / "run")
    assert kinds_of(tmp_path / "tuned") == ("rgb", "rgb")
    train(grays, tmp_path / "said", overrides={"domain.target.kind": "rgb"})
    assert kinds_of(tmp_path / "said") == ("gray", "rgb")
