"""Scores of a model that takes looks, in others than its sources foretell."""

import json

import numpy as np
import pytest
from PIL import Image
from tests.translation.looks import translator_with_looks

import diptych
from diptych.config import load_recipe
from diptych.evaluation.words import looks_in_words

RECIPE = {"data.load_size": 64, "data.crop_size": 64}


@pytest.fixture(scope="module")
def pairs(tmp_path_factory):
    """Whose targets are what the model makes of their sources in drawn looks."""
    folder, translator = tmp_path_factory.mktemp("pairs"), translator_with_looks()
    random = np.random.default_rng(0)
    for number in range(6):
        source = random.integers(0, 256, (64, 64, 3), np.uint8)
        target = translator.samples(source, 1, 100 + number)[0]
        for side, picture in (("drawing", source), ("photo", target)):
            path = folder / "test" / side / f"{number}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(picture).save(path)
    return folder


def test_what_is_used_is_what_evaluate_says_and_the_rest_is_beside_it(pairs):
    translator = translator_with_looks()
    recipe = load_recipe("diptych", RECIPE | {"data.direction": "drawing -> photo"})
    evaluation = diptych.evaluate(translator, pairs, recipe=recipe)
    looks = evaluation.in_looks
    assert (looks.pairs, looks.drawn_of_each) == (6, 4)
    assert looks.foretold == evaluation.scores
    assert looks.best_drawn["features"].mean < looks.drawn["features"].mean
    bound = []
    for number in range(6):
        source, target = (
            np.asarray(Image.open(pairs / "test" / side / f"{number}.png"))
            for side in ("drawing", "photo")
        )
        made = translator.told(look=translator.own_look(target)).apply(source)
        bound.append(np.abs(made.astype(float) - target).mean() / 255)
    assert looks.own["l1"].mean == pytest.approx(np.mean(bound), abs=1e-5)
    assert looks.drawn["features"].count == 24
    assert looks.apart > 1
    assert {way: min(shares.values()) > 0 for way, shares in looks.spread.items()} == {
        "foretold": True,
        "drawn": True,
    }
    words = looks_in_words(looks)
    assert any("a bound, no score of the model" in way for way in words)
    assert json.dumps(words)


def test_without_looks_there_is_nothing_to_say(pairs):
    recipe = load_recipe("diptych", RECIPE | {"data.direction": "drawing -> photo"})
    other = translator_with_looks()
    other.header = other.header.model_copy(update={"look": None})
    assert diptych.evaluate(other, pairs, recipe=recipe).in_looks is None
