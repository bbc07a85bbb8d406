"""What a recipe leaves open, settled by device and targets."""

import pytest

from diptych.config import load_recipe
from diptych.images.domain import Domain
from diptych.training.settled import settled_for, suited


def sizes(recipe) -> tuple:
    return recipe.data.load_size, recipe.data.crop_size


@pytest.mark.parametrize(
    ("device", "stated", "found"),
    [
        ("cpu", {}, (143, 128)),
        ("cuda", {}, (286, 256)),
        ("cuda", {"data.crop_size": 128}, (143, 128)),
        ("cpu", {"data.crop_size": [96, 192]}, ((107, 214), (96, 192))),
        ("cpu", {"data.load_size": 300}, (300, 256)),
        ("cpu", {"data.load_size": 64, "data.crop_size": 64}, (64, 64)),
        ("cpu", {"data.sizes": "stated"}, (286, 256)),
    ],
)
def test_sizes_follow_from_the_device_and_from_each_other(device, stated, found):
    settled = settled_for(load_recipe("diptych", stated), device)
    assert sizes(settled) == found
    assert settled.data.sizes == "stated"
    assert settled_for(settled, "cuda") == settled


def test_the_papers_sizes_are_stated():
    assert settled_for(load_recipe("pix2pix"), "cpu") == load_recipe("pix2pix")
    assert sizes(settled_for(load_recipe("pix2pix/facades"), "cpu")) == (286, 256)


def test_a_run_that_goes_on_elsewhere_keeps_its_sizes():
    recipe = load_recipe("facades")
    begun = settled_for(recipe, "cuda")
    assert settled_for(recipe, "cpu", begun) == begun
    assert sizes(settled_for(load_recipe("facades", {"data.crop_size": 64}), "cpu", begun)) == (
        72,
        64,
    )


PICTURE = Domain(name="photo")
DEPTH = Domain(name="depth", kind="values", channels=1, dtype="uint16", range=((0, 9),))
CHROMA = Domain(name="colour", kind="chroma", channels=2)


def test_pictures_are_learned_by_all_parts():
    recipe = load_recipe("diptych")
    for target in (PICTURE, Domain(name="scan", kind="gray", channels=1)):
        assert suited(recipe, target) == (recipe, None)


def test_values_are_learned_by_their_distance_alone_and_that_is_said():
    settled, said = suited(load_recipe("diptych"), DEPTH)
    assert (settled.loss.features, settled.loss.adversarial) == (0, "none")
    assert said is not None
    assert "targets are values" in said
    assert suited(settled, DEPTH) == (settled, None)


def test_colour_beside_a_given_lightness_is_judged_as_it_is():
    settled, said = suited(load_recipe("colorize"), CHROMA)
    assert (settled.loss.features, settled.discriminator.name) == (0, "patchgan")
    assert settled.loss.adversarial == "cgan"
    assert said is not None
    assert "PatchGAN" in said


def test_what_a_person_chose_otherwise_stays():
    paper = load_recipe("pix2pix")
    assert suited(paper, DEPTH) == (paper, None)
    chosen = load_recipe("diptych", {"discriminator.name": "patchgan", "loss.features": 0})
    assert suited(chosen, DEPTH) == (chosen, None)
