"""The numbers of a file are its own, however Pillow would stretch them to show it."""

import io
import struct
import zlib
from pathlib import Path

import imagecodecs
import numpy as np
import pytest
import tifffile
from PIL import Image

from diptych.images.domain import plain
from diptych.images.rgb import colours_of, read_image
from diptych.images.tiff_windows import open_tiff
from diptych.images.values import probe, read_values

HEIGHT, WIDTH = 6, 8
PLACES = np.arange(HEIGHT * WIDTH).reshape(HEIGHT, WIDTH)


def chunk(kind: bytes, content: bytes) -> bytes:
    check = struct.pack(">I", zlib.crc32(kind + content))
    return struct.pack(">I", len(content)) + kind + content + check


def gray_png(values: np.ndarray, bits: int, more: bytes = b"") -> bytes:
    """A PNG of so many bits for each gray, which Pillow does not write below 8."""
    big = values.astype(">u2").view(np.uint8).reshape(*values.shape, 2)
    rows = np.packbits(np.unpackbits(big, axis=-1)[..., -bits:].reshape(len(values), -1), axis=1)
    header = struct.pack(">IIBBBBB", values.shape[1], values.shape[0], bits, 0, 0, 0, 0)
    data = zlib.compress(b"".join(b"\0" + row.tobytes() for row in rows))
    parts = chunk(b"IHDR", header) + more + chunk(b"IDAT", data) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + parts


def read(tmp_path, name: str, stored: bytes) -> np.ndarray:
    path = tmp_path / name
    path.write_bytes(stored)
    said, values = probe(path), read_values(path)
    assert (said.height, said.width, said.channels) == values.shape
    assert said.dtype == values.dtype.name
    return values


@pytest.mark.parametrize("bits", [1, 2, 4, 8, 16])
@pytest.mark.parametrize("transparent", [False, True])
def test_a_gray_png_of_any_depth(bits, transparent, tmp_path):
    values = PLACES * 7 % 2**bits
    key = chunk(b"tRNS", struct.pack(">H", values[0, 1])) if transparent else b""
    found = read(tmp_path, "a.png", gray_png(values, bits, key))
    assert np.array_equal(found[..., 0], values)
    assert probe(tmp_path / "a.png").alpha == transparent
    shown = np.asarray(read_image(tmp_path / "a.png"))[..., 0]
    expected = np.round(values / (2**bits - 1) * 255)
    expected[(values == values[0, 1]) & transparent] = 255
    assert np.array_equal(shown, expected), "and is shown over all levels, holes in white"


@pytest.mark.parametrize("highest", [1, 9, 20, 254, 255, 256, 999, 4095, 65535])
@pytest.mark.parametrize("words", [False, True])
@pytest.mark.parametrize("channels", [1, 3])
def test_a_pgm_or_ppm_of_any_highest_number(channels, words, highest, tmp_path):
    values = np.random.default_rng(0).integers(0, highest + 1, (HEIGHT, WIDTH, channels))
    values[0, 0] = highest
    kind = (2 if words else 5) + channels // 2
    data = values.astype("u1" if highest < 256 else ">u2").tobytes()
    if words:
        data = " ".join(map(str, values.ravel())).encode()
    stored = f"P{kind}\n# made here\n{WIDTH} {HEIGHT}\n{highest}\n".encode() + data
    found = read(tmp_path, "a.pnm", stored)
    assert np.array_equal(found, values)
    assert found.dtype == ("uint8" if highest < 256 else "uint16")
    shown = np.asarray(read_image(tmp_path / "a.pnm")).astype(int)
    assert np.abs(shown - values / highest * 255).max() <= 1


def test_comments_stand_between_the_numbers_in_words(tmp_path):
    found = read(tmp_path, "a.pgm", b"P2 2 2 9 1 # one 7\n2\n#3\n3 4 ")
    assert found.ravel().tolist() == [1, 2, 3, 4]


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("bits", [8, 12, 15, 16])
def test_jpeg_2000_of_any_depth(bits, channels, tmp_path):
    values = np.random.default_rng(0).integers(0, 2**bits, (40, 50, channels))
    stored = imagecodecs.jpeg2k_encode(
        np.squeeze(values).astype("uint8" if bits == 8 else "uint16"),
        level=0, bitspersample=bits, reversible=True,
    )  # fmt: skip
    assert np.array_equal(read(tmp_path, "a.jp2", stored), values)


WIDE = np.random.default_rng(0).integers(256, 65536, (HEIGHT, WIDTH, 4), np.uint16)


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("orientation", [1, 6])
@pytest.mark.parametrize("transparent", [False, True])
def test_sixteen_bits_with_exif_and_a_transparent_colour(
    channels, orientation, transparent, tmp_path
):
    values = np.ascontiguousarray(WIDE[..., :channels])
    png, exif, more = imagecodecs.png_encode(np.squeeze(values)), Image.Exif(), b""
    exif[0x0112] = orientation
    if transparent and channels in {1, 3}:
        more = chunk(b"tRNS", values[0, 1].astype(">u2").tobytes())
    place = png.index(b"IDAT") - 4
    stored = png[:place] + chunk(b"eXIf", exif.tobytes()[6:]) + more + png[place:]
    found = read(tmp_path, "a.png", stored)
    upright = np.rot90(values, -1) if orientation == 6 else values
    assert np.array_equal(found, upright)
    image = read_image(tmp_path / "a.png", kind="rgba")
    assert image.size == (found.shape[1], found.shape[0])
    if channels % 2:
        holes = np.asarray(image)[..., 3] == 0
        assert np.array_equal(holes, (upright == values[0, 1]).all(axis=2) & bool(more))
    with Image.open(io.BytesIO(stored)) as held:
        assert np.array_equal(np.asarray(colours_of(held, kind="rgba")), np.asarray(image))


def write_packed(path: Path, values: np.ndarray, bits: int, kind: str) -> None:
    """A TIFF file of samples of so many bits one behind the other, as few libraries write them."""
    each = values[..., None].astype(int) >> np.arange(bits)[::-1] & 1
    rows = np.packbits(each.reshape(len(values), -1).astype("uint8"), axis=1)
    tifffile.imwrite(path, rows, photometric=kind)
    with tifffile.TiffFile(path, mode="r+") as file:
        for tag, value in (("ImageWidth", values.shape[1]), ("BitsPerSample", bits)):
            file.pages[0].tags[tag].overwrite(value)


@pytest.mark.parametrize("kind", ["minisblack", "miniswhite"])
@pytest.mark.parametrize("bits", [2, 4, 8, 10, 12, 16])
def test_a_gray_tiff_of_any_depth_has_its_own_white(bits, kind, tmp_path):
    values = (PLACES * 977 % 2**bits).astype("uint8" if bits <= 8 else "uint16")
    if bits in {8, 16}:
        tifffile.imwrite(tmp_path / "a.tif", values, photometric=kind)
    else:
        write_packed(tmp_path / "a.tif", values, bits, kind)
    assert np.array_equal(read_values(tmp_path / "a.tif")[..., 0], values)
    shown = np.asarray(read_image(tmp_path / "a.tif")).astype(int)[..., 0]
    levels = values / (2**bits - 1) * 255
    assert np.abs(shown - (255 - levels if kind == "miniswhite" else levels)).max() <= 0.5


@pytest.mark.parametrize("compression", ["zstd", "jpeg2000", "png", "jpegxl", "lerc"])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_a_tiff_of_any_compression_is_shown_whole_as_by_windows(channels, compression, tmp_path):
    values = np.random.default_rng(0).integers(0, 256, (64, 64, channels), np.uint8)
    if channels == 4:
        values[..., 3] = 255
    kind = "minisblack" if channels == 1 else "rgb"
    tifffile.imwrite(
        tmp_path / "a.tif", np.squeeze(values), photometric=kind, compression=compression,
        extrasamples=["unassalpha"] * (channels == 4),
    )  # fmt: skip
    whole = np.asarray(read_image(tmp_path / "a.tif"))
    assert np.abs(whole.astype(int) - values[..., :3]).max() <= (
        40 if compression == "jpegxl" else 0
    )
    windows = open_tiff(tmp_path / "a.tif", plain("photo"))
    assert np.array_equal(windows.read(((0, 64), (0, 64))), whole)
    windows.close()
