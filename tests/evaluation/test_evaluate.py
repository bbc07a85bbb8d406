import json
import math
from pathlib import Path
from types import SimpleNamespace
from typing import ClassVar

import numpy as np
import pytest
from PIL import Image, ImageOps

from diptych.config import load_recipe
from diptych.data.layouts import find_pairs
from diptych.data.pairs import COLOURS
from diptych.errors import DiptychError
from diptych.evaluation import evaluate as module
from diptych.evaluation.evaluate import Evaluation, evaluate, write_json
from diptych.evaluation.results import ENDINGS
from diptych.evaluation.scores import Scorer
from diptych.evaluation.summary import summarise
from diptych.images.rgb import read_image, resize
from diptych.schema import Recipe

SIZE = 16
NAMES = ["a", "b", "sub/c"]


def recipe(**data) -> Recipe:
    keys = {"load_size": SIZE, "crop_size": SIZE, **data}
    return load_recipe("pix2pix", {f"data.{key}": value for key, value in keys.items()})


def picture(seed: int, width: int = SIZE, height: int = SIZE) -> Image.Image:
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)
    return Image.fromarray(pixels)


def beside_its_negative(seed: int) -> Image.Image:
    source = np.asarray(picture(seed))
    return Image.fromarray(np.concatenate([source, 255 - source], 1))


@pytest.fixture
def data(tmp_path) -> Path:
    """Pairs side by side whose targets are the sources' negatives."""
    root = tmp_path / "data"
    for split in ("train", "val", "test"):
        for seed, name in enumerate(NAMES):
            path = root / split / f"{name}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            beside_its_negative(seed).save(path)
    return root


def scored(translated, data: Path, **options) -> Evaluation:
    return evaluate(translated, data, **{"recipe": recipe(), "scorer": Scorer(), **options})


def one_line(translated, data: Path, **options) -> str:
    with pytest.raises(DiptychError) as caught:
        scored(translated, data, **options)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def same(image: Image.Image) -> Image.Image:
    return image


@pytest.mark.parametrize("split", ["train", "val", "test"])
def test_a_perfect_translator(split, data):
    told: list[tuple[int, int]] = []
    found = scored(ImageOps.invert, data, split=split, on_progress=lambda *at: told.append(at))
    assert (found["l1"].mean, found["psnr"].mean) == (0, 100)
    assert found["ssim"].mean == pytest.approx(1)
    assert found["l1"].count == len(NAMES)
    assert found.baselines["bare A"]["l1"].mean > 0.3
    assert found.baselines["bare A"]["ssim"].mean < 0.1
    assert sorted(found.images) == NAMES
    assert found.split == split
    assert found.domains == ("A", "B")
    assert found.notes == []
    assert told == [(1, 3), (2, 3), (3, 3)]


def test_the_baseline_is_the_bare_source(data):
    found = scored(same, data)
    assert found.scores == found.baselines["bare A"]
    assert found.scores == summarise(list(found.images.values()))
    assert scored(ImageOps.invert, data).baselines["bare A"] == found.baselines["bare A"]


def test_scores_are_those_of_each_pair(data):
    found = scored(same, data)
    for name, scores in found.images.items():
        strip = np.asarray(read_image(data / "test" / f"{name}.png")).astype(float) / 255
        assert scores["l1"] == pytest.approx(np.abs(strip[:, :SIZE] - strip[:, SIZE:]).mean())


def test_the_recipe_says_where_source_and_target_lie(data):
    back = recipe(domains=("photo", "labels"), direction="labels -> photo")
    given = []

    def remember(image: Image.Image) -> Image.Image:
        given.append(np.asarray(image))
        return image

    assert scored(remember, data, recipe=back).domains == ("labels", "photo")
    assert np.array_equal(given[0], 255 - np.asarray(picture(0)))


def test_a_translator_brings_its_own_recipe(data):
    own = recipe(direction="b_to_a", crop_size=8)

    def translator(image: Image.Image) -> Image.Image:
        assert image.size == (8, 8)
        return ImageOps.invert(image)

    translator.header = SimpleNamespace(
        recipe=own.model_dump(mode="json"), source=COLOURS, target=COLOURS
    )
    found = scored(translator, data, recipe=None)
    assert found.domains == ("B", "A")
    assert found["l1"].mean < 0.01


def made(folder: Path, data: Path, ending: str, size: int = SIZE, suffix: str = "png") -> Path:
    for name in NAMES:
        path = folder / f"{name}{ending}.{suffix}"
        path.parent.mkdir(parents=True, exist_ok=True)
        target = read_image(data / "test" / f"{name}.png").crop((SIZE, 0, 2 * SIZE, SIZE))
        resize(target, (size, size)).save(path)
    return folder


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("suffix", ["png", "PNG", "tif"])
def test_a_folder_of_pictures(ending, suffix, data, tmp_path):
    folder = made(tmp_path / "made", data, ending, suffix=suffix)
    picture(9).save(folder / "a_real_A.png")
    for given in (folder, str(folder)):
        found = scored(given, data)
        assert found["l1"].mean == 0
        assert found.baselines["bare A"]["l1"].mean > 0.3


def test_names_that_well_known_tools_give(data):
    assert {"", "_fake_B", "-outputs"} <= set(ENDINGS), "junyanz's and TensorFlow's pix2pix"


def test_a_picture_missing_from_the_folder_is_named_before_any_is_scored(data, tmp_path):
    folder = made(tmp_path / "made", data, "")
    (folder / "sub" / "c.png").rename(folder / "c.png")
    told = []
    message = one_line(folder, data, on_progress=lambda *at: told.append(at))
    assert message == f"{folder}: no picture for pair sub/c; expected sub/c.png or alike"
    assert told == []
    assert one_line(tmp_path / "none", data).endswith("none: no such folder")


@pytest.mark.parametrize(
    ("size", "expected"), [(None, SIZE), (8, 8), ("8", 8), ("native", SIZE), (24, 24)]
)
def test_pairs_are_resized_before_translating(size, expected, data):
    given = []

    def remember(image: Image.Image) -> Image.Image:
        given.append(image.size)
        return ImageOps.invert(image)

    found = scored(remember, data, size=size, keep_pictures=True)
    assert given == [(expected, expected)] * 3
    assert {row.target.shape for row in found.rows} == {(expected, expected, 3)}
    assert found["l1"].mean < 0.01


@pytest.mark.parametrize("size", [0, -8, "big", "8.5", 8.5, ""])
def test_another_size_names_the_valid_ones(size, data):
    assert one_line(same, data, size=size) == (
        f"--size {size!r}: native, or the side of a square in pixels"
    )


@pytest.mark.parametrize(
    ("size", "expected"), [(None, SIZE // 2), (SIZE, SIZE), ("native", SIZE // 2)]
)
def test_a_folder_is_scored_at_the_size_of_its_pictures(size, expected, data, tmp_path):
    folder = made(tmp_path / "made", data, "", SIZE // 2)
    found = scored(folder, data, size=size, keep_pictures=True)
    for row in found.rows:
        shapes = {side.shape for side in (row.source, row.translated, row.target)}
        assert shapes == {(expected, expected, 3)}
    assert (found["l1"].mean == 0) == (expected == SIZE // 2)


@pytest.fixture
def uneven(tmp_path) -> Path:
    """Two folders of pictures of two sizes; targets are their sources."""
    root = tmp_path / "uneven"
    for seed, (wide, high) in enumerate([(9, 20), (30, 7)]):
        for side in ("A", "B"):
            (root / "test" / side).mkdir(parents=True, exist_ok=True)
            picture(seed, wide, high).save(root / "test" / side / f"{seed}.png")
    return root


def test_native_sizes_may_differ_from_pair_to_pair(uneven):
    given = []

    def remember(image: Image.Image) -> Image.Image:
        given.append(image.size)
        return image

    assert scored(remember, uneven, size="native")["l1"].mean == 0
    assert given == [(9, 20), (30, 7)]
    assert scored(remember, uneven)["l1"].mean == 0
    assert given[2:] == [(SIZE, SIZE)] * 2


def test_a_translation_of_another_size_than_its_target_is_named(uneven):
    picture(5, 18, 40).save(uneven / "test" / "B" / "0.png")
    message = one_line(same, uneven, size="native")
    assert message.startswith("0: translated to 9x20, but the target has 18x40")
    assert scored(same, uneven)["l1"].count == 2


def test_a_source_of_another_size_than_its_target_is_resized_as_baseline(uneven):
    for side in ("A", "B"):
        (uneven / "test" / side / "1.png").unlink()
    picture(5, 18, 40).save(uneven / "test" / "B" / "0.png")
    found = scored(lambda image: image.resize((18, 40)), uneven, size="native")
    assert found["l1"].count == 1
    assert found.baselines["bare A"]["l1"].count == 1


def test_what_a_translator_gives_may_be_gray(data):
    found = scored(lambda image: ImageOps.invert(image).convert("L"), data, keep_pictures=True)
    assert found.rows[0].translated.shape == (SIZE, SIZE, 3)
    assert 0 < found["l1"].mean < found.baselines["bare A"]["l1"].mean


def test_pictures_are_kept_where_asked_for(data):
    assert scored(same, data).rows == []
    rows = scored(ImageOps.invert, data, keep_pictures=True).rows
    assert [row.name for row in rows] == NAMES
    for seed, row in enumerate(rows):
        assert np.array_equal(row.source, np.asarray(picture(seed)))
        assert np.array_equal(row.target, 255 - row.source)
        assert np.array_equal(row.translated, row.target)
        assert row.scores["l1"] == 0


def test_pictures_are_handed_over_as_their_pairs_are_scored(data):
    events = []

    def on_row(row):
        events.append((row.name, row.scores["l1"]))

    evaluation = scored(same, data, on_row=on_row, on_progress=lambda *c: events.append(c))
    assert events[::2] == [(name, scores["l1"]) for name, scores in evaluation.images.items()]
    assert events[1::2] == [(count, len(NAMES)) for count in range(1, len(NAMES) + 1)]
    assert evaluation.rows == []


def test_a_split_that_stands_in_is_noted_where_it_is_scored(tmp_path):
    (tmp_path / "train").mkdir()
    for seed in range(10):
        beside_its_negative(seed).save(tmp_path / "train" / f"{seed}.png")
    splits = find_pairs(tmp_path, recipe()).splits
    for split in ("val", "test"):
        found = scored(same, tmp_path, split=split)
        assert sorted(found.images) == sorted(pair.name for pair in splits[split])
        assert [note.partition(":")[0] for note in found.notes] == [f"no {split} split"]
    assert scored(same, tmp_path, split="train").notes == []


def test_pictures_left_out_are_noted(uneven):
    picture(0).save(uneven / "test" / "A" / "alone.png")
    (note,) = scored(same, uneven).notes
    assert note == f"{Path('test/A/alone.png')} left out: no partner in B"


def test_what_cannot_be_scored(data, uneven):
    assert one_line(same, data, split="tests") == "--split 'tests': one of train, val, test, all"
    assert one_line(same, uneven, split="val") == f"{uneven}: the val split is empty"
    (data / "test" / "b.png").write_text("no picture")
    assert one_line(same, data).startswith(f"{data / 'test' / 'b.png'}: ")


def test_of_many_pairs_the_baselines_are_scored_on_some_that_are_evenly_spread(data, monkeypatch):
    monkeypatch.setattr(module, "MOST_RIVALLED", 2)
    found = scored(ImageOps.invert, data)
    assert found["l1"].count == 3
    bare, whole = found.baselines["bare A"]["l1"], scored(same, data).images
    assert bare.count == found.gains["bare A"]["l1"].count == 2
    assert bare.mean == pytest.approx((whole["a"]["l1"] + whole["sub/c"]["l1"]) / 2)
    assert found.gains["bare A"]["l1"].mean == pytest.approx(-bare.mean)


def test_a_translator_is_given_pairs_of_one_size_together(data):
    class Inverting:
        given: ClassVar = []
        header = SimpleNamespace(
            recipe=recipe().model_dump(mode="json"), source=COLOURS, target=COLOURS
        )

        def __call__(self, picture):
            raise AssertionError("arrays are asked for")

        def together(self, height: int, width: int) -> int:
            assert (height, width) == (SIZE, SIZE)
            return 2

        def apply(self, source: np.ndarray) -> np.ndarray:
            return self.apply_all(source[None])[0]

        def apply_all(self, sources: np.ndarray) -> np.ndarray:
            self.given.append(len(sources))
            return 255 - sources

    found = scored(Inverting(), data, recipe=None)
    assert Inverting.given == [2, 1]
    assert sorted(found.images) == NAMES
    assert found["l1"].mean == 0


def test_all_of_it_as_json(data, tmp_path):
    found = scored(ImageOps.invert, data)
    path = tmp_path / "sub" / "scores.json"
    write_json(path, found, {"model": "runs/\u00fc"})

    def refuse(name: str) -> None:
        pytest.fail(f"{name} is no JSON")

    content = json.loads(path.read_text("utf-8"), parse_constant=refuse)
    assert content["model"] == "runs/\u00fc"
    assert content["direction"] == "A -> B"
    assert content["split"] == "test"
    assert content["scores"]["l1"] == {"mean": 0, "low": 0, "high": 0, "count": 3}
    assert math.isclose(
        content["baselines"]["bare A"]["l1"]["mean"], found.baselines["bare A"]["l1"].mean
    )
    assert content["images"] == found.images
    assert content["notes"] == []


# --- all splits, sources that are made, sides of two shapes ---


def test_all_splits_by_names_that_tell_them_apart(data):
    """Three splits that use the same names are nine pairs, each scored by itself."""
    extra = data / "val" / "z.png"
    picture(7, 2 * SIZE).save(extra)
    found = scored(ImageOps.invert, data, split="all", keep_pictures=True)
    expected = {f"{split}/{name}" for split in ("train", "val", "test") for name in NAMES} | {"z"}
    assert set(found.images) == expected
    assert [row.name for row in found.rows] == sorted(expected)
    assert found["l1"].count == found.baselines["bare A"]["l1"].count == 10
    assert found.images["z"]["l1"] > 0.1
    assert all(scores["l1"] == 0 for name, scores in found.images.items() if name != "z")
    assert found.baselines.keys() == {"bare A"}, "no pairs are left to be a neighbour from"
    assert "nearest training pair" in scored(same, data).baselines


def test_all_splits_have_those_that_stand_in_once(tmp_path):
    (tmp_path / "train").mkdir()
    for count in (3, 12):  # too few to spare any; and some to spare
        for seed in range(count):
            beside_its_negative(seed).save(tmp_path / "train" / f"{seed}.png")
        found = scored(same, tmp_path, split="all")
        assert sorted(found.images, key=int) == [str(seed) for seed in range(count)]


def test_all_splits_of_a_folder_of_pictures(data, tmp_path):
    """As `translate` writes them of the whole data folder."""
    for split in ("train", "val", "test"):
        made(tmp_path / "made" / split, data, "")
    picture(5).save(tmp_path / "made" / "val" / "b.png")
    found = scored(tmp_path / "made", data, split="all")
    assert len(found.images) == 9
    assert {name for name, scores in found.images.items() if scores["l1"]} == {"val/b"}
    message = one_line(made(tmp_path / "flat", data, ""), data, split="all")
    assert message.endswith("no picture for pair test/a; expected test/a.png or alike")


@pytest.fixture
def photos(tmp_path) -> Path:
    for split in ("train", "test"):
        (tmp_path / "photos" / split).mkdir(parents=True)
        for seed in range(6):
            picture(seed, 22, 35).save(tmp_path / "photos" / split / f"{seed}.png")
    return tmp_path / "photos"


@pytest.mark.parametrize(
    ("size", "target"), [(None, (22 // 4 * 4, 35 // 4 * 4)), ("native", (20, 32)), (18, (16, 16))]
)
def test_sources_that_are_made(size, target, photos):
    given = []

    def enlarge(image: Image.Image) -> Image.Image:
        given.append(image)
        return resize(image, target)

    found = scored(enlarge, photos, recipe=load_recipe("superres"), size=size)
    assert {image.size for image in given} == {(target[0] // 4, target[1] // 4)}
    assert found.domains == ("degraded", "clean")
    assert found.scores == found.baselines["bicubic"]
    assert found["l1"].count == 6
    own = scored(enlarge, photos, recipe=load_recipe("superres"), size=size, scorer=None)
    assert "psnr_y" in own.scores


@pytest.mark.parametrize("name", ["inpaint", "denoise", "restore"])
def test_a_photo_is_made_the_same_source_each_time(name, photos):
    given: list[bytes] = []

    def remember(image: Image.Image) -> Image.Image:
        assert image.mode == ("RGBA" if name == "inpaint" else "RGB")
        given.append(image.tobytes())
        scale = 4 if name == "restore" else 1
        return image.convert("RGB").resize((scale * image.width, scale * image.height))

    for _ in range(2):
        scored(remember, photos, recipe=load_recipe(name))
    assert given[:6] == given[6:]
    assert len(set(given)) == 6


def test_other_settings_make_other_sources(photos):
    """What `evaluate --set` is for: how much noise can it take?"""
    errors = []
    for sigma in (5, 25, 50):
        settings = load_recipe("denoise", {"derive.noise": [sigma, sigma]})
        errors.append(scored(same, photos, recipe=settings)["l1"].mean * 255)
    expected = [sigma * math.sqrt(2 / math.pi) for sigma in (5, 25, 50)]
    assert errors == pytest.approx(expected, rel=0.25)
    assert errors == sorted(errors)


def test_pictures_of_others_go_with_pairs_alone(photos):
    message = one_line(photos, photos, recipe=load_recipe("superres"))
    assert message.startswith("--translated: only for pairs")


def test_sides_of_two_shapes_are_scored_at_a_square_or_as_the_target_is(tmp_path):
    for side, (width, height) in (("A", (60, 11)), ("B", (20, 24))):
        (tmp_path / "test" / side).mkdir(parents=True)
        for seed in range(2):
            picture(seed, width, height).save(tmp_path / "test" / side / f"{seed}.png")
    given = []

    def translator(image: Image.Image) -> Image.Image:
        given.append(image.size)
        return resize(image, (20, 24))

    for size, source, target in (
        (None, (SIZE, SIZE), SIZE),
        (8, (8, 8), 8),
        ("native", (60, 11), None),
    ):
        given.clear()
        found = scored(
            translator, tmp_path, recipe=recipe(shapes="own"), size=size, keep_pictures=True
        )
        assert given == [source] * 2
        shape = (24, 20, 3) if target is None else (target, target, 3)
        assert {row.translated.shape for row in found.rows} == {shape}
        assert found.baselines["bare A"]["l1"].count == 2


def test_a_source_of_another_shape_is_refused_unless_meant(uneven, tmp_path):
    """As in training: whoever translated, nothing is stretched unasked."""
    picture(5, 40, 9).save(uneven / "test" / "A" / "0.png")
    for translated in (same, uneven / "test" / "B"):
        message = one_line(translated, uneven)
        assert message.startswith(f"{uneven / 'test' / 'A' / '0.png'}: 40x9, but its target is 9x")
        assert scored(translated, uneven, recipe=recipe(shapes="own"))["l1"].count == 2
