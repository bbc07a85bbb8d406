"""Files of any depth and any number of channels, as arrays in their own units.

What a colour picture shows is read by `files.read_image`; here are depth maps, thermal and medical
pictures, satellite bands, label indices: the numbers that the file holds, none of them changed.
"""

import math
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Any, TypeVar

import numpy as np
from PIL import Image, ImageOps

from diptych.errors import DiptychError
from diptych.images.files import png_of
from diptych.images.hushed import HUSHED
from diptych.images.limits import check_pixels, max_pixels, too_large
from diptych.images.tiff_writing import GDAL_NODATA, Tag, write_tiff
from diptych.images.windows import ArrayPicture
from diptych.whole_file import whole_file

ARRAYS = frozenset({".npy", ".npz"})
TIFFS = frozenset({".tif", ".tiff"})
MAX_CHANNELS = 512
# Pillow's modes that hold one 16-bit (or wider) number a pixel, and what they are as arrays.
WIDE_MODES = {"I;16": "uint16", "I;16B": "uint16", "I;16L": "uint16", "I": "int32", "F": "float32"}

Result = TypeVar("Result")


@dataclass(frozen=True)
class Probe:
    """What a file declares of itself."""

    width: int
    height: int
    channels: int  # of the numbers it holds: a palette picture has one, its index
    dtype: str
    palette: tuple[str, ...] = ()  # of a palette picture, as "#rrggbb"
    nodata: float | None = None  # what a GeoTIFF says its empty pixels hold

    @property
    def plain(self) -> bool:
        """Whether it is a picture as screens show them: 8 bits, gray or colours."""
        return self.dtype == "uint8" and self.channels <= 4


def probe(path: Path) -> Probe:
    """What the header says, nothing decoded.

    Raises DiptychError where the file is missing, damaged, of no known format or over the limits.
    """
    return guarded(path, _probe)


def read_values(path: Path) -> np.ndarray:
    """The numbers in a file, `(H, W, C)` in its own type; indices of a palette picture.

    PNG, JPEG, WebP, BMP, GIF, PGM, PPM, TIFF (tiled, compressed, BigTIFF, many bands), `.npy` and
    `.npz` with one array `(H, W)` or `(H, W, C)`. EXIF orientation is applied. Raises DiptychError
    as `probe`.
    """
    return guarded(path, _read)


def write_values(
    path: Path,
    values: np.ndarray,
    palette: tuple[str, ...] = (),
    nodata: float | None = None,
    tags: Sequence[Tag] = (),
) -> None:
    """Write `(H, W, C)` whole, as its type is: PNG of 8 or 16 bits, TIFF, `.npy`, else 8 bits.

    With `palette` ("#rrggbb" each) a picture `(H, W, 1)` of indices gets these colours. A TIFF is
    given further `tags`, and says which value means `nodata`. Raises DiptychError where the format
    has no room for such values, naming one that has.
    """
    suffix, one = path.suffix.lower(), values.shape[2] == 1
    if suffix == ".png" and values.dtype.name not in {"uint8", "uint16"}:
        raise DiptychError(f"{path}: PNG has no room for {values.dtype} values: use .tif or .npy")
    if suffix not in ARRAYS | TIFFS and (
        values.shape[2] > 4 or (suffix != ".png" and values.dtype != np.uint8)
    ):
        raise DiptychError(
            f"{path}: {suffix} has no room for {values.shape[2]} channels of {values.dtype}: "
            "use .tif or .npy"
        )
    if suffix in TIFFS:
        write_tiff(path, ArrayPicture(values), palette, nodata, tags)
        return
    flat = values[..., 0] if one else values
    with whole_file(path) as aside:
        if suffix in ARRAYS:
            with aside.open("wb") as file:
                np.save(file, flat)
        elif values.dtype == np.uint16:
            aside.write_bytes(png_of(flat))
        else:
            image = Image.fromarray(flat)
            if palette:
                image = image.convert("P")
                image.putpalette(b"".join(bytes.fromhex(colour[1:]) for colour in palette))
            image.save(aside)


def guarded(path: Path, read: Callable[[Path], Result]) -> Result:
    """What `read` makes of a file; raises DiptychError, with the file's name, where it fails."""
    max_pixels()  # before Pillow looks at its own limit
    try:
        with HUSHED:  # warnings of tags that do not matter here
            return read(path)
    except Image.DecompressionBombError:
        raise DiptychError(f"{path}: {too_large('the picture')}") from None
    except DiptychError as error:
        raise DiptychError(f"{path}: {error}") from None
    except Exception as error:  # the readers raise errors of many types on damaged data
        missing = getattr(error, "strerror", None)  # what the system says of the file
        reason = str(error).partition("\n")[0] or type(error).__name__
        raise DiptychError(f"{path}: {missing or f'cannot be read: {reason}'}") from None


def _probe(path: Path) -> Probe:
    suffix = path.suffix.lower()
    if suffix in ARRAYS:
        with _array_file(path) as file:
            shape, dtype = _array_header(file)
            return _checked(*shape, dtype)
    if suffix in TIFFS:
        import tifffile

        with tifffile.TiffFile(path) as tiff:
            page = tiff.series[0]
            found = _checked(*tiff_shape(page), page.dtype)
            if page.keyframe.tags.valueof(274, 1) >= 5:
                found = replace(found, width=found.height, height=found.width)
            text = page.keyframe.tags.valueof(GDAL_NODATA)
            return replace(found, nodata=float(text)) if text else found
    with Image.open(path) as image:
        wide = _wide_png(path, image)
        kind = "uint16" if wide else _pillow_dtype(image)
        height, width = image.height, image.width
        # A PNG's own getexif would decode it, to look behind the pixels as well.
        if Image.Image.getexif(image).get(0x0112, 1) >= 5:
            height, width = width, height
        found = _checked(height, width, len(image.getbands()), np.dtype(kind))
        if image.mode != "P" or image.palette is None:
            return found
        colours = bytes(image.palette.getdata()[1])[: 3 * 256]
        shown = tuple(f"#{colours[i : i + 3].hex()}" for i in range(0, len(colours) - 2, 3))
        return replace(found, palette=shown)


def _read(path: Path) -> np.ndarray:
    suffix = path.suffix.lower()
    if suffix in ARRAYS:
        with _array_file(path) as file:
            shape, dtype = _array_header(file)
            _checked(*shape, dtype)
            if suffix == ".npy":
                file.seek(0)
                return _finished(np.load(file, allow_pickle=False).reshape(shape))
        with np.load(path, allow_pickle=False) as archive:
            return _finished(archive[archive.files[0]].reshape(shape))
    if suffix in TIFFS:
        return _finished(_read_tiff(path))
    with Image.open(path) as image:
        check_pixels(image.width, image.height)
        if _wide_png(path, image):
            import imagecodecs

            return _finished(imagecodecs.png_decode(path.read_bytes()))
        kind = _pillow_dtype(image)
        upright = ImageOps.exif_transpose(image)
        values = np.asarray(upright)
        if image.format == "PPM" and kind == "uint16":
            values = _unscaled(values, path)
        return _finished(values.astype(kind))


def _read_tiff(path: Path) -> np.ndarray:
    import tifffile

    with tifffile.TiffFile(path) as tiff:
        series = tiff.series[0]
        shape = tiff_shape(series)
        _checked(*shape, series.dtype)
        values = series.asarray()
        if values.ndim == 3 and series.axes.endswith("YX"):
            values = np.moveaxis(values, 0, -1)
        orientation = series.keyframe.tags.valueof(274, 1)
        return _upright(values.reshape(shape), orientation)


def tiff_shape(series: Any) -> tuple[int, int, int]:
    """Height, width and channels; one that has more dimensions is no picture."""
    axes, shape = series.axes, series.shape
    if axes == "YX":
        return shape[0], shape[1], 1
    if axes == "YXS":
        return shape[0], shape[1], shape[2]
    if len(axes) == 3 and axes.endswith("YX"):  # planes one after the other, or a page for each
        return shape[1], shape[2], shape[0]
    raise DiptychError(f"a TIFF with axes {axes} {shape} is not one picture")


def _upright(values: np.ndarray, orientation: int) -> np.ndarray:
    if orientation >= 5:
        values = values.transpose(1, 0, 2)
    if orientation in (3, 4, 7, 8):
        values = values[::-1]
    if orientation in (2, 3, 6, 7):
        values = values[:, ::-1]
    return values


def _pillow_dtype(image: Image.Image) -> str:
    if image.mode == "I" and image.format in {"PPM", "PNG"}:
        return "uint16"  # which Pillow holds in 32 bits
    return WIDE_MODES.get(image.mode, "uint8")


def _wide_png(path: Path, image: Image.Image) -> bool:
    """Whether a PNG has 16 bits in more than one channel, of which Pillow would keep 8."""
    if image.format != "PNG" or image.mode in WIDE_MODES:
        return False
    with path.open("rb") as file:
        return file.read(25)[24:] == b"\x10"  # the bit depth, in the header chunk


def _unscaled(values: np.ndarray, path: Path) -> np.ndarray:
    """Pillow stretches a PGM to 65535; back to the numbers of the file."""
    with path.open("rb") as file:
        words = [line.partition(b"#")[0] for line in file.read(1000).split(b"\n")]
    highest = int(b" ".join(words).split()[3])
    return values if highest == 65535 else np.rint(values * (highest / 65535))


def _array_file(path: Path) -> IO[bytes]:
    if path.suffix.lower() == ".npy":
        return path.open("rb")
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
        if len(names) != 1:
            raise DiptychError(f"holds {len(names)} arrays ({', '.join(names[:5])}), not one")
        return archive.open(names[0])


def _array_header(file: IO[bytes]) -> tuple[tuple[int, int, int], np.dtype]:
    version = np.lib.format.read_magic(file)
    read = (
        np.lib.format.read_array_header_1_0
        if version == (1, 0)
        else np.lib.format.read_array_header_2_0
    )
    shape, _, dtype = read(file)
    if len(shape) not in (2, 3):
        raise DiptychError(f"an array {shape}: expected (H, W) or (H, W, C)")
    height, width, channels = (*shape, 1)[:3]
    return (height, width, channels), dtype


def _checked(height: int, width: int, channels: int, dtype: np.dtype) -> Probe:
    if min(height, width, channels) < 1:
        raise DiptychError(f"an empty picture, {width}x{height} with {channels} channels")
    check_pixels(width, height)
    if channels > MAX_CHANNELS:
        raise DiptychError(f"{channels} channels, more than {MAX_CHANNELS}: write it as (H, W, C)")
    # Many bands of wide numbers weigh as much as many pixels: four bytes for each are allowed.
    check_pixels(width, math.ceil(height * channels * dtype.itemsize / 4))
    if dtype.kind not in "uifb" or dtype.itemsize > 8:
        raise DiptychError(f"values of type {dtype} are not numbers that a picture can hold")
    return Probe(width, height, channels, "uint8" if dtype.kind == "b" else dtype.name)


def _finished(values: np.ndarray) -> np.ndarray:
    values = values[..., None] if values.ndim == 2 else values
    if values.dtype == bool:
        values = values.astype(np.uint8)
    return np.ascontiguousarray(values, values.dtype.newbyteorder("="))
