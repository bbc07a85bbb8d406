from pathlib import Path

import pytest
from PIL import Image

import diptych
from diptych.config import load_recipe
from diptych.data.domains import find_domains
from diptych.data.layouts import find_pairs
from diptych.doctor.to_beat import to_beat
from diptych.schema import Recipe

SMALL = {"data.load_size": 32, "data.crop_size": 32}


def told(folder: Path, **changes: object) -> tuple[str | None, Recipe]:
    recipe = load_recipe("pix2pix", SMALL | changes)
    data = find_pairs(folder, recipe)
    return to_beat(data, recipe, find_domains(data, recipe)), recipe


def test_the_best_of_what_evaluation_has_beside_a_model_comes_first(drawn_pairs):
    said, recipe = told(drawn_pairs)
    scored = diptych.evaluate(lambda picture: picture, drawn_pairs, split="val", recipe=recipe)
    bare, nearest = (
        scored.baselines[name]["features"].mean for name in ("bare A", "nearest training pair")
    )
    parts = [(bare, "bare A"), (nearest, "nearest training pair")]
    expected = ", ".join(f"{value:.3f} ({name})" for value, name in sorted(parts))
    assert said == f"feature distance {expected}"


def test_classes_are_told_by_their_overlap(tmp_path):
    for side in ("A", "B"):
        (tmp_path / side).mkdir()
    for number in range(12):
        shown = Image.new("L", (32, 32), 1)
        shown.paste(0, (0, 0, 2 + 2 * number, 32))
        shown.save(tmp_path / "B" / f"{number}.png")
        shown.point(lambda level: 200 * level).save(tmp_path / "A" / f"{number}.png")
    said, _ = told(tmp_path, **{"domain.B.kind": "labels", "domain.B.classes": 2})
    assert said.startswith("class IoU 0.")
    assert "(nearest training pair)" in said


@pytest.mark.parametrize("recipe", ["superres"])
def test_sources_that_are_made_are_held_against_what_is_made_of_them(recipe, tmp_path):
    for number in range(8):
        Image.effect_noise((64, 64), 60).convert("RGB").save(tmp_path / f"{number}.png")
    settled = load_recipe(recipe, {"data.load_size": 32, "data.crop_size": 32})
    data = find_pairs(tmp_path, settled)
    said = to_beat(data, settled, find_domains(data, settled))
    assert said.startswith("feature distance 0.")
    assert said.endswith("(bicubic)")
