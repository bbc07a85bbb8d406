import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms

from diptych.errors import DiptychError
from diptych.images import rgb
from diptych.images.limits import DEFAULT
from diptych.images.rgb import read_image, resize, to_rgb

RAMP = np.linspace(0, 65535, 256).astype(np.uint16).reshape(16, 16)  # level 257 * i at place i
LEVELS = np.arange(256, dtype=np.uint8).reshape(16, 16)


def photo(width: int, height: int) -> Image.Image:
    """A smooth picture, different in every corner."""
    rows, columns = np.mgrid[:height, :width]
    x, y = columns / max(1, width - 1), rows / max(1, height - 1)
    return Image.fromarray((np.stack([x, y, 1 - x * y], -1) * 255).round().astype(np.uint8))


def as_array(path: Path) -> np.ndarray:
    image = read_image(path)
    assert image.mode == "RGB"
    return np.asarray(image)


def gray_with_alpha() -> Image.Image:
    return Image.merge("LA", [Image.fromarray(LEVELS), Image.new("L", (16, 16), 255)])


@pytest.mark.parametrize(
    ("name", "image"),
    [
        ("8 bits.png", Image.fromarray(LEVELS)),
        ("8 bits.pgm", Image.fromarray(LEVELS)),
        ("8 bits and alpha.png", gray_with_alpha()),
        ("16 bits.png", Image.fromarray(RAMP)),
        ("16 bits.tif", Image.fromarray(RAMP)),
        ("16 bits.pgm", Image.fromarray(RAMP)),
        ("16 bits, the other order.tif", Image.frombytes("I;16B", (16, 16), RAMP.astype(">u2"))),
    ],
)
def test_the_full_range_of_gray_becomes_the_full_range(name, image, tmp_path):
    image.save(tmp_path / name)
    assert np.array_equal(as_array(tmp_path / name), LEVELS[..., None].repeat(3, 2))


@pytest.mark.parametrize("ending", ["png", "tif"])
def test_16_bits_are_rounded_to_8(ending, tmp_path):
    values = np.arange(65536, dtype=np.uint16).reshape(256, 256)
    Image.fromarray(values).save(tmp_path / f"a.{ending}")
    assert np.array_equal(as_array(tmp_path / f"a.{ending}")[..., 0], np.round(values / 257))


def test_black_and_white_of_one_bit(tmp_path):
    Image.fromarray(LEVELS > 127).save(tmp_path / "a.png")
    assert np.array_equal(as_array(tmp_path / "a.png")[..., 1], np.where(LEVELS > 127, 255, 0))


def test_palettes(tmp_path):
    image = Image.new("P", (3, 1))
    image.putpalette([10, 20, 30, 40, 50, 60, 70, 80, 90])
    image.putdata([2, 0, 1])
    image.save(tmp_path / "plain.png")
    image.save(tmp_path / "one colour transparent.png", transparency=0)
    image.save(tmp_path / "each colour.png", transparency=bytes([255, 0, 255]))
    image.save(tmp_path / "plain.gif")
    plain = [[70, 80, 90], [10, 20, 30], [40, 50, 60]]
    white = [255, 255, 255]
    assert as_array(tmp_path / "plain.png").tolist() == [plain]
    assert as_array(tmp_path / "plain.gif").tolist() == [plain]
    assert as_array(tmp_path / "one colour transparent.png").tolist() == [
        [plain[0], white, plain[2]]
    ]
    assert as_array(tmp_path / "each colour.png").tolist() == [[plain[0], plain[1], white]]


def test_transparent_parts_show_white(tmp_path):
    pixels = np.array([[[0, 0, 0, 0], [10, 20, 30, 255], [0, 100, 200, 128]]], np.uint8)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    clear, opaque, half = as_array(tmp_path / "a.png")[0].tolist()
    assert clear == [255, 255, 255]
    assert opaque == [10, 20, 30]
    assert np.allclose(half, 255 - (255 - np.array([0, 100, 200])) * 128 / 255, atol=1)


def test_a_cmyk_jpeg_keeps_its_colours(tmp_path):
    """Red, green and white in ink; JPEG files hold it inverted."""
    inks = [(0, 255, 255, 0), (255, 0, 255, 0), (0, 0, 0, 0), (0, 0, 0, 255)]
    ink = Image.new("CMYK", (128, 32))
    for i, colour in enumerate(inks):
        ink.paste(colour, (32 * i, 0, 32 * i + 32, 32))
    ink.save(tmp_path / "a.jpg", quality=95)
    found = as_array(tmp_path / "a.jpg")[16, 16::32]
    expected = [[255, 0, 0], [0, 255, 0], [255, 255, 255], [0, 0, 0]]
    assert np.abs(found.astype(int) - expected).max() < 12


# EXIF: at which side of the upright picture the stored first row and first column lie.
SIDES = {
    1: ("top", "left"),
    2: ("top", "right"),
    3: ("bottom", "right"),
    4: ("bottom", "left"),
    5: ("left", "top"),
    6: ("right", "top"),
    7: ("right", "bottom"),
    8: ("left", "bottom"),
}


@pytest.mark.parametrize("ending", ["jpg", "png", "tif", "webp"])
@pytest.mark.parametrize("orientation", SIDES)
def test_pictures_come_upright(orientation, ending, tmp_path):
    upright = np.zeros((32, 48, 3), np.uint8)
    upright[:16, :16], upright[:16, 32:], upright[16:, :16] = 255, (255, 0, 0), (0, 0, 255)
    row, column = SIDES[orientation]
    stored = upright if row in ("top", "bottom") else upright.swapaxes(0, 1)
    stored = stored[::-1] if row in ("bottom", "right") else stored
    stored = stored[:, ::-1] if column in ("bottom", "right") else stored
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = tmp_path / f"a.{ending}"
    options = {} if ending == "tif" else {"quality": 95}
    Image.fromarray(np.ascontiguousarray(stored)).save(path, exif=exif, **options)
    found = as_array(path)
    assert found.shape == upright.shape
    assert np.abs(found.astype(int) - upright).mean() < 6


def png(width: int, height: int, data: bytes) -> bytes:
    def chunk(kind: bytes, content: bytes) -> bytes:
        check = struct.pack(">I", zlib.crc32(kind + content))
        return struct.pack(">I", len(content)) + kind + content + check

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    rest = chunk(b"IDAT", zlib.compress(data)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + header + rest


def saved(image: Image.Image, path: Path) -> bytes:
    image.save(path)
    content = path.read_bytes()
    path.unlink()
    return content


BAD = {
    "truncated.jpg": (lambda path: saved(photo(64, 64), path)[:-300], "damaged picture: "),
    "truncated.png": (lambda path: saved(photo(64, 64), path)[:-300], "damaged picture: "),
    "truncated.tif": (lambda path: saved(photo(64, 64), path)[:-9000], "damaged picture: "),
    "other ValueError.ppm": (lambda path: b"P6 20 3x 255\n" + bytes(99), "damaged picture: "),
    "text.png": (lambda path: b"a text, no picture", "not a picture that can be read"),
    "empty.jpg": (lambda path: b"", "not a picture that can be read"),
    "float.tif": (
        lambda path: saved(Image.fromarray(LEVELS.astype(np.float32) / 255), path),
        "holds 1 channel of float32, but ",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_file_is_named_in_one_line(name, tmp_path):
    path = tmp_path / name
    content, part = BAD[name]
    path.write_bytes(content(path))
    with pytest.raises(DiptychError) as caught:
        read_image(path)
    assert str(caught.value).startswith(f"{path}: {part}")
    assert "\n" not in str(caught.value)


def test_a_missing_file_and_a_folder_are_named(tmp_path):
    (tmp_path / "folder.png").mkdir()
    for name in ("none.png", "folder.png"):
        with pytest.raises(DiptychError) as caught:
            read_image(tmp_path / name)
        assert str(caught.value).startswith(f"{tmp_path / name}: ")
        assert "damaged" not in str(caught.value)


@pytest.mark.parametrize("width", [DEFAULT // 1000 + 1, 10_000_000])
def test_a_bomb_is_refused_by_its_header(width, tmp_path, monkeypatch):
    path = tmp_path / "bomb.png"
    path.write_bytes(png(width, 1000, b"\0"))
    monkeypatch.setattr(rgb, "to_rgb", lambda image: pytest.fail("decoded"))
    with pytest.raises(DiptychError) as caught:
        read_image(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    assert "more than the limit of 178,000,000 pixels" in message
    assert "--max-pixels" in message


def test_the_limit_can_be_raised_and_lowered(tmp_path, monkeypatch):
    path = tmp_path / "a.png"
    photo(20, 10).save(path)
    monkeypatch.setenv("DIPTYCH_MAX_PIXELS", "199")
    with pytest.raises(DiptychError, match="20x10: more than the limit of 199 pixels"):
        read_image(path)
    monkeypatch.setenv("DIPTYCH_MAX_PIXELS", "200")
    assert as_array(path).shape == (10, 20, 3)
    monkeypatch.setenv("DIPTYCH_MAX_PIXELS", "many")
    with pytest.raises(DiptychError, match="DIPTYCH_MAX_PIXELS=many: give a whole number"):
        read_image(path)


def test_a_colour_profile_is_converted_to_srgb(tmp_path):
    lab = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB"))
    image = photo(8, 8)
    image.save(tmp_path / "damaged.png", icc_profile=b"no profile")
    assert np.array_equal(as_array(tmp_path / "damaged.png"), np.asarray(image))
    image.save(tmp_path / "other.png", icc_profile=lab.tobytes())  # not of RGB pictures
    assert np.array_equal(as_array(tmp_path / "other.png"), np.asarray(image))
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    image.save(tmp_path / "same.png", icc_profile=srgb)
    assert np.array_equal(as_array(tmp_path / "same.png"), np.asarray(image))
    # The same profile with its red and green primaries exchanged: red means green.
    red, green = (srgb.index(tag, 128) + 4 for tag in (b"rXYZ", b"gXYZ"))
    swapped = bytearray(srgb.replace(b"sRGB", b"swap").replace(b"\0s\0R\0G\0B", b"\0s\0w\0a\0p"))
    swapped[red : red + 8], swapped[green : green + 8] = (
        srgb[green : green + 8],
        srgb[red : red + 8],
    )
    image.save(tmp_path / "swapped.png", icc_profile=bytes(swapped))
    difference = as_array(tmp_path / "swapped.png").astype(int) - np.asarray(image)[..., [1, 0, 2]]
    assert np.abs(difference).max() <= 2


def test_what_is_not_yet_too_large_is_read_without_a_warning(tmp_path, monkeypatch):
    photo(11, 11).save(tmp_path / "a.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)  # Pillow warns from here, refuses from 200
    assert as_array(tmp_path / "a.png").shape == (11, 11, 3)


def test_resizing_takes_width_and_height_and_antialiases():
    image = photo(40, 20)
    assert resize(image, (40, 20)) is image
    assert resize(image, (10, 30)).size == (10, 30)
    rows, columns = np.mgrid[:64, :64]
    board = Image.fromarray(((rows + columns) % 2 * 255).astype(np.uint8))
    assert np.ptp(np.asarray(resize(board, (8, 8)))) < 16, "the mean of a chequered board is gray"


def test_pictures_in_memory_are_read_like_files():
    assert np.array_equal(np.asarray(to_rgb(Image.fromarray(RAMP)))[..., 0], LEVELS)
    with pytest.raises(DiptychError, match=r"^32-bit float values"):
        to_rgb(Image.new("F", (2, 2)))
