from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from diptych.config import load_recipe
from diptych.data.domains import Domains, find_domains
from diptych.data.layouts import find_pairs
from diptych.errors import DiptychError
from diptych.images.domain import Domain, plain
from diptych.images.writing import write_values
from diptych.schema import Recipe

NAMES = ("photo", "depth")


def recipe(**changes) -> Recipe:
    given = {"data.domains": list(NAMES)}
    return load_recipe("pix2pix", given | {k.replace("__", "."): v for k, v in changes.items()})


def found(root: Path, **changes) -> Domains:
    settings = recipe(**changes)
    return find_domains(find_pairs(root, settings), settings)


def write(root: Path, depths: list[np.ndarray], ending: str = "png") -> Path:
    """Pairs of a gray photo and a depth map, of these values."""
    for name in NAMES:
        (root / name).mkdir(parents=True)
    for i, depth in enumerate(depths):
        Image.new("RGB", depth.shape[1::-1], (9 * i, 8, 7)).save(root / "photo" / f"{i}.png")
        write_values(root / "depth" / f"{i}.{ending}", depth)
    return root


def depths(dtype: str = "uint16", channels: int = 1) -> list[np.ndarray]:
    """Values from 10 to 4010 in the first channel, ten times as large in the second."""
    ramp = np.linspace(10, 4010, 64).reshape(8, 8, 1) * 10.0 ** np.arange(channels)
    return [ramp.astype(dtype)] * 3


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_pictures_of_8_bits_are_colours_unless_said_otherwise(channels, tmp_path):
    root = write(tmp_path, [np.full((8, 8, channels), 9, np.uint8)] * 3)
    assert found(root) == (plain("photo"), plain("depth", "gray" if channels == 1 else "rgb"))
    _, depth = found(root, domain__depth__kind="values")
    assert depth == Domain(name="depth", kind="values", channels=channels)
    assert depth.range == ((0, 255),)


@pytest.mark.parametrize(
    ("dtype", "channels", "ending", "given", "expected"),
    [
        ("uint16", 1, "png", "auto", [(10, 4010)]),
        ("uint16", 1, "png", "dtype", [(0, 65535)]),
        ("int16", 1, "tif", "dtype", [(-32768, 32767)]),
        ("uint16", 1, "png", [0, 5000], [(0, 5000)]),
        ("float32", 2, "tif", "auto", [(10, 4010), (100, 40100)]),
        ("float64", 2, "npy", [[0, 1], [2, 3]], [(0, 1), (2, 3)]),
        ("uint16", 1, "png", "percentile:25,75", [(1010, 3010)]),
    ],
)
def test_the_range_is_that_of_the_files_or_what_is_said(
    dtype, channels, ending, given, expected, tmp_path
):
    root = write(tmp_path, depths(dtype, channels), ending)
    _, depth = found(root, domain__depth__range=given)
    assert (depth.kind, depth.channels, depth.dtype) == ("values", channels, dtype)
    np.testing.assert_allclose(depth.range, expected, atol=1)


def test_a_range_without_a_width_in_float32_is_refused(tmp_path):
    root = write(tmp_path, [np.full((8, 8, 1), 2**30, np.int32)] * 3, "tif")
    with pytest.raises(DiptychError, match="range: runs from the lower to the higher") as caught:
        found(root)
    assert "\n" not in str(caught.value)


def test_a_domain_is_named_by_its_name_or_by_its_side(tmp_path):
    root = write(tmp_path, depths())
    for key in ("depth", "target"):
        settings = {f"domain__{key}__range": [0, 7]}
        assert found(root, **settings)[1].range == ((0, 7),)
        back = found(root, data__direction="depth -> photo", domain__depth__range=[0, 7])
        assert back[0].range == ((0, 7),)
    with pytest.raises(DiptychError, match=r"domain\.night: no such domain"):
        found(root, domain__night__kind="values")


def test_empty_pixels_are_no_part_of_the_range(tmp_path):
    values = depths()[0].copy()
    values[0] = 0
    root = write(tmp_path, [values] * 3)
    assert found(root)[1].range[0][0] == 0
    _, depth = found(root, domain__depth__nodata=0)
    assert depth.nodata == 0
    assert depth.range[0][0] > 10
    nothing = write(tmp_path / "nothing", [np.zeros((8, 8, 1), np.uint16)] * 3)
    with pytest.raises(DiptychError, match="depth: no data in any of the pictures"):
        found(nothing, domain__depth__nodata=0)


def test_a_geotiff_says_what_its_empty_pixels_hold(tmp_path):
    root = write(tmp_path, depths("float32"), "tif")
    for path in (root / "depth").iterdir():
        write_values(path, tifffile.imread(path)[..., None], nodata=-9999)
    assert found(root)[1].nodata == -9999


def test_values_that_are_all_alike_have_a_range(tmp_path):
    root = write(tmp_path, [np.full((8, 8, 1), 700, np.uint16)] * 3)
    assert found(root)[1].range == ((700, 701),)


def test_labels(tmp_path):
    root = write(tmp_path, [np.full((8, 8, 1), 3, np.uint8)] * 3)
    _, labels = found(root, domain__depth__kind="labels", domain__depth__classes=5)
    assert (labels.channels, labels.array_channels, labels.palette) == (5, 1, ())
    with pytest.raises(DiptychError, match=r"domain\.depth: labels need classes = N or palette"):
        found(root, domain__depth__kind="labels")
    palette = ["#000000", "#ff0000", "#00ff00"]
    _, labels = found(root, domain__depth__kind="labels", domain__depth__palette=palette)
    assert (labels.channels, labels.palette) == (3, tuple(palette))


def test_a_palette_picture_brings_its_own_classes(tmp_path):
    root = write(tmp_path, [np.ones((8, 8, 1), np.uint8)] * 3)
    for path in (root / "depth").iterdir():
        write_values(path, np.ones((8, 8, 1), np.uint8), palette=("#112233", "#445566"))
    _, labels = found(root, domain__depth__kind="labels")
    assert labels.palette[:2] == ("#112233", "#445566")


@pytest.mark.parametrize(
    ("dtype", "given", "message"),
    [
        ("float32", "dtype", "float32 has no range of its own"),
        ("uint16", [[0, 1], [0, 2]], "2 ranges for 1 channels"),
    ],
)
def test_a_range_that_does_not_fit_is_said(dtype, given, message, tmp_path):
    root = write(tmp_path, depths(dtype), "npy")
    with pytest.raises(DiptychError, match=message):
        found(root, domain__depth__range=given)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"range": [3, 1]}, "range runs from the lower to the higher"),
        ({"range": "percentile:9"}, "range is dtype"),
        ({"range": "percentile:90,10"}, "range is dtype"),
        ({"range": "all"}, "range is dtype"),
        ({"classes": 3}, "go with kind 'labels'"),
        ({"kind": "labels", "classes": 3, "palette": ["#000000", "#ffffff"]}, "classes 3, but 2"),
        ({"kind": "labels", "classes": 257}, "at most 256 classes"),
        ({"kind": "labels", "palette": ["#000000", "#000000"]}, "names a colour twice"),
        ({"kind": "labels", "palette": ["red"]}, "palette.0 = 'red'"),
        ({"depth": 3}, "domain.x.depth is not a key; valid are domain.NAME.kind"),
    ],
)
def test_settings_that_make_no_sense_are_one_line(changes, message):
    with pytest.raises(DiptychError) as caught:
        load_recipe("pix2pix", {f"domain.x.{key}": value for key, value in changes.items()})
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_made_sources_have_no_domains_of_their_own(tmp_path):
    (tmp_path / "train").mkdir()
    for i in range(5):
        Image.new("RGB", (64, 64)).save(tmp_path / "train" / f"{i}.png")
    settings = load_recipe("colorize")
    kinds = [domain.kind for domain in find_domains(find_pairs(tmp_path, settings), settings)]
    assert kinds == ["lightness", "chroma"]
    settings = load_recipe("colorize", {"domain.target.kind": "values"})
    with pytest.raises(DiptychError, match="sources made from photos have none"):
        find_domains(find_pairs(tmp_path, settings), settings)
