"""Labels as people keep them: palettes of their own, gray masks, numbers that mean nothing."""

import numpy as np
import pytest
import tifffile
import torch
from PIL import Image

from diptych.errors import DiptychError
from diptych.images.arrays import read_array
from diptych.images.display import displayed
from diptych.images.domain import Domain
from diptych.images.encoding import data_mask, decode, encode
from diptych.images.tiff_windows import open_tiff
from diptych.images.values import probe
from diptych.images.writing import write_values

MASK = Domain(name="B", kind="labels", channels=2, palette=("#000000", "#ffffff"))
COLOURED = Domain(name="B", kind="labels", channels=3, palette=("#000000", "#ff0000", "#00ff00"))
NUMBERED = Domain(name="B", kind="labels", channels=3, nodata=255)


def with_table(path, indices, table) -> None:
    image = Image.fromarray(np.array(indices, np.uint8), "P")
    image.putpalette(b"".join(bytes.fromhex(colour[1:]) for colour in table))
    image.save(path)


@pytest.mark.parametrize("ending", ["png", "gif"])
def test_an_index_in_one_file_is_another_colour_in_the_next(ending, tmp_path):
    """As GIMP and pngquant write them."""
    one, other = tmp_path / f"one.{ending}", tmp_path / f"other.{ending}"
    with_table(one, [[0, 1], [1, 2]], COLOURED.palette)
    with_table(other, [[0, 1], [1, 0]], ["#00ff00", "#ff0000"])
    assert read_array(one, COLOURED)[..., 0].tolist() == [[0, 1], [1, 2]]
    assert read_array(other, COLOURED)[..., 0].tolist() == [[2, 1], [1, 2]]
    with_table(other, [[0, 1], [1, 0]], ["#00ff00", "#0000ff"])
    with pytest.raises(DiptychError, match=rf"other\.{ending}: colour #0000ff in 2 pixels"):
        read_array(other, COLOURED)


def test_colour_tables_of_tiff(tmp_path):
    """Whole and by windows, which do not see what the rest of the file holds."""
    domain = Domain(name="B", kind="labels", channels=2, palette=("#ff0000", "#000000"))
    for name, indices, table in (
        ("own", [[0, 1]], domain.palette),
        ("other", [[1, 0]], domain.palette[::-1]),
        ("none", [[0, 1]], ()),
    ):
        path = tmp_path / f"{name}.tif"
        write_values(path, np.array(indices, np.uint8)[..., None], palette=table)
        assert probe(path).palette[: len(table)] == table
        assert read_array(path, domain)[..., 0].tolist() == [[0, 1]], name
        windows = open_tiff(path, domain)
        for column in (0, 1):
            assert windows.read(((0, 1), (column, column + 1))).item() == column, name
        windows.close()
    write_values(tmp_path / "mask.tif", np.array([[[0], [255]]], np.uint8))
    windows = open_tiff(tmp_path / "mask.tif", MASK)
    assert windows.read(((0, 1), (0, 2)))[..., 0].tolist() == [[0, 1]]
    windows.close()


@pytest.mark.parametrize(
    ("values", "expected"),
    [([[0, 255]], [[0, 1]]), ([[0, 1]], [[0, 1]]), ([[0, 0]], [[0, 0]]), ([[255] * 2], [[1, 1]])],
)
def test_gray_is_a_colour_of_the_palette(values, expected, tmp_path):
    Image.fromarray(np.array(values, np.uint8)).save(tmp_path / "a.png")
    assert read_array(tmp_path / "a.png", MASK)[..., 0].tolist() == expected


def test_gray_that_is_no_colour_of_the_palette_is_named(tmp_path):
    for values, message in (
        ([0, 128, 255], "colour #808080 in 1 pixels"),
        ([0, 128, 128], "label 128 in 2 pixels, .* and #808080 is not in its palette"),
    ):
        Image.fromarray(np.array([values], np.uint8)).save(tmp_path / "a.png")
        with pytest.raises(DiptychError, match=rf"a\.png: {message}"):
            read_array(tmp_path / "a.png", MASK)


@pytest.mark.parametrize(
    ("nodata", "values", "expected"),
    [
        (255, np.array([[0, 2, 255]], np.uint8), [0, 2, 255]),
        (2, np.array([[0, 2, 1]], np.uint8), [0, 2, 1]),
        (-9999, np.array([[0, 2, -9999]], np.int16), [0, 2, 255]),
        (-9999, np.array([[0, 2, np.nan]], np.float32), [0, 2, 255]),
        (65535, np.array([[1, 65535, 0]], np.uint16), [1, 255, 0]),
    ],
)
def test_what_means_no_class_is_no_label(nodata, values, expected, tmp_path):
    domain = NUMBERED.model_copy(update={"nodata": nodata})
    tifffile.imwrite(tmp_path / "a.tif", values)
    read = read_array(tmp_path / "a.tif", domain)
    assert read[..., 0].tolist() == [expected]
    known = [number != domain.void for number in expected]
    pictures = torch.from_numpy(read[None])
    assert data_mask(pictures, domain)[0, 0, :, 0].tolist() == known
    assert encode(pictures, domain).abs().amax(dim=1)[0, 0].tolist() == [float(k) for k in known]
    assert displayed(read, domain)[0, known.index(False)].tolist() == [0, 0, 0]


def test_a_number_that_may_mean_nothing_is_refused_with_what_to_say(tmp_path):
    write_values(tmp_path / "a.png", np.array([[[0], [255]]], np.uint8))
    with pytest.raises(DiptychError, match=r"label 255 .* --set domain\.B\.nodata=255$"):
        read_array(tmp_path / "a.png", NUMBERED.model_copy(update={"nodata": None}))
    np.save(tmp_path / "a.npy", np.array([[0, 0.5]]))
    with pytest.raises(DiptychError, match=r"label 0\.5 in 1 pixels"):
        read_array(tmp_path / "a.npy", NUMBERED)


def test_results_have_no_class_where_the_source_has_no_data():
    depth = Domain(name="A", kind="values", channels=1, dtype="float32")
    outputs = torch.tensor([[1.0, 1.0], [-1, -1], [-1, -1]]).view(1, 3, 1, 2)
    sources = torch.tensor([5.0, torch.nan]).view(1, 1, 2, 1)
    assert decode(outputs, NUMBERED, sources, depth).flatten().tolist() == [0, 255]
    plain = NUMBERED.model_copy(update={"nodata": None})
    assert decode(outputs, plain, sources, depth).flatten().tolist() == [0, 0]


def test_256_classes_leave_no_number_for_what_has_none():
    with pytest.raises(ValueError, match="beside 256 classes there is no room for -9999"):
        Domain(name="B", kind="labels", channels=256, nodata=-9999)
