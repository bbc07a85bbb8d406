"""Packages of the zoo, in the zoo's own library; what is asked before it is needed."""

import importlib.util
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
from tests.export.neighbours.drawn_pairs import draw_pairs, of_pairs
from tests.export.test_onnx_export import pictures

from diptych.errors import DiptychError
from diptych.export.neighbours.bioimage_export import (
    NEEDS,
    export_bioimage,
    halo_of,
    quietly,
)
from diptych.export.neighbours.plain_export import as_plain
from diptych.export.neighbours.zoo_description import Attribution

WHOSE = Attribution("CC-BY-4.0", ("A. Person",))
SIDE = 32
installed = pytest.mark.skipif(
    importlib.util.find_spec("bioimageio") is None, reason="needs pip install 'diptych[bioimage]'"
)


@pytest.fixture(scope="module")
def pairs(tmp_path_factory) -> Path:
    return draw_pairs(tmp_path_factory.mktemp("pairs"), SIDE, 3)


@installed
@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "options"), [("resunet", {"blocks": 1, "look_numbers": 6}), ("unet", {})]
)
def test_the_zoo_passes_a_package_and_gives_the_pictures_of_the_model(
    name, options, pairs, tmp_path
):
    made, out = of_pairs(name, options, SIDE), tmp_path / "mine.zip"
    parity, remarks = export_bioimage(made, out, pairs, WHOSE)
    assert parity.psnr >= 60
    assert len(remarks) == 1
    assert "maintainers" in remarks[0]
    names = set(zipfile.ZipFile(out).namelist())
    assert {"weights.onnx", "README.md", "cover.png", "test-input.npy"} <= names
    source = pictures(made.header.source, 1, 70, 90)
    with quietly():
        from bioimageio.core import predict

        sample = predict(model=out, inputs={"source": np.moveaxis(source, 3, 1)})
        result = np.moveaxis(np.asarray(sample.members["translated"].data), 1, 3)
    assert result.dtype == np.uint8
    assert np.abs(result.astype(int) - made.translate(source)).max() <= 1


@installed
@pytest.mark.slow
def test_in_tiles_it_gives_those_pictures_too_but_for_a_frame(pairs, tmp_path):
    made, out = of_pairs("residual", {"blocks": 2}, SIDE), tmp_path / "mine.zip"
    export_bioimage(made, out, pairs, WHOSE, tiles=True)
    halo = halo_of(as_plain(made, "bioimage", in_tiles=True))
    source = pictures(made.header.source, 1, 150, 150)
    block = {"source": {"batch": 1, "channel": 3, "y": 80, "x": 80}}
    with quietly():
        from bioimageio.core import predict

        inputs = {"source": np.moveaxis(source, 3, 1)}
        sample = predict(model=out, inputs=inputs, input_block_shape=block)
        result = np.moveaxis(np.asarray(sample.members["translated"].data), 1, 3)
    inner = np.s_[:, halo:-halo, halo:-halo]
    assert np.abs(result.astype(int) - made.translate(source))[inner].max() <= 1


def test_where_the_whole_decides_there_are_no_tiles():
    made = as_plain(of_pairs("unet", {}, SIDE), "bioimage", in_tiles=True)
    with pytest.raises(DiptychError, match="--tiles: this model takes statistics of the whole"):
        halo_of(made)


def test_the_extra_is_named_where_it_is_missing(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "bioimageio", None)
    monkeypatch.setitem(sys.modules, "bioimageio.core", None)
    with pytest.raises(DiptychError) as raised:
        export_bioimage(of_pairs("unet", {}, SIDE), tmp_path / "x.zip", tmp_path, WHOSE)
    assert str(raised.value) == NEEDS


@installed
@pytest.mark.parametrize(
    ("whose", "said"),
    [
        (Attribution("my own", ("A. Person",)), "--license 'my own': not a licence by its name"),
        (Attribution("MIT", ("A. Person", "a/b")), "--author 'a/b': "),
    ],
)
def test_what_the_zoo_does_not_take_is_said_before_anything_is_proved(whose, said, tmp_path):
    made = of_pairs("unet", {}, SIDE)
    with pytest.raises(DiptychError, match=said):
        export_bioimage(made, tmp_path / "mine.zip", tmp_path / "no pairs", whose)
