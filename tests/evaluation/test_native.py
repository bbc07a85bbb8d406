"""Scores at the pictures' own size, beside those at the size that a model learned at."""

import copy
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from diptych.config import load_recipe
from diptych.errors import DiptychError
from diptych.evaluation import native
from diptych.evaluation.evaluate import evaluate, write_json
from diptych.evaluation.scores import Scorer
from diptych.evaluation.words import native_in_words
from diptych.images.domain import plain
from diptych.model_file import Dataset, Header, Network
from diptych.model_file import TestTime as AtTestTime

SIDE = 16


class Judged:
    """Right at the scale of the training, and wrong at any other."""

    def __init__(self, fit: str) -> None:
        recipe = load_recipe(
            "pix2pix", {"data.load_size": SIDE, "data.crop_size": SIDE, "data.fit": fit}
        )
        self.header = Header(
            generator=Network(name="unet", options={}),
            size_multiple=16,
            crop_size=(SIDE, SIDE),
            source=plain("A"),
            target=plain("B"),
            test=AtTestTime(),
            dataset=Dataset(fingerprint="", pairs={}),
            recipe=recipe.model_dump(mode="json", exclude_none=True),
        )
        self.at_trained_scale = False

    def __call__(self, picture):
        raise AssertionError("arrays are asked for")

    def apply(self, source: np.ndarray) -> np.ndarray:
        right = self.at_trained_scale or min(source.shape[:2]) == SIDE
        return 255 - source if right else source

    def scaled(self) -> "Judged":
        other = copy.copy(self)
        other.at_trained_scale = True
        return other


def pairs(root: Path, sizes: list[tuple[int, int]]) -> Path:
    for number, (width, height) in enumerate(sizes):
        source = np.random.default_rng(number).integers(0, 256, (height, width, 3), np.uint8)
        for split in ("train", "test"):
            path = root / split / f"{number}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(np.concatenate([source, 255 - source], 1)).save(path)
    return root


def scored(judged: Judged, data: Path, **options) -> native.Native | None:
    return evaluate(judged, data, scorer=Scorer(), **options).native


@pytest.mark.parametrize("fit", ["shorter", "resize"])
def test_both_scores_where_the_sizes_differ(fit, tmp_path):
    data = pairs(tmp_path, [(40, 32), (40, 32), (32, 40)])
    evaluation = evaluate(Judged(fit), data, scorer=Scorer())
    assert evaluation["l1"].mean == pytest.approx(0, abs=0.01)
    found = evaluation.native
    assert (found.pairs, found.size) == (3, (40, 32))
    assert found.scores["l1"].mean > 0.3
    assert found.at_trained_scale["l1"].mean == 0
    first, second = native_in_words(found).items()
    assert first[0] == "at their own size, 40×32, 3 pairs"
    assert first[1].startswith("feature distance 0.")
    assert "L1 0.5" in first[1]
    assert second[0] == "the same, with --at-trained-scale"
    assert "PSNR 100.00" in second[1]
    write_json(tmp_path / "scores.json", evaluation, {})
    stored = json.loads((tmp_path / "scores.json").read_text())["native"]
    assert stored["pairs"] == 3
    assert stored["at_trained_scale"]["l1"]["mean"] == 0


def test_nothing_where_they_do_not_or_a_size_is_asked_for(tmp_path):
    same, other = pairs(tmp_path / "same", [(SIDE, SIDE)]), pairs(tmp_path / "other", [(32, 32)])
    assert scored(Judged("shorter"), same) is None
    assert scored(Judged("patches"), other) is None
    for size in (20, "native"):
        assert scored(Judged("shorter"), other, size=size) is None
    assert scored(Judged("shorter"), other) is not None


def test_no_more_than_is_quickly_done(tmp_path, monkeypatch):
    data = pairs(tmp_path, [(40, 32)] * 5)
    monkeypatch.setattr(native, "MOST_PIXELS", 2 * 40 * 32)
    assert scored(Judged("shorter"), data).pairs == 2
    monkeypatch.setattr(native, "LARGEST", 40 * 32 - 1)
    assert scored(Judged("shorter"), data) is None


def test_a_model_without_a_scale_is_scored_as_it_is(tmp_path):
    class Bound(Judged):
        def scaled(self):
            raise DiptychError("keeps what it is given")

    found = scored(Bound("shorter"), pairs(tmp_path, [(40, 32)]))
    assert found.at_trained_scale is None
    assert len(native_in_words(found)) == 1
