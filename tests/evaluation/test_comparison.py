import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFilter, ImageOps

from diptych.config import load_recipe
from diptych.errors import DiptychError
from diptych.evaluation.comparison import Comparison, compare, write_comparison
from diptych.evaluation.comparison_page import Apart, write_comparison_page
from diptych.evaluation.comparison_words import comparison_in_words, comparison_rows
from diptych.evaluation.evaluate import evaluate
from diptych.evaluation.scores import Scorer

SIZE = 32


def make(root: Path, count: int) -> Path:
    """Pairs whose targets are the sources' negatives."""
    for split, pairs in (("train", 3), ("test", count)):
        (root / split).mkdir(parents=True)
        for i in range(pairs):
            random = np.random.default_rng(i)
            blots = Image.fromarray(random.integers(0, 256, (6, 6, 3), np.uint8))
            source = np.asarray(blots.resize((SIZE, SIZE), Image.Resampling.BICUBIC))
            pair = np.concatenate([source, 255 - source], 1)
            Image.fromarray(pair).save(root / split / f"{i:02}.png")
    return root


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    return make(tmp_path_factory.mktemp("pairs") / "data", 10)


def right(picture: Image.Image) -> Image.Image:
    return ImageOps.invert(picture)


def blurred(picture: Image.Image) -> Image.Image:
    return right(picture).filter(ImageFilter.GaussianBlur(1.5))


class Noisy:
    """The right picture under noise that differs from one to the other."""

    def __init__(self, seed: int) -> None:
        self.random = np.random.default_rng(seed)

    def __call__(self, picture: Image.Image) -> Image.Image:
        pixels = np.asarray(right(picture)).astype(int)
        noise = self.random.normal(0, self.random.uniform(5, 40), pixels.shape)
        return Image.fromarray((pixels + noise).clip(0, 255).astype(np.uint8))


def compared(contestants, data: Path, **options) -> Comparison:
    recipe = load_recipe("pix2pix", {"data.load_size": SIZE, "data.crop_size": SIZE})
    return compare(contestants, data, **{"recipe": recipe, "scorer": Scorer()} | options)


def test_each_has_the_scores_that_it_has_alone(data):
    done = compared({"a": blurred, "b": right}, data)
    recipe = load_recipe("pix2pix", {"data.load_size": SIZE, "data.crop_size": SIZE})
    for name, translate in (("a", blurred), ("b", right)):
        alone = evaluate(translate, data, recipe=recipe, scorer=Scorer())
        assert done.scores[name] == alone.scores
        assert {pair: own[name] for pair, own in done.images.items()} == alone.images
        assert done.baselines == alone.baselines
    assert done.best == "b"
    gap = done.behind["a"]["l1"]
    assert gap.mean == pytest.approx(done.scores["b"]["l1"].mean - done.scores["a"]["l1"].mean)
    assert (gap.count, done.nearer("a")) == (10, 10)


def test_one_verdict_in_words(data):
    words = comparison_in_words(compared({"a": blurred, "b": right}, data))
    assert words.startswith("By feature distance b is closer to the B than a: 0.000 against 0.")
    assert words.endswith("over 10 pairs (lower is better), closer on 10 of them.")
    three = compared({"a": blurred, "b": right, "c": lambda picture: picture}, data)
    assert "b is closer to the B than a and c: 0.000 against 0." in comparison_in_words(three)


def test_what_may_be_chance_is_called_nothing(data):
    words = comparison_in_words(compared({"one": Noisy(0), "two": Noisy(1)}, data))
    assert words.startswith("By feature distance nothing tells ")
    assert "apart: 0." in words
    assert words.endswith("over 10 pairs.")


def test_where_the_best_is_the_worse_is_said(data):
    """Grain is nearer in pixels, and looks farther."""
    grain = np.random.default_rng(0).integers(-9, 10, (SIZE, SIZE, 3))

    def grained(picture: Image.Image) -> Image.Image:
        pixels = np.asarray(right(picture)).astype(int) + grain
        return Image.fromarray(pixels.clip(0, 255).astype(np.uint8))

    def darker(picture: Image.Image) -> Image.Image:
        return right(picture).point(lambda level: level * 0.85)

    words = comparison_in_words(compared({"grain": grained, "dark": darker}, data))
    assert "dark is closer to the B than grain" in words
    assert "By L1, PSNR and SSIM grain is." in words


def test_no_verdict_of_fewer_than_8_pairs(tmp_path):
    few = make(tmp_path / "few", 7)
    done = compared({"a": blurred, "b": right}, few)
    assert comparison_in_words(done) == (
        "7 pairs are too few to say which is better: 8 are the least."
    )
    enough = compared({"a": blurred, "b": right}, make(tmp_path / "enough", 8))
    assert "b is closer" in comparison_in_words(enough)


def test_folders_and_models_beside_each_other(data, tmp_path):
    for path in (data / "test").iterdir():
        strip = Image.open(path)
        (tmp_path / "made").mkdir(exist_ok=True)
        blurred(strip.crop((0, 0, SIZE, SIZE))).save(tmp_path / "made" / path.name)
    done = compared({"folder": tmp_path / "made", "own": blurred, "right": right}, data)
    assert done.scores["folder"] == done.scores["own"]
    assert done.best == "right"


def test_what_cannot_be_compared(data, tmp_path):
    with pytest.raises(DiptychError, match="give two models or more"):
        compared({"a": right}, data)
    for path in (data / "test").iterdir():
        (tmp_path / "half").mkdir(exist_ok=True)
        Image.new("RGB", (16, 16)).save(tmp_path / "half" / path.name)
    message = (
        r"half: held against another target than a for pair 00 \(16x16 and 32x32\); give --size"
    )
    with pytest.raises(DiptychError, match=message):
        compared({"a": right, "half": tmp_path / "half"}, data)
    done = compared({"a": right, "half": tmp_path / "half"}, data, size=16)
    assert done.best == "a"


def test_a_table_of_all_and_the_page_with_the_pairs_that_differ_most(data, tmp_path):
    apart = Apart(4)
    done = compared({"a": blurred, "<b>": right}, data, on_pair=apart.add)
    heading, *rows = comparison_rows(done)
    assert heading == ["", "a", "<b>", "bare A", "nearest training pair"]
    (row,) = [row for row in rows if row[0] == "L1 ↓"]
    assert row[2] == "0.000"
    assert row[1].startswith("0.0")
    assert " (-0.0" in row[1]
    gaps = [own["a"]["features"] - own["<b>"]["features"] for own in done.images.values()]
    assert [pair.apart for pair in apart.pairs] == pytest.approx(sorted(gaps)[:-5:-1])
    write_comparison_page(tmp_path / "report.html", done, apart, {"Pairs": "10"})
    page = (tmp_path / "report.html").read_text("utf-8")
    assert page.count("<img") == 4 * 4
    assert page.count('class="best"') == 4
    assert "<b>" not in page
    assert "4 of 10 pairs" in page
    write_comparison(tmp_path / "scores.json", done, {"verdict": "b"})
    stored = json.loads((tmp_path / "scores.json").read_text())
    assert stored["best"] == "<b>"
    assert stored["behind"]["a"]["l1"]["count"] == 10


def test_the_command_compares_folders(data, tmp_path, run):
    for path in (data / "test").iterdir():
        source = Image.open(path).crop((0, 0, SIZE, SIZE))
        for name, change in (("good", right), ("bad", blurred)):
            (tmp_path / name).mkdir(exist_ok=True)
            change(source).save(tmp_path / name / path.name)
    good, bad = tmp_path / "good", tmp_path / "bad"
    status, output, error = run(
        "evaluate", bad, good, "--data", data, "--json", tmp_path / "s.json", "--report", tmp_path
    )
    assert status == 0, error
    assert "By feature distance good is closer to the B than bad: 0.000 against 0." in output
    assert "[bold]" not in output
    assert json.loads((tmp_path / "s.json").read_text())["best"] == "good"
    assert (tmp_path / "report.html").is_file()
    assert run("evaluate", good, good, "--data", data)[0] == 2
    assert run("evaluate", good, bad, "--data", data, "--metrics", "fid")[0] == 2
