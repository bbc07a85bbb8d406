"""Targets in other colours, for generators that are told looks."""

from pathlib import Path

import numpy as np
import pytest
import torch
from tests.training.small import write_pair

from diptych.config import load_recipe
from diptych.training.other_colours import in_other_colours
from diptych.training.plan import make_plan
from diptych.training.settled import settled_for


def test_hues_are_turned_and_grays_stay():
    torch.manual_seed(0)
    gray = torch.linspace(-1, 1, 16).view(1, 1, 4, 4).expand(32, 3, 4, 4)
    torch.testing.assert_close(in_other_colours(gray, 1.0), gray)
    faint = 0.2 * torch.rand(32, 3, 4, 4)
    turned = in_other_colours(faint, 1.0)
    torch.testing.assert_close(turned.mean(1), faint.mean(1))
    strengths = (turned - turned.mean(1, keepdim=True)).norm(dim=1)
    strengths /= (faint - faint.mean(1, keepdim=True)).norm(dim=1)
    torch.testing.assert_close(strengths.amin((1, 2)), strengths.amax((1, 2)))
    assert 0.5 <= strengths.min() < 0.8
    assert 1.7 < strengths.max() <= 2
    red = torch.tensor([0.2, -0.1, -0.1]).view(1, 3, 1, 1).expand(64, 3, 1, 1)
    strongest = in_other_colours(red, 1.0).argmax(1)
    assert set(strongest.unique().tolist()) == {0, 1, 2}


def test_so_many_of_them():
    torch.manual_seed(0)
    bright = 2 * torch.rand(400, 3, 2, 2) - 1
    changed = (in_other_colours(bright, 0.25) != bright).flatten(1).any(1)
    assert 0.18 < changed.float().mean() < 0.32
    torch.testing.assert_close(in_other_colours(bright, 0.0), bright)
    assert in_other_colours(bright, 1.0).abs().max() <= 1


def pairs(folder: Path, plain: bool) -> Path:
    """Grays, and squares in any colour before a plain ground or before noise."""
    random = np.random.default_rng(0)
    for i in range(24):
        source, target = random.integers(0, 256, (2, 40, 40, 3), np.uint8)
        if plain:
            target[:] = 255
        target[12:28, 12:28] = random.integers(0, 256, 3)
        write_pair(folder, f"{i:02}", source, target)
    return folder


@pytest.mark.parametrize("plain", [True, False])
def test_what_stands_on_a_plain_ground_is_shown_in_others(plain, tmp_path):
    changes = {"data.load_size": 36, "data.crop_size": 32, "generator.look": "told"}
    recipe = load_recipe("diptych", changes)
    assert recipe.augment.target_colours == "auto"
    plan = make_plan(recipe, pairs(tmp_path, plain))
    assert plan.recipe.augment.target_colours == (0.5 if plain else 0)
    assert any("stand on a plain ground" in note for note in plan.notes) == plain
    gone_on = settled_for(recipe, "cpu", plan.recipe)
    assert gone_on.augment == plan.recipe.augment
    untold = load_recipe("diptych", changes | {"generator.look": "none"})
    assert make_plan(untold, tmp_path).recipe.augment.target_colours == 0
