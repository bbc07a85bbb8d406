import io
import zipfile

import imagecodecs
import numpy as np
import pytest
import tifffile
from PIL import Image

from diptych.errors import DiptychError
from diptych.images.values import probe, read_values
from diptych.images.writing import write_values


def numbers(height, width, channels, dtype):
    random = np.random.default_rng(0)
    if np.dtype(dtype).kind == "f":
        return random.normal(size=(height, width, channels)).astype(dtype)
    limits = np.iinfo(dtype)
    return random.integers(limits.min, limits.max, (height, width, channels), dtype, endpoint=True)


FITS = [
    ("png", 1, "uint8"),
    ("png", 3, "uint8"),
    ("png", 4, "uint8"),
    ("png", 1, "uint16"),
    ("png", 3, "uint16"),
    ("bmp", 3, "uint8"),
    ("pgm", 1, "uint8"),
    *[
        (ending, channels, dtype)
        for ending in ("tif", "npy")
        for channels in (1, 2, 3, 12)
        for dtype in ("uint8", "uint16", "int16", "int32", "float32", "float64")
    ],
]


@pytest.mark.parametrize(("ending", "channels", "dtype"), FITS)
def test_what_is_written_is_read_again_unchanged(ending, channels, dtype, tmp_path):
    values, path = numbers(13, 7, channels, dtype), tmp_path / f"a.{ending}"
    write_values(path, values)
    found = read_values(path)
    assert found.dtype == values.dtype
    assert np.array_equal(found, values)
    said = probe(path)
    assert (said.height, said.width, said.channels, said.dtype) == (13, 7, channels, dtype)
    assert said.plain == (dtype == "uint8" and channels <= 4 and ending != "npy")


@pytest.mark.parametrize("dtype", ["uint16", "int16", "float32"])
@pytest.mark.parametrize("compression", [None, "lzw", "zlib", "zstd"])
@pytest.mark.parametrize("options", [{"tile": (16, 16)}, {"rowsperstrip": 5}, {"bigtiff": True}])
def test_tiffs_of_every_make(options, compression, dtype, tmp_path):
    values, path = numbers(40, 33, 5, dtype), tmp_path / "a.tif"
    for planar, stored in (("contig", values), ("separate", np.moveaxis(values, -1, 0))):
        tifffile.imwrite(
            path, stored, photometric="minisblack", planarconfig=planar,
            compression=compression, **options,
        )  # fmt: skip
        assert np.array_equal(read_values(path), values)
        assert probe(path).channels == 5


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_tiff_that_says_it_is_turned_is_upright_as_pillow_has_it(orientation, tmp_path):
    values, path = numbers(5, 9, 3, "uint8"), tmp_path / "a.tif"
    exif = Image.Exif()
    exif[274] = orientation
    Image.fromarray(values).save(path, exif=exif)
    from diptych.images.rgb import read_image

    assert np.array_equal(read_values(path), np.asarray(read_image(path)))


def test_palette_pictures_give_their_indices(tmp_path):
    indices, path = np.array([[0, 1], [2, 1]], np.uint8), tmp_path / "a.png"
    write_values(path, indices[..., None], palette=("#000000", "#ff0000", "#00ff80"))
    assert np.array_equal(read_values(path)[..., 0], indices)
    assert probe(path).palette[:3] == ("#000000", "#ff0000", "#00ff80")
    with Image.open(path) as image:
        assert image.convert("RGB").getpixel((0, 1)) == (0, 255, 128)


def test_a_pgm_keeps_its_own_numbers_whatever_its_highest(tmp_path):
    values = np.array([[0, 1, 999], [1000, 4094, 4095]], ">u2")
    path = tmp_path / "a.pgm"
    path.write_bytes(b"P5\n# made here\n3 2\n4095\n" + values.tobytes())
    assert np.array_equal(read_values(path)[..., 0], values)
    assert read_values(path).dtype == np.uint16


def test_real_depth_and_bands_are_read(shared_data):
    depth = read_values(next((shared_data / "rgbd16/depth").glob("*.pgm")))
    assert depth.shape == (480, 640, 1)
    assert depth.dtype == np.uint16
    for folder, channels, dtype in (("S1RTC", 2, "float64"), ("S2L2A", 12, "int16")):
        path = next((shared_data / "geotiff" / folder).glob("*.tif"))
        values = read_values(path)
        assert values.shape == (224, 224, channels)
        assert values.dtype == dtype
        assert np.array_equal(values, tifffile.imread(path))


def test_an_archive_of_one_array(tmp_path):
    values = numbers(4, 6, 2, "float32")
    np.savez_compressed(tmp_path / "one.npz", values)
    assert np.array_equal(read_values(tmp_path / "one.npz"), values)
    np.savez(tmp_path / "two.npz", a=values, b=values)
    with pytest.raises(DiptychError, match=r"two\.npz: holds 2 arrays"):
        read_values(tmp_path / "two.npz")


def npy(header: str) -> bytes:
    text = header.encode().ljust(118, b" ") + b"\n"
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text


BAD = {
    "objects.npy": (npy("{'descr': '|O', 'fortran_order': False, 'shape': (2, 2)}"), "type object"),
    "huge.npy": (
        npy("{'descr': '<f4', 'fortran_order': False, 'shape': (900000, 900000)}"),
        "more than the limit of 178,000,000 pixels",
    ),
    "bands.npy": (
        npy("{'descr': '<f8', 'fortran_order': False, 'shape': (9000, 9000, 500)}"),
        "more than the limit",
    ),
    "four.npy": (
        npy("{'descr': '<f4', 'fortran_order': False, 'shape': (2, 2, 2, 2)}"),
        r"expected \(H, W\) or \(H, W, C\)",
    ),
    "short.npy": (npy("{'descr': '<f4', 'fortran_order': False, 'shape': (9, 9)}"), "cannot be"),
    "text.tif": (b"no tiff at all", "cannot be read"),
    "text.png": (b"no picture at all", "not a picture that can be read"),
    "empty.pgm": (b"", "not a picture that can be read"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_files_are_named_in_a_line(name, tmp_path):
    path = tmp_path / name
    content, reason = BAD[name]
    path.write_bytes(content)
    with pytest.raises(DiptychError, match=reason) as caught:
        read_values(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)


def test_a_tiff_bomb_is_refused_by_its_header(tmp_path, monkeypatch):
    file = io.BytesIO()
    tifffile.imwrite(file, np.zeros((64, 64), np.uint8), compression="zlib")
    (tmp_path / "a.tif").write_bytes(file.getvalue())
    monkeypatch.setenv("DIPTYCH_MAX_PIXELS", "4095")
    for read in (probe, read_values):
        with pytest.raises(DiptychError, match="64x64: more than the limit of 4,095 pixels"):
            read(tmp_path / "a.tif")


def test_a_zip_bomb_is_refused_by_the_array_it_declares(tmp_path):
    path = tmp_path / "a.npz"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        header = npy("{'descr': '|u1', 'fortran_order': False, 'shape': (100000, 100000)}")
        archive.writestr("a.npy", header + bytes(1_000_000))
    with pytest.raises(DiptychError, match="more than the limit"):
        read_values(path)


def test_sixteen_bit_colours_keep_all_their_bits(tmp_path):
    values = numbers(6, 5, 3, "uint16")
    (tmp_path / "a.png").write_bytes(imagecodecs.png_encode(values))
    assert np.array_equal(read_values(tmp_path / "a.png"), values)
    assert probe(tmp_path / "a.png").dtype == "uint16"


@pytest.mark.parametrize("ending", ["png", "jpg", "bmp"])
def test_a_probe_decodes_nothing(ending, tmp_path):
    path = tmp_path / f"a.{ending}"
    Image.fromarray(numbers(200, 100, 3, "uint8")).save(path)
    path.write_bytes(path.read_bytes()[:2000])
    with pytest.raises(DiptychError):
        read_values(path)
    assert (probe(path).width, probe(path).height) == (100, 200)
