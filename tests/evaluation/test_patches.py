"""What a discriminator decides, patch by patch: where each patch lies, and what is kept of it."""

import json

import numpy as np
import pytest
import torch

from diptych.evaluation.evaluate import Row
from diptych.evaluation.patch_pictures import (
    NEITHER,
    REAL,
    TRANSLATED,
    heat,
    judged_sheet,
    patch_files,
)
from diptych.evaluation.patches import (
    MOST_PIXELS,
    Decisions,
    JudgedPair,
    PatchJudge,
    mean_decisions,
)
from diptych.evaluation.results import Result
from diptych.images.domain import Domain
from diptych.images.encoding import encode
from diptych.images.rgb import read_image
from diptych.networks import build_discriminator
from diptych.networks.frozen_view import frozen_views
from diptych.networks.projected import ProjectedDiscriminator
from diptych.pix2pix import STRIDED_LAYERS, judged
from diptych.weights import find_features

RGB = Domain(name="photo", kind="rgb", channels=3)
DOMAINS = RGB, RGB


def pictures(count: int = 2, side: int = 64, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (count, side, side, 3), np.uint8)


def patchgan(field: int) -> PatchJudge:
    torch.manual_seed(0)
    network = build_discriminator("patchgan", receptive_field=field, base_channels=4)
    return PatchJudge(network, [], "cgan", DOMAINS)


def projected(adversarial: str = "cgan") -> PatchJudge:
    torch.manual_seed(0)
    network = ProjectedDiscriminator(8, adversarial == "cgan")
    views = frozen_views(find_features(), 3, 3)
    return PatchJudge(network, views, adversarial, DOMAINS)


@pytest.mark.parametrize(
    ("field", "grid"), [(1, 256), (16, 126), (34, 62), (70, 30), (142, 14), (286, 6)]
)
def test_the_grids_of_the_paper_at_256_pixels(field, grid):
    (pair,) = patchgan(field)(*(pictures(1, 256, seed) for seed in range(3)))
    for side in (pair.target, pair.translated):
        assert [each.shape for each in side.grids] == [(grid, grid)]
        assert side.places().shape == (256, 256)
        assert 0 < side.places().min() <= side.mean <= side.places().max() < 1


def test_decisions_are_the_probabilities_of_the_logits():
    judge, (source, ours, theirs) = patchgan(16), (pictures(1, seed=seed) for seed in range(3))
    (pair,) = judge(source, ours, theirs)
    network = judge._discriminator.eval()
    for side, picture in ((pair.target, theirs), (pair.translated, ours)):
        both = (encode(torch.from_numpy(each), RGB) for each in (source, picture))
        logits = network(judged(*both, "cgan")).detach()
        np.testing.assert_allclose(side.grids[0], logits[0, 0].sigmoid().numpy(), rtol=1e-5)


@pytest.mark.parametrize("field", [field for field in STRIDED_LAYERS if field <= 70])
def test_a_patch_is_shown_where_it_looks(field):
    """The middle of what a logit depends on, by its gradient, is shown as its decision."""
    judge, side = patchgan(field), 128
    network = judge._discriminator
    for layer in network.modules():
        if isinstance(layer, torch.nn.Conv2d):
            torch.nn.init.ones_(layer.weight)
    pair = torch.zeros(1, 6, side, side, requires_grad=True)
    logits = torch.nn.Sequential(
        *[layer for layer in network.layers if isinstance(layer, torch.nn.Conv2d)]
    )(pair)
    count = logits.shape[-1]
    row, column = count // 2, count // 3
    (gradient,) = torch.autograd.grad(logits[0, 0, row, column], pair)
    weight = gradient[0, 0]
    places = torch.arange(side) + 0.5
    middle = [float((weight.sum(1 - axis) * places).sum() / weight.sum()) for axis in (0, 1)]
    grid = np.zeros((count, count), np.float32)
    grid[row, column] = 1
    shown = Decisions([grid], (side, side), judge._stride).places()
    for axis, at in enumerate(middle):
        lit = np.flatnonzero(shown.any(axis=1 - axis))
        assert lit[0] <= at <= lit[-1] + 1
        assert abs((lit[0] + lit[-1] + 1) / 2 - at) <= 1
        assert len(lit) == judge._stride


@pytest.mark.parametrize("adversarial", ["cgan", "gan"])
def test_of_several_sizes_each_counts_alike(adversarial):
    judge = projected(adversarial)
    (pair,) = judge(*(pictures(1, seed=seed) for seed in range(3)))
    assert [grid.shape for grid in pair.target.grids] == [(4, 4), (4, 4), (2, 2), (2, 2)]
    means = [grid.mean() for grid in pair.target.grids]
    assert pair.target.mean == pytest.approx(np.mean(means), rel=1e-5)
    assert pair.target.places().mean() == pytest.approx(pair.target.mean, rel=1e-5)
    assert pair.target.places()[0, 0] == pytest.approx(
        np.mean([grid[0, 0] for grid in pair.target.grids]), rel=1e-5
    )


@pytest.mark.parametrize("make", [lambda: patchgan(16), projected])
def test_it_leaves_the_discriminator_as_it_was(make):
    judge = make()
    network = judge._discriminator.train()
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    state = torch.get_rng_state()
    judge(*(pictures(seed=seed) for seed in range(3)))
    assert network.training
    assert all(torch.equal(tensor, before[name]) for name, tensor in network.state_dict().items())
    assert torch.equal(torch.get_rng_state(), state)


def test_depth_in_16_bits_is_judged_as_in_floats():
    depth = Domain(
        name="depth", kind="values", channels=1, dtype="uint16", range=((0.0, 9000.0),), nodata=0
    )
    torch.manual_seed(0)
    network = build_discriminator("patchgan", in_channels=4, receptive_field=16, base_channels=4)
    random = np.random.default_rng(0)
    sides = [random.integers(0, 9000, (1, 64, 64, 1)).astype(np.uint16) for _ in range(2)]
    judge = PatchJudge(network, [], "cgan", (RGB, depth))
    ours, floats = (
        judge(pictures(1), *(side.astype(dtype) for side in sides))[0]
        for dtype in (np.uint16, np.float32)
    )
    assert ours.target.mean == floats.target.mean
    assert ours.translated.mean == floats.translated.mean


def test_where_a_target_has_no_data_both_sides_are_the_same():
    values = Domain(
        name="depth", kind="values", channels=1, dtype="float32", range=((0.0, 1.0),), nodata=-1.0
    )
    torch.manual_seed(0)
    network = build_discriminator("patchgan", in_channels=4, receptive_field=16, base_channels=4)
    judge = PatchJudge(network, [], "cgan", (RGB, values))
    random = np.random.default_rng(0)
    target = random.random((1, 64, 64, 1), np.float32)
    target[:, :32] = -1
    (pair,) = judge(pictures(1), random.random((1, 64, 64, 1), np.float32), target)
    first, second = (side.places() for side in (pair.target, pair.translated))
    np.testing.assert_allclose(first[:4], second[:4], atol=0.05)
    assert np.abs(first - second)[40:].max() > np.abs(first - second)[:4].max()


def test_sizes_that_it_does_not_take_have_no_decisions():
    judge = patchgan(70)
    small = Result("a", *(pictures(1, 16)[0] for _ in range(3)))
    assert judge.of(small) is None
    assert judge.of(Result("a", *(pictures(1, 24)[0] for _ in range(3)))) is not None
    assert not judge.takes((MOST_PIXELS, 24))
    assert patchgan(1).takes((1, 1))
    assert not projected().takes((31, 40))


def pair_of(target: float, translated: float) -> JudgedPair:
    grids = (np.full((2, 3), each, np.float32) for each in (target, translated))
    return JudgedPair(*(Decisions([grid], (16, 24), 8) for grid in grids))


def test_colours_go_from_translated_to_real():
    shown = heat(np.array([[0.0, 0.5, 1.0]], np.float32))
    assert [tuple(colour) for colour in shown[0].tolist()] == [TRANSLATED, NEITHER, REAL]
    assert mean_decisions([pair_of(0.8, 0.1), pair_of(0.6, 0.3)]) == {
        "target": 0.7,
        "translated": 0.2,
    }


def test_a_sheet_is_as_large_before_anything_is_decided():
    columns = [(name, pictures(2, 24)) for name in ("drawing", "at step 0", "photo")]
    judge = patchgan(16)
    decided = judged_sheet(columns, judge(*(side for _, side in columns)))
    before = judged_sheet(columns, [])
    assert decided.size == before.size
    assert decided.width == 5 * (6 * 24 + 6) + 6, "wide enough for the words"


def test_files_hold_a_picture_and_the_numbers_of_each_pair(tmp_path):
    judge = PatchJudge(build_discriminator(base_channels=4), [], "cgan", DOMAINS, "that of a test")
    side = np.full((16, 24, 3), 90, np.uint8)
    names = ["../one/a b.png", "../one/a_b.png", "none"]
    with patch_files(tmp_path / "patches", judge) as files:
        for name, judged_pair in zip(
            names, (pair_of(0.9, 0.2), pair_of(0.7, 0.4), None), strict=True
        ):
            files.add(Row(name, side, side, side, {}, lambda pair=judged_pair: pair))
    assert files.in_words() == (
        "80% of the targets, 30% of the translated pictures, of 2 pairs; 1 of other sizes left out"
    )
    written = (tmp_path / "patches" / "patches.jsonl").read_text("utf-8")
    lines = [json.loads(line) for line in written.splitlines()]
    assert [line["name"] for line in lines] == names[:2]
    assert lines[0]["target"] == {"mean": 0.9, "grids": [[[0.9] * 3] * 2]}
    written = sorted(path.name for path in (tmp_path / "patches").iterdir())
    assert written == sorted([*(line["file"] for line in lines), "patches.jsonl"])
    for line in lines:
        assert read_image(tmp_path / "patches" / line["file"]).width > 5 * 16
    with patch_files(None, judge) as nothing:
        assert nothing is None
