"""Targets in other colours, for generators that are told looks."""

import pytest
import torch

from diptych.config import load_recipe
from diptych.images.domain import Domain, plain
from diptych.training.other_colours import in_other_colours
from diptych.training.settled import suited


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


@pytest.mark.parametrize(
    "target",
    [
        plain("gray", "gray"),
        plain("photo", "chroma"),
        Domain(name="bands", kind="values", channels=3, dtype="float32", range=[[0.0, 1.0]] * 3),
    ],
)
def test_none_but_pictures_in_colours_have_others(target):
    recipe = load_recipe("diptych")
    assert recipe.augment.target_colours > 0
    assert suited(recipe, target)[0].augment.target_colours == 0
    assert suited(recipe, plain("photo"))[0] == recipe
