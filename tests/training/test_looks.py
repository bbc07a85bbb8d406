"""Whether, and how, a generator is told its targets' overall colours."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file
from tests.training.small import write_pair

import diptych
from diptych.config import load_recipe
from diptych.errors import DiptychError
from diptych.model_file import read_header
from diptych.training.plan import make_plan

TINY = {
    "data.load_size": 36,
    "data.crop_size": 32,
    "generator.base_channels": 4,
    "generator.blocks": 1,
    "generator.frozen_maps": 1,
    "discriminator.base_channels": 4,
    "train.batch_size": 4,
    "train.steps": 6,
    "train.precision": "fp32",
}


def pairs(folder: Path, told_by_source: bool, count: int = 40) -> Path:
    """Squares on white; those of targets are the negatives, or of any colour."""
    random = np.random.default_rng(0)
    for i in range(count):
        colours = random.integers(0, 256, (2, 3), np.uint8)
        target = 255 - colours[0] if told_by_source else colours[1]
        pair = np.full((2, 40, 40, 3), 255, np.uint8)
        pair[0, 6:34, 6:34], pair[1, 6:34, 6:34] = colours[0], target
        write_pair(folder, f"{i:02}", *pair)
    return folder


@pytest.mark.parametrize("told_by_source", [True, False])
def test_where_sources_foretell_colours_they_are_not_told(told_by_source, tmp_path):
    plan = make_plan(load_recipe("diptych", TINY), pairs(tmp_path, told_by_source))
    assert plan.recipe.generator.look == ("none" if told_by_source else "told")
    assert plan.generator_options.get("look_numbers", 0) == (0 if told_by_source else 6)
    (words,) = (note for note in plan.notes if "foretell" in note)
    share = int(words.split("%")[0].split()[-1])
    assert share > 60 if told_by_source else share < 20


def test_another_generator_takes_none(tmp_path):
    changes = TINY | {"generator.look": "told"}
    del changes["generator.frozen_maps"], changes["generator.blocks"]
    with pytest.raises(DiptychError, match=r"generator.look = 'told' does not go with"):
        make_plan(load_recipe("pix2pix", changes), pairs(tmp_path, told_by_source=False))


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("looks")
    data = pairs(folder / "pairs", told_by_source=False)
    return diptych.train(
        "diptych", data=data, out=folder / "run", overrides=TINY, device="cpu"
    ).path


def test_a_model_file_knows_the_looks_of_its_training(trained):
    known = read_header(trained / "model.safetensors").look
    assert known is not None
    assert len(known.examples) == len(known.left) == len(known.colours) == 34, "of training"
    assert all(len(row) == 6 for row in known.examples)
    assert max(known.foretold) < 0.2, "random colours"
    plain = [np.array(Image.new("RGB", (1, 1), row[0]))[0, 0] for row in known.colours]
    means = (np.array(known.examples)[:, :3] + 1) * 127.5
    assert np.corrcoef(np.array(plain).ravel(), means.ravel())[0, 1] > 0.8


def test_it_knows_them_in_other_colours_too(trained):
    known = read_header(trained / "model.safetensors").look
    assert len(known.changed) == len(known.changed_colours) == len(known.examples)
    own, other = np.array([known.examples, known.changed])[..., :3]
    assert np.corrcoef(own.mean(1), other.mean(1))[0, 1] > 0.8, "as light"
    assert np.abs(own - other).mean() > 0.1
    assert known.colours != known.changed_colours


def test_what_is_told_is_scaled_by_the_training_pairs(trained):
    weights = load_file(trained / "model.safetensors")
    examples = np.array(read_header(trained / "model.safetensors").look.examples)
    np.testing.assert_allclose(weights["look.mean"], examples.mean(0), atol=0.02)
    np.testing.assert_allclose(weights["look.least"], examples.min(0), atol=1e-3)
    np.testing.assert_allclose(weights["look.most"], examples.max(0), atol=1e-3)


def test_a_run_begun_with_a_model_keeps_its_scale_and_finds_its_own_bounds(trained, tmp_path):
    other = pairs(tmp_path / "pairs", told_by_source=True)
    run = diptych.train(
        data=other, out=tmp_path / "run", init_from=trained, overrides={"train.steps": 1},
        device="cpu",
    )  # fmt: skip
    before, after = load_file(trained / "model.safetensors"), load_file(run.model)
    assert torch.equal(before["look.mean"], after["look.mean"])
    assert torch.equal(before["look.deviation"], after["look.deviation"])
    assert not torch.equal(before["look.least"], after["look.least"])


def test_a_run_that_goes_on_stays_told(trained, tmp_path):
    """Whatever would be decided today: that is not asked again."""
    data = trained.parent / "pairs"
    out = tmp_path / "run"
    half = TINY | {"train.steps": 3}
    diptych.train("diptych", data=data, out=out, overrides=half, device="cpu")
    run = diptych.train("diptych", data=data, out=out, overrides=TINY, device="cpu")
    assert run.step == 6
    assert read_header(run.model).look is not None


def test_a_student_is_told_a_look_where_its_teacher_is(trained, tmp_path):
    """And follows it: squares of random colours are told apart by their look alone."""
    changes = {
        "generator.base_channels": 32,
        "loss.adversarial": "none",
        "loss.features": 0,
        "distill.features": 0,
        "distill.output": 0,  # the teacher of a few steps knows nothing
        "train.steps": 60,
        "train.learning_rate": 0.005,
    }
    student = diptych.train(
        data=trained.parent / "pairs", out=tmp_path / "student", teacher=trained,
        overrides=changes, device="cpu",
    )  # fmt: skip
    translator = diptych.load(student.path)
    assert translator.header.generator.name == "compact"
    assert translator.header.look is not None
    source = np.full((32, 32, 3), 255, np.uint8)
    source[6:26, 6:26] = 90
    red, blue = (translator.told(colors=[name]).apply(source) for name in ("red", "blue"))
    middle = np.stack([red, blue])[:, 10:22, 10:22].mean((1, 2))
    assert middle[0, 0] > middle[1, 0] + 20, middle
    assert middle[1, 2] > middle[0, 2] + 20, middle


def test_a_student_that_is_told_needs_a_teacher_that_is(tmp_path):
    data = pairs(tmp_path / "pairs", told_by_source=False)
    changes = TINY | {"train.steps": 1, "generator.look": "none"}
    changes |= {"loss.adversarial": "none", "loss.features": 0}
    untold = diptych.train("diptych", data=data, out=tmp_path / "run", overrides=changes)
    with pytest.raises(DiptychError, match=r"takes no look.*--set generator.look=none"):
        diptych.train(
            data=data, out=tmp_path / "student", teacher=untold.path,
            overrides={"generator.look": "told"},
        )  # fmt: skip
