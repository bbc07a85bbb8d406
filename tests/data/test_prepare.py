from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from diptych.config import load_recipe
from diptych.data.crops import Patches, Rectangles, pictures_to_validate, training_crops
from diptych.data.domains import Domains, find_domains
from diptych.data.fitting import Fit
from diptych.data.layouts import find_pairs
from diptych.data.pairs import Pair, Picture
from diptych.data.prepare import prepared
from diptych.errors import DiptychError
from diptych.images.domain import Domain, plain
from diptych.images.rgb import read_image, resize
from diptych.schema import Recipe

SIZES = [(48, 40), (40, 61), (33, 35)]
CROP = 32


@pytest.fixture
def photos(tmp_path) -> Path:
    folder = tmp_path / "photos" / "train"
    folder.mkdir(parents=True)
    for number, (width, height) in enumerate(SIZES):
        noise = np.random.default_rng(number).integers(0, 256, (height, width, 3), np.uint8)
        Image.fromarray(noise).save(folder / f"{number}.png")
    return folder.parent


@pytest.fixture
def both(photos) -> Path:
    """The photos, with their negatives as sources."""
    for path in (photos / "train").iterdir():
        for side, pixels in (("A", 255 - np.asarray(read_image(path))), ("B", read_image(path))):
            out = photos.parent / "pairs" / side / path.name
            out.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(np.asarray(pixels)).save(out)
    return photos.parent / "pairs"


def recipe(name: str = "pix2pix", **changes) -> Recipe:
    changes = {key.replace("__", "."): value for key, value in changes.items()}
    return load_recipe(name, {"data.load_size": 36, "data.crop_size": CROP} | changes)


def pairs(root: Path, settings: Recipe) -> list[Pair]:
    return find_pairs(root, settings).splits["train"]


def domains(root: Path, settings: Recipe) -> Domains:
    return find_domains(find_pairs(root, settings), settings)


def photo(pair: Pair) -> np.ndarray:
    return pair.target.read()


def centre(picture: np.ndarray) -> np.ndarray:
    top, left = (picture.shape[0] - CROP) // 2, (picture.shape[1] - CROP) // 2
    return picture[top : top + CROP, left : left + CROP]


def as_square(picture: np.ndarray, size: int = CROP) -> np.ndarray:
    return np.asarray(resize(Image.fromarray(picture), (size, size)))


def fitted(picture: np.ndarray, size: int) -> np.ndarray:
    """The shorter side brought to `size`."""
    height, width = (round(side * size / min(picture.shape[:2])) for side in picture.shape[:2])
    return np.asarray(resize(Image.fromarray(picture), (width, height)))


def test_pictures_that_keep_their_shape(both):
    settings = recipe()
    assert settings.data.fit == "shorter", "what a stranger's folder gets"
    found = pairs(both, settings)
    crops = training_crops(found, settings, domains(both, settings))
    assert [tuple(shape) for shape in crops.targets.shapes] == [(36, 43), (55, 36), (38, 36)]
    for seed in range(5):
        random = torch.Generator().manual_seed(seed)
        sources, targets = crops.take(torch.arange(3), True, random)
        assert targets.shape == (3, CROP, CROP, 3)
        assert (sources.int() - (255 - targets.int())).abs().max() <= 1
    for pair, target in zip(found, crops.targets, strict=True):
        assert np.array_equal(target, fitted(photo(pair), 36))
    sources, targets = pictures_to_validate(found, settings, domains(both, settings))
    for pair, source, target in zip(found, sources, targets, strict=True):
        assert np.array_equal(target, centre(fitted(photo(pair), CROP)))
        assert np.array_equal(source, centre(fitted(255 - photo(pair), CROP)))
        looked_at = prepared(pair, domains(both, settings), Fit("shorter", (CROP, CROP)))
        assert all(map(np.array_equal, looked_at, (source, target))), "as evaluate has it"


def test_a_source_of_another_size_lies_where_its_target_does(tmp_path):
    """Off by a pixel of rounding in the files, which is many when both are enlarged."""
    target = np.zeros((63, 256, 3), np.uint8)
    target[:, 200:] = 250
    for side, size in (("A", (256, 64)), ("B", (256, 63))):
        (tmp_path / side).mkdir()
        resize(Image.fromarray(target), size).save(tmp_path / side / "0.png")
    settings = recipe()
    crops = training_crops(pairs(tmp_path, settings), settings, domains(tmp_path, settings))
    assert isinstance(crops, Patches)
    for seed in range(8):
        random = torch.Generator().manual_seed(seed)
        sources, targets = crops.take(torch.zeros(1, dtype=int), False, random)
        assert sources.shape == targets.shape
        assert (sources.int() - targets.int()).abs().max() < 60, "edges are at one place"


@pytest.mark.parametrize(
    "changes",
    [
        {"data__fit": "resize"},
        {"data__shapes": "own"},
        {"data__load_size": [36, 36]},
        {"data__load_size": [36, 36], "data__fit": "resize"},
    ],
)
def test_pictures_that_are_resized(changes, both):
    settings = recipe(**changes)
    found = pairs(both, settings)
    crops = training_crops(found, settings, domains(both, settings))
    assert isinstance(crops, Rectangles)
    assert crops.sources.shape == crops.targets.shape == (3, 36, 36, 3)
    sources, targets = pictures_to_validate(found, settings, domains(both, settings))
    for pair, source, target in zip(found, sources, targets, strict=True):
        assert np.array_equal(target, as_square(photo(pair)))
        assert np.array_equal(source, as_square(255 - photo(pair)))


def test_patches_of_pairs(both):
    settings = recipe(data__fit="patches")
    found = pairs(both, settings)
    crops = training_crops(found, settings, domains(both, settings))
    assert isinstance(crops, Patches)
    sources, targets = crops.take(torch.arange(3), False, torch.Generator())
    assert torch.equal(sources, 255 - targets)
    sources, targets = pictures_to_validate(found, settings, domains(both, settings))
    for pair, source, target in zip(found, sources, targets, strict=True):
        assert np.array_equal(target, centre(photo(pair)))
        assert np.array_equal(source, 255 - target)


@pytest.mark.parametrize("fit", ["resize", "shorter", "patches"])
@pytest.mark.parametrize("name", ["inpaint", "superres", "colorize", "sketch", "restore"])
def test_sources_that_are_made(fit, name, photos):
    settings = recipe(name, data__fit=fit)
    found = pairs(photos, settings)
    crops = training_crops(found, settings, domains(photos, settings))
    source, target = crops.take(torch.arange(3), False, torch.Generator())
    assert source is target
    ways = {"patches": lambda p: p, "shorter": lambda p: fitted(p, CROP), "resize": as_square}
    sources, targets = pictures_to_validate(found, settings, domains(photos, settings))
    small = CROP // settings.derive.scale
    assert sources.shape == (3, small, small, 4 if name == "inpaint" else 3)
    for pair, wanted in zip(found, targets, strict=True):
        assert np.array_equal(wanted, centre(ways[fit](photo(pair))))
    again, _ = pictures_to_validate(found[::-1], settings, domains(photos, settings))
    assert np.array_equal(again[::-1], sources), "a picture's draws follow from its name"


@pytest.mark.parametrize("name", ["inpaint", "restore", "denoise"])
def test_a_source_is_the_same_each_time_and_another_for_each_name(name, photos):
    settings = recipe(name)
    (first, *_, last) = pairs(photos, settings)
    fit, sides = Fit("resize", (24, 24)), domains(photos, settings)
    one, again = (prepared(first, sides, fit, settings.derive) for _ in range(2))
    assert all(map(np.array_equal, one, again))
    assert np.array_equal(one[1], as_square(photo(first), 24))
    renamed = Pair("another", first.source, first.target)
    assert not np.array_equal(one[0], prepared(renamed, sides, fit, settings.derive)[0])
    assert not np.array_equal(one[0], prepared(last, sides, fit, settings.derive)[0])


def test_what_is_validated_is_what_is_evaluated(photos):
    """On a picture of the crop's size, which both take whole."""
    settings = recipe("restore")
    pair = pairs(photos, settings)[0]
    Image.fromarray(centre(photo(pair))).save(pair.target.path)
    sources, targets = pictures_to_validate([pair], settings, domains(photos, settings))
    for fit in (None, *(Fit(kind, (CROP, CROP)) for kind in ("shorter", "resize", "patches"))):
        source, target = prepared(pair, domains(photos, settings), fit, settings.derive)
        assert np.array_equal(source, sources[0])
        assert np.array_equal(target, targets[0])


def test_photos_as_they_are_are_cut_to_a_multiple_of_the_scale(photos):
    settings = recipe("superres")
    for pair, (width, height) in zip(pairs(photos, settings), SIZES, strict=True):
        source, target = prepared(pair, domains(photos, settings), None, settings.derive)
        assert source.shape == (height // 4, width // 4, 3)
        assert np.array_equal(target, photo(pair)[: height // 4 * 4, : width // 4 * 4])
    source, target = prepared(
        pair, domains(photos, settings), Fit("resize", (30, 30)), settings.derive
    )
    assert (source.shape, target.shape) == ((7, 7, 3), (28, 28, 3))


def test_pairs_as_they_are(both):
    for pair in pairs(both, recipe()):
        source, target = prepared(pair, domains(both, recipe()), None)
        assert np.array_equal(target, photo(pair))
        assert np.array_equal(source, 255 - target)


def test_each_side_is_resized_as_its_domain_asks(tmp_path):
    """Classes, and heights beside no data, by the nearest; colours are blended."""
    random = np.random.default_rng(0)
    classes = random.integers(0, 3, (40, 30), np.uint8)
    heights = np.where(classes == 1, -9999, 1000.5 + classes).astype(np.float32)[..., None]
    Image.fromarray(classes).save(tmp_path / "classes.png")
    np.save(tmp_path / "heights.npy", heights)
    of_classes = Domain(name="classes", kind="labels", channels=3)
    of_heights = Domain(name="h", kind="values", channels=1, dtype="float32", nodata=-9999)
    pair = Pair("a", Picture(tmp_path / "classes.png"), Picture(tmp_path / "heights.npy"))
    source, target = prepared(pair, (of_classes, of_heights), Fit("resize", (20, 15)))
    assert source.shape == target.shape == (20, 15, 1)
    assert np.array_equal(source[..., 0], classes[1::2, 1::2])
    assert np.array_equal(target, heights[1::2, 1::2])
    colours, _ = prepared(pair, (plain("colours"), of_heights), Fit("resize", (20, 15)))
    assert np.array_equal(colours, resize(read_image(tmp_path / "classes.png"), (15, 20)))


def test_what_is_too_small_is_named(photos):
    tiny = photos / "train" / "tiny.png"
    Image.new("RGB", (3, 90)).save(tiny)
    settings = recipe("superres")
    pair = next(p for p in pairs(photos, settings) if p.name == "tiny")
    with pytest.raises(DiptychError, match=r"tiny\.png: too small to be made 4 times smaller"):
        prepared(pair, domains(photos, settings), None, settings.derive)
    for prepare in (training_crops, pictures_to_validate):
        with pytest.raises(DiptychError, match=r"tiny\.png: 3x90 is smaller than the patches"):
            prepare(pairs(photos, settings), settings, domains(photos, settings))


@pytest.mark.parametrize("fit", ["resize", "shorter"])
def test_another_shape_is_refused_before_anything_is_cut(fit, both):
    path = both / "A" / "1.png"
    resize(read_image(path), (61, 40)).save(path)
    settings = recipe(data__fit=fit)
    for prepare in (training_crops, pictures_to_validate):
        with pytest.raises(
            DiptychError, match=r"1\.png: 61x40, but its target is 40x61, of another"
        ):
            prepare(pairs(both, settings), settings, domains(both, settings))


def test_sides_of_two_sizes_have_no_patches(both):
    path = both / "A" / "1.png"
    resize(read_image(path), (61, 40)).save(path)
    settings = recipe(data__fit="patches")
    with pytest.raises(DiptychError, match=r"1\.png: 61x40, but its target is 40x61: patches need"):
        training_crops(pairs(both, settings), settings, domains(both, settings))
    with pytest.raises(DiptychError, match=r"61x40, but its target is 40x61, of another shape"):
        training_crops(pairs(both, recipe()), recipe(), domains(both, recipe()))
    own = recipe(data__shapes="own")
    sources, targets = pictures_to_validate(pairs(both, own), own, domains(both, own))
    assert sources.shape == targets.shape == (3, CROP, CROP, 3)


def test_progress_is_told(photos):
    settings, told = recipe("superres"), []
    training_crops(
        pairs(photos, settings), settings, domains(photos, settings), lambda *at: told.append(at)
    )
    assert told == [(1, 3), (2, 3), (3, 3)]
