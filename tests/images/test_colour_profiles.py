"""Colours mean what their profile says: converted once, from a file or from an image."""

import io
import struct

import numpy as np
import pytest
from PIL import Image, ImageCms

from diptych.images.colour_profiles import to_srgb
from diptych.images.rgb import colours_of, read_image

LEVELS = np.arange(256, dtype=np.uint8).reshape(16, 16)
PHOTO = np.stack([LEVELS, LEVELS.T, LEVELS[::-1]], -1)
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def tags(profile: bytes) -> dict[bytes, tuple[int, int]]:
    """Where the parts of a profile lie, by their names."""
    entries = struct.iter_unpack(
        ">4sII", profile[132 : 132 + 12 * struct.unpack(">I", profile[128:132])[0]]
    )
    return {name: (place, length) for name, place, length in entries}


def linear_srgb() -> bytes:
    """What calls itself sRGB, but counts light evenly."""
    profile = bytearray(SRGB)
    for name, (place, length) in tags(SRGB).items():
        if name.endswith(b"TRC"):
            profile[place : place + length] = (b"curv" + bytes(8)).ljust(length, b"\0")
    return bytes(profile)


def linear_gray() -> bytes:
    white = b"XYZ " + bytes(4) + struct.pack(">3i", 63190, 65536, 54061)
    parts = {b"wtpt": white, b"kTRC": b"curv" + bytes(8)}
    place, table, body = 132 + 12 * len(parts), struct.pack(">I", len(parts)), b""
    for name, part in parts.items():
        table += struct.pack(">4sII", name, place + len(body), len(part))
        body += part
    header = bytearray(128)
    header[8:12], header[12:24] = b"\x02\x10\0\0", b"mntrGRAYXYZ "
    header[36:40], header[68:80] = b"acsp", white[8:]
    header[0:4] = struct.pack(">I", 128 + len(table + body))
    return bytes(header) + table + body


def as_shown(levels: np.ndarray) -> np.ndarray:
    """Levels that count light evenly, as sRGB has them."""
    light = levels / 255
    return np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055) * 255


IMAGES = {
    "RGB": Image.fromarray(PHOTO),
    "RGBA": Image.fromarray(PHOTO).convert("RGBA"),
    "P": Image.fromarray(PHOTO).quantize(64),
    "L": Image.fromarray(LEVELS),
    "LA": Image.fromarray(LEVELS).convert("LA"),
    "1": Image.fromarray(LEVELS > 99),
    "I;16": Image.fromarray(LEVELS.astype(np.uint16) * 257),
}


@pytest.mark.parametrize("alpha", [False, True])
@pytest.mark.parametrize(
    "profile", [linear_srgb(), linear_gray(), SRGB], ids=["RGB", "gray", "sRGB"]
)
@pytest.mark.parametrize("mode", IMAGES)
def test_a_profile_says_what_the_levels_mean(mode, profile, alpha, tmp_path):
    image, path = IMAGES[mode], tmp_path / "a.png"
    image.save(path, icc_profile=profile)
    found = read_image(path, kind="rgba" if alpha else "rgb")
    plain = LEVELS if mode == "I;16" else np.asarray(image.convert("RGB"))
    levels = np.broadcast_to(plain.reshape(16, 16, -1), (16, 16, 3))
    gray = mode in {"L", "LA", "1", "I;16"}
    fits = profile == (linear_gray() if gray else linear_srgb())
    expected = as_shown(levels) if fits else levels
    assert np.abs(np.asarray(found)[..., :3] - expected).max() <= (1.6 if fits else 0)
    with Image.open(path) as held:
        assert np.array_equal(
            np.asarray(colours_of(held, kind="rgba" if alpha else "rgb")), np.asarray(found)
        )
    with Image.open(path) as held:
        held.load()
        assert np.array_equal(
            np.asarray(colours_of(held.copy(), kind="rgba" if alpha else "rgb")), np.asarray(found)
        )
    assert np.array_equal(
        np.asarray(colours_of(found, kind="rgba" if alpha else "rgb")), np.asarray(found)
    ), "once"


def test_a_profile_of_ink_and_one_that_is_damaged(tmp_path):
    ink = Image.fromarray(PHOTO).convert("CMYK")
    for profile in (b"no profile", SRGB, linear_gray()):
        ink.save(tmp_path / "a.tif", icc_profile=profile)
        expected = np.asarray(ink.convert("RGB"))
        assert np.array_equal(np.asarray(read_image(tmp_path / "a.tif")), expected)
        assert to_srgb(ink) is ink


@pytest.mark.parametrize("form", ["PNG", "JPEG", "TIFF", "WEBP"])
@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
def test_an_image_is_what_its_file_is(form, orientation, tmp_path):
    said = Image.Exif()
    said[0x0112] = orientation
    file = io.BytesIO()
    Image.fromarray(PHOTO[:9]).save(file, form, exif=said, icc_profile=linear_srgb())
    path = tmp_path / "a.picture"
    path.write_bytes(file.getvalue())
    whole = np.asarray(read_image(path))
    assert whole.shape == ((9, 16, 3) if orientation in {1, 3} else (16, 9, 3))
    for held in (Image.open(path), Image.open(io.BytesIO(file.getvalue()))):
        with held:
            assert np.array_equal(np.asarray(colours_of(held)), whole)
