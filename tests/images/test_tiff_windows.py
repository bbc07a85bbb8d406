import numpy as np
import pytest
import tifffile
from PIL import Image

from diptych.errors import DiptychError
from diptych.images import tiff_windows
from diptych.images.domain import plain
from diptych.images.files import read_image
from diptych.images.tiff_windows import open_tiff
from diptych.images.tiff_writing import write_tiff
from diptych.images.windows import ArrayPicture

WINDOWS = [
    ((0, 301), (0, 517)),
    ((0, 1), (0, 1)),
    ((300, 301), (516, 517)),
    ((17, 129), (100, 101)),
    ((63, 65), (0, 517)),
    ((127, 257), (31, 300)),
]


def photo(height: int = 301, width: int = 517, channels: int = 3) -> np.ndarray:
    """A smooth picture, so that JPEG changes little, different in every corner."""
    rows, columns = np.mgrid[:height, :width]
    x, y = columns / width, rows / height
    return (np.stack([x, y, 1 - x * y, x * y], -1)[..., :channels] * 255).round().astype(np.uint8)


COLOURS = plain("colours")
RGB = {"photometric": "rgb"}
KINDS = {
    "in one piece": RGB,
    "strips": {**RGB, "rowsperstrip": 16},
    "strips, deflate": {**RGB, "rowsperstrip": 7, "compression": "deflate"},
    "one strip, deflate": {**RGB, "rowsperstrip": 301, "compression": "deflate"},
    "tiles": {**RGB, "tile": (64, 32)},
    "tiles, LZW": {**RGB, "tile": (128, 128), "compression": "lzw", "predictor": True},
    "tiles, JPEG": {**RGB, "tile": (128, 128), "compression": "jpeg"},
    "BigTIFF": {**RGB, "tile": (64, 64), "compression": "deflate", "bigtiff": True},
    "the other order": {**RGB, "rowsperstrip": 50, "byteorder": ">"},
}


@pytest.mark.parametrize("kind", KINDS)
def test_windows_are_those_of_the_whole_picture(kind, tmp_path):
    options = dict(KINDS[kind])
    opened = {key: options.pop(key) for key in ("bigtiff", "byteorder") if key in options}
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, photo(), **options, **opened)
    assert_windows_of(path, off=2 if "JPEG" in kind else 0)


@pytest.mark.parametrize("mode", ["RGB", "L", "RGBA"])
@pytest.mark.parametrize("compression", ["raw", "tiff_lzw", "tiff_adobe_deflate", "packbits"])
@pytest.mark.parametrize("alpha", [False, True])
def test_windows_of_what_pillow_writes(mode, compression, alpha, tmp_path):
    pixels = photo(channels=4 if mode == "RGBA" else 3)
    image = Image.fromarray(pixels).convert(mode)
    image.save(tmp_path / "a.tif", compression=compression)
    assert_windows_of(tmp_path / "a.tif", alpha=alpha)


def assert_windows_of(path, off: int = 0, alpha: bool = False) -> None:
    whole = np.asarray(read_image(path, alpha=alpha)).astype(int)
    picture = open_tiff(path, plain("a", "rgba" if alpha else "rgb"))
    assert picture.shape == whole.shape
    for rows, columns in WINDOWS:
        part = picture.read((rows, columns))
        assert part.dtype == picture.dtype == np.uint8
        assert np.abs(part - whole[slice(*rows), slice(*columns)]).max() <= off
    picture.close()


@pytest.mark.parametrize(
    ("pixels", "options"),
    [
        (photo().astype(np.uint16), RGB),
        (photo()[..., 0] > 99, {"photometric": "minisblack"}),
        (photo()[..., 0], {"photometric": "miniswhite"}),
        (photo(channels=4), {"photometric": "separated"}),
        (photo().transpose(2, 0, 1).copy(), {**RGB, "planarconfig": "separate"}),
        (photo(), {**RGB, "extratags": [(274, "H", 1, 6, True)]}),
        (photo(channels=4), {**RGB, "extrasamples": ["assocalpha"]}),
    ],
    ids=["16 bits", "1 bit", "white is zero", "ink", "planes", "turned", "other alpha"],
)
def test_what_means_more_than_it_says_is_read_whole(pixels, options, tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", pixels, **options)
    assert open_tiff(tmp_path / "a.tif", COLOURS) is None


def test_what_is_no_tiff_is_left_to_the_reader_that_says_so(tmp_path):
    (tmp_path / "a.tif").write_bytes(b"II*\0 no picture")
    (tmp_path / "b.tif").write_bytes(b"a text")
    for name in ("a.tif", "b.tif", "none.tif"):
        assert open_tiff(tmp_path / name, COLOURS) is None


@pytest.mark.parametrize("compression", [None, "deflate"])
def test_a_file_that_is_cut_off_is_named_in_one_line(compression, tmp_path):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, photo(), rowsperstrip=16, compression=compression, **RGB)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    picture = open_tiff(path, COLOURS)
    with pytest.raises(DiptychError) as caught:
        picture.read(WINDOWS[0])
    picture.close()
    assert str(caught.value).startswith(f"{path}: damaged picture: ")
    assert "\n" not in str(caught.value)


def test_a_strip_is_decoded_once_for_neighbours_and_few_are_kept(tmp_path, monkeypatch):
    monkeypatch.setattr(tiff_windows, "CACHED", 3 * 16 * 517 * 3)
    tifffile.imwrite(tmp_path / "a.tif", photo(), rowsperstrip=16, compression="deflate", **RGB)
    picture = open_tiff(tmp_path / "a.tif", COLOURS)
    decoded, decode = [], picture.page.decode

    def counted(data, number, **options):
        decoded.append(number)
        assert len(picture.cached) <= 3
        return decode(data, number, **options)

    monkeypatch.setattr(picture.page, "decode", counted)
    for top in range(0, 301, 8):
        for left in (0, 200, 400):
            picture.read(((max(0, top - 1), min(301, top + 9)), (left, left + 100)))
    picture.close()
    assert decoded == list(range(19))


@pytest.mark.parametrize(("height", "width"), [(301, 517), (256, 256), (1, 1), (1, 1000)])
def test_what_is_written_by_windows_is_read_again(height, width, tmp_path):
    path, pixels = tmp_path / "sub" / "a.tif", photo(height, width)
    write_tiff(path, ArrayPicture(pixels))
    assert np.array_equal(np.asarray(read_image(path)), pixels)
    assert [p.name for p in path.parent.iterdir()] == ["a.tif"]
    with tifffile.TiffFile(path) as file:
        assert file.pages[0].is_tiled
        assert file.pages[0].compression == tifffile.COMPRESSION.ADOBE_DEFLATE
        assert not file.is_bigtiff
    picture = open_tiff(path, COLOURS)
    assert np.array_equal(picture.read(((0, height), (0, width))), pixels)
    picture.close()


def test_no_more_than_a_tile_is_asked_for_and_a_failure_leaves_nothing(tmp_path):
    class Failing(ArrayPicture):
        def read(self, window):
            (top, bottom), (left, right) = window
            assert bottom - top <= 256
            assert right - left <= 256
            if top:
                raise DiptychError("no more")
            return super().read(window)

    with pytest.raises(DiptychError, match="no more"):
        write_tiff(tmp_path / "a.tif", Failing(photo()))
    assert not list(tmp_path.iterdir())
