"""From file to file by windows: numbers of any depth come out as they do whole."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import tifffile
import torch
from torch import nn

from diptych import model_file
from diptych.errors import DiptychError
from diptych.images import tiff_windows, tiff_writing
from diptych.images.arrays import read_array
from diptych.images.domain import Domain, several
from diptych.images.geo import geo_tags
from diptych.images.tiff_windows import TiffPicture
from diptych.images.values import probe, read_values
from diptych.images.windows import Window
from diptych.images.writing import write_values
from diptych.model_file import Dataset, Header, Network
from diptych.networks import build_generator
from diptych.translation import network_translator
from diptych.translation.bounded import bounded_translation as bounded
from diptych.translation.jobs.large_files import translate_large
from diptych.translation.network_translator import NetworkTranslator

PHOTO = Domain(name="photo")
DEPTH = Domain(
    name="depth", kind="values", channels=1, dtype="uint16", range=((10, 60000),), nodata=0
)
HEIGHT = Domain(name="height", kind="values", channels=1, dtype="float32", range=((-9, 9),))
BANDS = Domain(name="bands", kind="values", channels=12, dtype="int16", range=12 * ((0, 4000),))
PALETTE = ("#000000", "#ff0000", "#00ff80", "#0000ff")
CLASSES = Domain(name="classes", kind="labels", channels=4, palette=PALETTE)
KEY = (33550, 12, 3, (10.0, 10.0, 0.0), True)


def make(source: Domain, target: Domain) -> NetworkTranslator:
    """A random network whose answers differ clearly from pixel to pixel."""
    torch.manual_seed(0)
    options = {
        "base_channels": 8,
        "levels": 4,
        "in_channels": source.channels,
        "out_channels": target.channels,
    }
    network = build_generator("unet", **options)
    nn.init.normal_(network.out.weight, 0, 0.3)
    header = Header(
        generator=Network(name="unet", options=options),
        size_multiple=16,
        crop_size=(32, 32),
        source=source,
        target=target,
        test=model_file.TestTime(),
        dataset=Dataset(fingerprint="", pairs={}),
        recipe={},
    )
    return NetworkTranslator(header, network)


def numbers(domain: Domain, height: int = 203, width: int = 171) -> np.ndarray:
    """Random numbers of the domain's files, nothing in some rows."""
    random = np.random.default_rng(0)
    if domain.kind != "values":
        high, channels = (4, 1) if domain.kind == "labels" else (256, 3)
        return random.integers(0, high, (height, width, channels), np.uint8)
    lows, highs = np.array(domain.range).T
    values = random.uniform(lows, highs, (height, width, domain.channels)).astype(domain.dtype)
    if domain.nodata is not None or domain.dtype == "float32":
        values[:40] = np.nan if domain.nodata is None else domain.nodata
    return values


@pytest.fixture
def little(monkeypatch):
    """So little memory that pictures are translated by windows, all maps in files."""
    monkeypatch.setattr(network_translator, "may_be_taken", lambda *_: 1_500_000)
    monkeypatch.setattr(bounded, "may_be_taken", lambda *_: 0)
    monkeypatch.setattr(bounded, "BESIDE", 0)
    monkeypatch.setattr(bounded, "WINDOW", (400_000, 400_000))
    monkeypatch.setattr(tiff_writing, "TILE", 64)
    monkeypatch.setattr(tiff_windows, "CACHED", 300_000)


def assert_as_whole(made: NetworkTranslator, paths: Sequence[Path], output: Path) -> np.ndarray:
    """Translate by windows, and compare with the whole; gives the result as it was read again."""
    notes: list[str] = []
    made.notice = notes.append
    assert translate_large(made, paths, output)
    assert len(notes) == 1
    target = made.header.target
    whole, found = made._whole(made.read(*paths)[None])[0], read_values(output)
    assert (found.dtype, found.shape) == (whole.dtype, whole.shape)
    if target.kind == "labels":
        assert (found != whole).mean() < 1e-3
        return found
    if target.kind == "values":
        nothing = np.isnan(whole) if target.nodata is None else whole == target.nodata
        there = np.isnan(found) if target.nodata is None else found == target.nodata
        assert np.array_equal(nothing, there)
        whole, found = np.where(nothing, 0, whole), np.where(nothing, 0, found)
        step = max(high - low for low, high in target.range) * 1e-4
        assert np.abs(found.astype(float) - whole).max() <= max(step, target.dtype[0] != "f")
        return found
    assert np.abs(found.astype(int) - whole).max() <= 1
    return found


WAYS = {
    "depth to depth": (DEPTH, DEPTH),
    "photo to height": (PHOTO, HEIGHT),
    "height to depth": (HEIGHT, DEPTH),
    "bands to photo": (BANDS, PHOTO),
    "photo to bands": (PHOTO, BANDS),
    "classes to photo": (CLASSES, PHOTO),
    "photo to classes": (PHOTO, CLASSES),
}


@pytest.mark.parametrize("way", WAYS)
def test_from_file_to_file(way, little, tmp_path):
    source, target = WAYS[way]
    path, output = tmp_path / "a.tif", tmp_path / "out" / "a.tif"
    write_values(path, numbers(source), source.palette, source.nodata, [KEY])
    found = assert_as_whole(make(source, target), [path], output)
    assert len(np.unique(found)) > (3 if target is CLASSES else 50)
    assert geo_tags(output) == [KEY]
    assert probe(output).nodata == target.nodata
    with tifffile.TiffFile(output) as file:
        assert file.pages[0].is_tiled
        assert (file.pages[0].photometric == tifffile.PHOTOMETRIC.PALETTE) == (target is CLASSES)


def test_bands_in_planes_of_strips_are_read_once(little, tmp_path, monkeypatch):
    path, windows, read = tmp_path / "a.tif", [], TiffPicture.read

    def watched(self: TiffPicture, window: Window) -> np.ndarray:
        windows.append(window)
        return read(self, window)

    monkeypatch.setattr(TiffPicture, "read", watched)
    tifffile.imwrite(
        path, np.moveaxis(numbers(BANDS), -1, 0), photometric="minisblack",
        planarconfig="separate", compression="zlib", rowsperstrip=32,
    )  # fmt: skip
    monkeypatch.setattr(bounded, "DECODED", 30 * 12 * 171)
    assert_as_whole(make(BANDS, DEPTH), [path], tmp_path / "out.tif")
    assert windows == [((top, min(top + 30, 203)), (0, 171)) for top in range(0, 203, 30)]


def test_real_satellite_bands_to_heights(little, shared_data, tmp_path):
    height = HEIGHT.model_copy(update={"dtype": "int16", "range": ((0, 3000),)})
    for path in sorted((shared_data / "geotiff" / "S2L2A").iterdir()):
        assert_as_whole(make(BANDS, height), [path], tmp_path / path.name)
        assert geo_tags(tmp_path / path.name) == geo_tags(path) != []


def test_several_sources_one_of_them_no_tiff(little, tmp_path):
    write_values(tmp_path / "depth.tif", numbers(DEPTH), nodata=0)
    write_values(tmp_path / "photo.png", numbers(PHOTO))
    paths = [tmp_path / "depth.tif", tmp_path / "photo.png"]
    made = make(several([DEPTH, PHOTO]), HEIGHT)
    assert_as_whole(made, paths, tmp_path / "out.tif")
    assert_as_whole(made, paths, tmp_path / "out.npy")
    write_values(tmp_path / "photo.png", numbers(PHOTO, 203, 170))
    with pytest.raises(DiptychError) as caught:
        translate_large(made, paths, tmp_path / "out.tif")
    with pytest.raises(DiptychError) as whole:
        made.read(*paths)
    assert str(caught.value) == str(whole.value)


def test_numbers_beyond_the_limit_are_translated_where_they_lie_in_a_tiff(tmp_path, monkeypatch):
    made, path, output = make(DEPTH, DEPTH), tmp_path / "a.tif", tmp_path / "b.tif"
    write_values(path, numbers(DEPTH), nodata=0)
    whole = made._whole(read_array(path, DEPTH)[None])[0]
    assert not translate_large(made, [path], output), "it fits"
    monkeypatch.setenv("DIPTYCH_MAX_PIXELS", "9999")
    assert translate_large(made, [path], output)
    np.save(tmp_path / "a.npy", numbers(DEPTH)[..., 0])
    with pytest.raises(DiptychError, match=r"a.npy: 171x203: more than the limit of 9,999 pixels"):
        translate_large(made, [tmp_path / "a.npy"], output)
    monkeypatch.undo()
    assert np.abs(read_values(output).astype(int) - whole).max() <= 6
