import io

import numpy as np
import pytest
from PIL import Image

from diptych.errors import DiptychError
from diptych.images.files import ending_of
from diptych.images.stored import stored_picture
from diptych.images.values import read_values

RANDOM = np.random.default_rng(0)


@pytest.mark.parametrize(
    ("shape", "dtype", "ending"),
    [
        ((6, 5), "uint8", ".png"),
        ((6, 5, 1), "uint8", ".png"),
        ((6, 5, 3), "uint8", ".png"),
        ((6, 5, 4), "uint8", ".png"),
        ((6, 5, 2), "uint8", ".npy"),
        ((6, 5, 7), "uint8", ".npy"),
        ((6, 5), "uint16", ".npy"),
        ((6, 5, 3), "int32", ".npy"),
        ((6, 5, 2), "float32", ".npy"),
    ],
)
def test_an_array_is_read_back_as_it_was(shape, dtype, ending, tmp_path):
    values = (RANDOM.random(shape) * 250).astype(dtype)[::-1]
    stored = stored_picture(values)
    assert ending_of(stored) == ending
    path = tmp_path / f"a{ending}"
    path.write_bytes(stored)
    again = read_values(path)
    assert again.dtype == dtype
    np.testing.assert_array_equal(again, values.reshape(6, 5, -1))


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I;16", "I", "F"])
def test_an_image_of_any_mode_is_kept(mode, tmp_path):
    colours = Image.fromarray(RANDOM.integers(0, 256, (6, 5, 3), np.uint8))
    wide = mode in {"I;16", "I", "F"}
    grey = np.full((6, 5), 40_000, {"I;16": "uint16", "I": "int32", "F": "float32"}.get(mode))
    image = Image.fromarray(grey) if wide else colours.convert(mode)
    stored = stored_picture(image)
    path = tmp_path / f"a{ending_of(stored)}"
    path.write_bytes(stored)
    if mode == "CMYK":
        image = image.convert("RGB")
    values = np.asarray(image)
    np.testing.assert_array_equal(np.squeeze(read_values(path)), values)


def test_an_image_is_kept_upright():
    image = Image.fromarray(RANDOM.integers(0, 256, (6, 5, 3), np.uint8))
    image.getexif()[0x0112] = 6  # a quarter turn
    assert Image.open(io.BytesIO(stored_picture(image))).size == (6, 5)


@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP", "TIFF", "GIF", "BMP", "PPM"])
def test_files_and_their_bytes_stay_as_they_are(form, tmp_path):
    path = tmp_path / "a.picture"
    Image.new("RGB", (4, 4)).save(path, form)
    assert stored_picture(path) == stored_picture(str(path)) == path
    stored = path.read_bytes()
    assert stored_picture(stored) == stored
    ending = ending_of(stored)
    path.rename(tmp_path / f"a{ending}")
    assert read_values(tmp_path / f"a{ending}").shape == (4, 4, 1 if form == "GIF" else 3)


@pytest.mark.parametrize(
    ("picture", "message"),
    [
        (b"<html>", "not a picture of a known format"),
        (b"", "not a picture of a known format"),
        ("none.png", "no such file: none.png"),
        (None, "nothing: give a path"),
        (7, "int: give a path"),
        (np.zeros(4), r"an array \(4,\) of float64"),
        (np.zeros((0, 4)), r"an array \(0, 4\)"),
        (np.zeros((4, 4), complex), "of complex128"),
        (np.zeros((2, 4, 4, 3)), r"an array \(2, 4, 4, 3\)"),
        (np.array([["a"]]), "give numbers"),
    ],
)
def test_what_is_no_picture_is_said(picture, message):
    with pytest.raises(DiptychError, match=message):
        stored_picture(picture)
