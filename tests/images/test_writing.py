import numpy as np
import pytest
from PIL import Image, ImageCms

from diptych.errors import DiptychError
from diptych.images.rgb import read_image
from diptych.images.writing import save_image, write_values


def photo(width: int, height: int) -> Image.Image:
    """A smooth picture, different in every corner."""
    rows, columns = np.mgrid[:height, :width]
    x, y = columns / max(1, width - 1), rows / max(1, height - 1)
    return Image.fromarray((np.stack([x, y, 1 - x * y], -1) * 255).round().astype(np.uint8))


@pytest.mark.parametrize("size", [(301, 517), (1, 1), (1, 9)])
@pytest.mark.parametrize("ending", ["png", "PNG", "tif", "bmp", "ppm", "jpg", "JPEG", "webp"])
def test_what_is_saved_is_read_again(ending, size, tmp_path):
    image, path = photo(*size), tmp_path / "sub" / f"a.{ending}"
    save_image(image, path)
    read = read_image(path)
    assert read.mode == "RGB"
    difference = np.abs(np.asarray(read).astype(float) - np.asarray(image))
    assert difference.mean() <= (6 if ending.lower() in ("jpg", "jpeg", "webp") else 0)
    assert [p.name for p in path.parent.iterdir()] == [path.name]


@pytest.mark.parametrize("mode", ["L", "LA", "P", "RGB", "RGBA"])
def test_a_png_is_as_its_picture_in_all_it_holds(mode, tmp_path):
    image = photo(37, 21).convert(mode)
    if mode[-1] == "A":
        image.putalpha(photo(37, 21).convert("L"))
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    for info in ({}, {"icc_profile": profile}):
        image.info = info
        save_image(image, tmp_path / "a.png")
        with Image.open(tmp_path / "a.png") as read:
            assert read.mode == mode
            assert np.array_equal(read, image)
            assert read.info.get("icc_profile") == info.get("icc_profile")


def test_a_png_may_be_longer_than_the_faster_library_writes(tmp_path):
    save_image(Image.new("L", (1_000_001, 1), 7), tmp_path / "a.png")
    assert read_image(tmp_path / "a.png").size == (1_000_001, 1)


def test_what_cannot_be_saved_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    for path, size in ((tmp_path / "wide.webp", (16384, 1)), (tmp_path / "file" / "a.png", (1, 1))):
        with pytest.raises(DiptychError) as caught:
            save_image(Image.new("RGB", size), path)
        assert str(caught.value).startswith(f"{path}: cannot be written: ")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize(
    ("ending", "channels", "dtype", "reason"),
    [
        ("png", 1, "float32", "PNG has no room for float32 values: use .tif or .npy"),
        ("bmp", 1, "uint16", "no room for 1 channels of uint16"),
        ("png", 12, "uint16", "no room for 12 channels"),
    ],
)
def test_what_has_no_room_is_said(ending, channels, dtype, reason, tmp_path):
    with pytest.raises(DiptychError, match=reason):
        write_values(tmp_path / f"a.{ending}", np.zeros((4, 4, channels), dtype))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("ending", [".jpg", ".jpeg", ".webp", ".JPG"])
def test_numbers_are_not_written_where_they_would_change(ending, tmp_path):
    for channels in (1, 3):
        with pytest.raises(DiptychError, match=r"use \.png, \.tif or \.npy"):
            write_values(tmp_path / f"a{ending}", np.zeros((4, 4, channels), np.uint8))
    assert not [*tmp_path.iterdir()]
