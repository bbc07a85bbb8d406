import numpy as np
import pytest
import tifffile
from PIL import Image

from diptych.errors import DiptychError
from diptych.images import tiff_windows
from diptych.images.arrays import read_array
from diptych.images.display import colours
from diptych.images.domain import Domain, plain
from diptych.images.geo import geo_tags
from diptych.images.rgb import read_image
from diptych.images.tiff_windows import open_tiff
from diptych.images.tiff_writing import write_tiff
from diptych.images.values import probe, read_values
from diptych.images.windows import ArrayPicture, PicturesBeside
from diptych.images.writing import write_values

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
PALETTE = ("#000000", "#ff0000", "#00ff80", "#0000ff")
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
    whole = np.asarray(read_image(path, "rgba" if alpha else "rgb")).astype(int)
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


@pytest.mark.parametrize("compression", [None, "deflate", "lzw"])
def test_brightness_and_colour_apart_without_jpeg_are_read_whole(compression, tmp_path):
    """As TIFF has them of JPEG, which alone says how they become red, green and blue."""
    apart = np.asarray(Image.fromarray(photo()).convert("YCbCr"))
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, apart, photometric="ycbcr", compression=compression, rowsperstrip=16)
    assert open_tiff(path, COLOURS) is None
    assert np.abs(np.asarray(read_image(path)).astype(int) - photo()).max() <= 4


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


# Numbers: values and labels.

LAYOUTS = {
    "in one piece": {},
    "strips": {"rowsperstrip": 16, "compression": "zlib", "predictor": True},
    "strips as they are": {"rowsperstrip": 7},
    "tiles": {"tile": (64, 32), "compression": "lzw", "predictor": True},
    "tiles as they are": {"tile": (32, 48)},
    "BigTIFF": {"tile": (64, 64), "compression": "zstd", "bigtiff": True},
    "the other order": {"rowsperstrip": 50, "byteorder": ">"},
    "the other order, deflate": {"rowsperstrip": 50, "byteorder": ">", "compression": "zlib"},
}


def values_of(channels: int, dtype: str, **more) -> Domain:
    return Domain(name="v", kind="values", channels=channels, dtype=dtype, **more)


def assert_as_whole(path, domain) -> None:
    whole, picture = read_array(path, domain), open_tiff(path, domain)
    assert picture.shape == whole.shape
    assert picture.dtype == whole.dtype
    height, width = whole.shape[:2]
    for rows, columns in [*WINDOWS, ((0, height), (0, width))]:
        if rows[1] <= height and columns[1] <= width:
            part = picture.read((rows, columns))
            assert part.dtype == whole.dtype
            assert np.array_equal(part, whole[slice(*rows), slice(*columns)], equal_nan=True)
    picture.close()


@pytest.mark.parametrize("dtype", ["uint16", "int32", "float32"])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_windows_of_numbers(layout, dtype, tmp_path):
    options, path = dict(LAYOUTS[layout]), tmp_path / "a.tif"
    opened = {key: options.pop(key) for key in ("bigtiff", "byteorder") if key in options}
    random = np.random.default_rng(0)
    for channels in (1, 5):
        values = (random.normal(size=(301, 517, channels)) * 90 + 128).astype(dtype)
        for planar in ("contig", "separate")[:channels]:
            stored = np.moveaxis(values, -1, 0) if planar == "separate" else values
            tifffile.imwrite(
                path, stored if channels > 1 else values[..., 0], photometric="minisblack",
                planarconfig=planar if channels > 1 else None, **options, **opened,
            )  # fmt: skip
            assert_as_whole(path, values_of(channels, dtype))


def test_windows_of_real_bands(shared_data):
    for folder, channels, dtype in (("DEM", 1, "int16"), ("S2L2A", 12, "int16"),
                                    ("S1RTC", 2, "float64"), ("S2RGB", 3, "uint8")):  # fmt: skip
        for path in sorted((shared_data / "geotiff" / folder).iterdir()):
            assert_as_whole(path, values_of(channels, dtype))


def test_tiles_that_are_left_out_hold_no_data(tmp_path):
    path, tile = tmp_path / "a.tif", np.full((64, 64), 7, np.int16)
    for nodata in ((), [(42113, 2, 0, "-9999", True)]):
        tiles = iter([tile, None, None, tile])
        tifffile.imwrite(
            path, tiles, shape=(100, 100), dtype=np.int16, tile=(64, 64), extratags=nodata,
            compression="zlib",
        )  # fmt: skip
        assert_as_whole(path, values_of(1, "int16"))


def test_other_numbers_than_the_domains_are_named_when_it_is_opened(tmp_path):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, np.zeros((9, 9), np.int16))
    for domain in (values_of(2, "int16"), values_of(1, "uint16")):
        with pytest.raises(DiptychError) as caught:
            open_tiff(path, domain)
        with pytest.raises(DiptychError) as whole:
            read_array(path, domain)
        assert str(caught.value) == str(whole.value)


def test_labels_by_windows(tmp_path):
    labels = Domain(name="l", kind="labels", channels=4, palette=PALETTE)
    indices = np.random.default_rng(0).integers(0, 4, (301, 517), np.uint8)
    as_colours = colours(labels)[indices]
    write_values(tmp_path / "palette.tif", indices[..., None], PALETTE)
    tifffile.imwrite(tmp_path / "indices.tif", indices.astype(np.int32), tile=(64, 64))
    tifffile.imwrite(tmp_path / "colours.tif", as_colours, rowsperstrip=20, **RGB)
    tifffile.imwrite(tmp_path / "bits.tif", indices > 1, photometric="minisblack")
    for name in ("palette", "indices", "colours", "bits"):
        assert_as_whole(tmp_path / f"{name}.tif", labels)
    picture = open_tiff(tmp_path / "indices.tif", labels.model_copy(update={"channels": 3}))
    with pytest.raises(DiptychError, match=r"indices.tif: label 3 in .* 3 classes, 0 to 2"):
        picture.read(((0, 99), (0, 99)))
    picture.close()


def test_numbers_that_lie_otherwise_are_read_whole(tmp_path):
    path, plane = tmp_path / "a.tif", np.zeros((30, 40), np.uint16)
    tifffile.imwrite(path, plane, extratags=[(274, "H", 1, 6, True)])
    assert open_tiff(path, values_of(1, "uint16")) is None
    tifffile.imwrite(path, np.stack(3 * [plane]), photometric="minisblack")  # a page for each band
    assert read_array(path, values_of(3, "uint16")).shape == (30, 40, 3)
    assert open_tiff(path, values_of(3, "uint16")) is None


def test_planes_are_cached_together_and_a_declared_giant_is_counted(tmp_path, monkeypatch):
    monkeypatch.setattr(tiff_windows, "CACHED", 1000)
    path, values = tmp_path / "a.tif", np.zeros((5, 100, 80), np.uint16)
    tifffile.imwrite(
        path, values, photometric="minisblack", planarconfig="separate", rowsperstrip=10,
        compression="zlib",
    )  # fmt: skip
    picture = open_tiff(path, values_of(5, "uint16"))
    assert picture.held == 10 * 80 * 5 * 2
    for top in range(0, 100, 5):
        picture.read(((top, top + 5), (0, 80)))
        assert sum(segment.nbytes for segment in picture.cached.values()) <= picture.held
    picture.close()
    tifffile.imwrite(path, values[0], tile=(4096, 2048), compression="zlib")
    picture = open_tiff(path, values_of(1, "uint16"))
    assert picture.held == 4096 * 2048 * 2
    picture.close()


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int32", "float32"])
@pytest.mark.parametrize("channels", [1, 2, 3, 12])
def test_numbers_written_by_windows(channels, dtype, tmp_path):
    path, random = tmp_path / "a.tif", np.random.default_rng(0)
    values = (random.normal(size=(301, 517, channels)) * 90).astype(dtype)
    key = (33550, 12, 3, (10.0, 10.0, 0.0), True)
    nodata = -3.4028234663852886e38 if dtype == "float32" else float(np.iinfo(dtype).max)
    write_tiff(path, ArrayPicture(values), nodata=nodata, tags=[key])
    assert np.array_equal(read_values(path), values)
    assert probe(path).nodata == nodata
    assert geo_tags(path) == [key]


def test_tiles_of_many_bands_are_small_and_those_of_small_pictures_too(tmp_path):
    sides = {}
    for shape in ((300, 300, 3), (300, 300, 512), (20, 12, 1)):
        write_tiff(tmp_path / "a.tif", ArrayPicture(np.zeros(shape, np.float32)))
        with tifffile.TiffFile(tmp_path / "a.tif") as file:
            sides[shape] = file.pages[0].tilelength
    assert list(sides.values()) == [256, 32, 32]


def test_labels_are_written_with_their_palette_and_their_place(tmp_path):
    path, indices = tmp_path / "a.tif", np.random.default_rng(0).integers(0, 4, (301, 517, 1))
    key = (33550, 12, 3, (10.0, 10.0, 0.0), True)
    write_tiff(path, ArrayPicture(indices.astype(np.uint8)), PALETTE, tags=[key])
    with Image.open(path) as image:
        assert image.mode == "P"
        assert image.getpalette()[:12] == [0, 0, 0, 255, 0, 0, 0, 255, 128, 0, 0, 255]
        assert np.array_equal(np.asarray(image), indices[..., 0])
    assert np.array_equal(read_values(path), indices)
    assert geo_tags(path) == [key]


def test_pictures_beside_each_other_are_one(tmp_path):
    values = np.random.default_rng(0).random((30, 40, 2), np.float32)
    both = PicturesBeside([ArrayPicture(photo(30, 40)), ArrayPicture(values)])
    assert both.shape == (30, 40, 5)
    assert both.dtype == np.float32
    part = both.read(((3, 9), (10, 40)))
    assert np.array_equal(part, np.concatenate([photo(30, 40), values], 2)[3:9, 10:40])
