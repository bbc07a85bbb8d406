"""What a file says of itself and what reading it gives are one, whatever the file is."""

import io
import struct
import zlib
from pathlib import Path

import imagecodecs
import numpy as np
import pytest
import tifffile
from PIL import Image

from diptych.errors import DiptychError
from diptych.images.domain import plain
from diptych.images.rgb import read_image
from diptych.images.tiff_windows import open_tiff
from diptych.images.values import probe, read_values

HEIGHT, WIDTH = 20, 28
PHOTO = np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH, 4), np.uint8)
WIDE = PHOTO.astype(np.uint16) * 257


def exif(orientation: int) -> Image.Exif:
    said = Image.Exif()
    said[0x0112] = orientation
    return said


def saved(mode: str, form: str, **options) -> bytes:
    file = io.BytesIO()
    image = Image.fromarray(PHOTO).convert("RGB")
    (Image.fromarray(WIDE[..., 0]) if mode == "I;16" else image.convert(mode)).save(
        file, form, **options
    )
    return file.getvalue()


def chunk(kind: bytes, content: bytes) -> bytes:
    check = struct.pack(">I", zlib.crc32(kind + content))
    return struct.pack(">I", len(content)) + kind + content + check


def with_chunk(png: bytes, kind: bytes, content: bytes, before: bytes = b"IDAT") -> bytes:
    place = png.index(before) - 4
    return png[:place] + chunk(kind, content) + png[place:]


def tiff(values: np.ndarray, **options) -> bytes:
    file = io.BytesIO()
    tifffile.imwrite(file, values, **options)
    return file.getvalue()


def array(values: np.ndarray, save=np.save) -> bytes:
    file = io.BytesIO()
    save(file, values)
    return file.getvalue()


PNG_16 = {channels: imagecodecs.png_encode(WIDE[..., :channels].copy()) for channels in (2, 3, 4)}
TURNED = {
    **{
        f"{mode} {form}{ending}": saved(mode, form, exif=exif(6))
        for mode in ("RGB", "L")
        for form, ending in (("PNG", ".png"), ("JPEG", ".jpg"), ("TIFF", ".tif"))
    },
    "photo.webp": saved("RGB", "WEBP", exif=exif(6)),
    "16 bits.png": saved("I;16", "PNG", exif=exif(6)),
    "16 bits.tif": saved("I;16", "TIFF", exif=exif(6)),
    "deflate.tif": saved("L", "TIFF", exif=exif(6), compression="tiff_adobe_deflate"),
    "CMYK.jpg": saved("CMYK", "JPEG", exif=exif(6)),
    "a TIFF by another name.png": saved("RGB", "TIFF", exif=exif(6)),
    "said behind the pixels.png": with_chunk(
        saved("RGB", "PNG"), b"eXIf", exif(6).tobytes()[6:], before=b"IEND"
    ),
    "bands.tif": tiff(
        PHOTO.astype(np.float32),
        planarconfig="contig",
        photometric="minisblack",
        extratags=[(274, "H", 1, 6, True)],
    ),
    **{
        f"16 bits {channels}.png": with_chunk(png, b"eXIf", exif(6).tobytes()[6:])
        for channels, png in PNG_16.items()
    },
}
AS_STORED = {
    **{f"{mode}.png": saved(mode, "PNG") for mode in ("1", "L", "LA", "P", "RGB", "RGBA", "I;16")},
    **{f"{mode}.tif": saved(mode, "TIFF") for mode in ("1", "L", "P", "RGB", "RGBA", "CMYK")},
    **{f"photo.{form}": saved("RGB", form) for form in ("bmp", "gif", "ppm")},
    **{f"16 bits {channels}.png": png for channels, png in PNG_16.items()},
    "no such turn.jpg": saved("RGB", "JPEG", exif=exif(9)),
    "one colour transparent.png": saved("P", "PNG", transparency=0),
    "one colour of 16 bits transparent.png": with_chunk(
        PNG_16[3], b"tRNS", WIDE[0, 0, :3].tobytes()
    ),
    "4095.pgm": b"P5 28 20 4095\n" + (WIDE[..., 0] // 17).astype(">u2").tobytes(),
    "16 bits.ppm": b"P6 28 20 65535\n" + WIDE[..., :3].astype(">u2").tobytes(),
    "floats.ppm": b"Pf 28 20 -1.0\n" + PHOTO[..., 0].astype("<f4").tobytes(),
    "bits.pgm": b"P4 28 20\n" + bytes(4 * HEIGHT),
    "pages.tif": tiff(WIDE[..., :3].transpose(2, 0, 1), photometric="minisblack"),
    "planes.tif": tiff(PHOTO[..., :3].transpose(2, 0, 1), photometric="rgb"),
    "doubles.tif": tiff(
        PHOTO.astype(">f8"), photometric="minisblack", planarconfig="contig", compression="zlib"
    ),
    "bits.tif": tiff(PHOTO[..., 0] > 99),
    "nodata in words.tif": tiff(WIDE[..., 0], extratags=[(42113, 2, 0, "none", True)]),
    "flat.npy": array(WIDE[..., 0]),
    "columns first.npy": array(np.asfortranarray(WIDE)),
    "the other order.npy": array(WIDE.astype(">i4")),
    "bits.npy": array(PHOTO > 99),
    "one.npz": array(PHOTO.astype(np.float64), np.savez_compressed),
}
FILES = {f"turned {name}": stored for name, stored in TURNED.items()} | AS_STORED


@pytest.mark.parametrize("name", FILES)
def test_a_probe_and_every_reader_agree(name, tmp_path):
    path = tmp_path / name
    path.write_bytes(FILES[name])
    said, values = probe(path), read_values(path)
    assert values.shape == (said.height, said.width, said.channels)
    assert values.dtype.name == said.dtype
    turned = name.startswith("turned")
    assert values.shape[:2] == ((WIDTH, HEIGHT) if turned else (HEIGHT, WIDTH))
    if path.suffix not in {".npy", ".npz"} and said.dtype in {"uint8", "uint16"}:
        assert read_image(path).size == (said.width, said.height)
    windows = open_tiff(path, plain("photo")) if path.suffix == ".tif" else None
    if windows is not None:
        assert windows.shape[:2] == values.shape[:2]
        windows.close()


# What brings rows and columns upright, for each of EXIF's numbers.
TURNS = (
    lambda a: a,
    lambda a: a[:, ::-1],
    lambda a: a[::-1, ::-1],
    lambda a: a[::-1],
    lambda a: a.swapaxes(0, 1),
    lambda a: np.rot90(a, -1),
    lambda a: np.rot90(a, 2).swapaxes(0, 1),
    np.rot90,
)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_numbers_and_colours_lie_alike(orientation, tmp_path):
    """Files that hold the same picture, turned in every way, in all that keeps it unchanged."""
    files = {
        "photo.png": saved("RGB", "PNG", exif=exif(orientation)),
        "photo.tif": saved("RGB", "TIFF", exif=exif(orientation)),
        "by another name.png": saved("RGB", "TIFF", exif=exif(orientation)),
        "behind.png": with_chunk(
            saved("RGB", "PNG"), b"eXIf", exif(orientation).tobytes()[6:], before=b"IEND"
        ),
        "wide.png": with_chunk(PNG_16[3], b"eXIf", exif(orientation).tobytes()[6:]),
        "gray.tif": saved("I;16", "TIFF", exif=exif(orientation)),
    }
    upright = TURNS[orientation - 1](PHOTO[..., :3])
    for name, stored in files.items():
        (tmp_path / name).write_bytes(stored)
        levels = upright[..., :1] if name == "gray.tif" else upright
        values = read_values(tmp_path / name)
        assert np.array_equal(values // 257 if values.dtype == np.uint16 else values, levels), name
        colours = np.asarray(read_image(tmp_path / name))
        assert np.array_equal(colours, np.broadcast_to(levels, colours.shape)), name


def test_numbers_that_are_not_what_the_header_says_are_refused(tmp_path, monkeypatch):
    path: Path = tmp_path / "a.png"
    path.write_bytes(PNG_16[3])
    monkeypatch.setattr(imagecodecs, "png_decode", lambda _: WIDE[1:])
    with pytest.raises(DiptychError, match=r"a\.png: holds numbers \(19, 28, 3\) of uint16, but"):
        read_values(path)
