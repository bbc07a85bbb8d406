"""Pictures and numbers into files, whole: see `tiff_writing` for TIFF and `mux` for videos."""

from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
from PIL import Image

from diptych.errors import DiptychError
from diptych.images.files import ARRAY_SUFFIXES, TIFF_SUFFIXES
from diptych.images.tiff_writing import Tag, write_tiff
from diptych.images.windows import ArrayPicture
from diptych.whole_file import whole_file

_LOSSY = {".jpg", ".jpeg", ".webp"}


def save_image(image: Image.Image, path: Path) -> None:
    """Write `image` whole, in the format of the ending of `path`; JPEG and WebP at quality 95.

    PNG is written for speed, see `png_of`: in half the time of Pillow's level 1 or less. Most
    pictures come out within a sixth of its size, fine textures a quarter larger, and patterns that
    repeat, such as a page of text, many times as large.
    """
    suffix = path.suffix.lower()
    options: dict[str, Any] = {"quality": 95} if suffix in _LOSSY else {"compress_level": 1}
    with whole_file(path) as aside:
        # `png_of` holds picture and file in memory; libpng takes no side above a million.
        fits = 0 < image.width * image.height <= 2**24 and max(image.size) <= 10**6
        plain = image.mode in {"L", "RGB", "RGBA"} and not image.info  # no palette, no profile
        if suffix == ".png" and fits and plain:
            aside.write_bytes(png_of(np.asarray(image)))
            return
        try:
            image.save(aside, **options)
        except ValueError as error:  # how Pillow says that WebP has no room for so many pixels
            raise DiptychError(f"{path}: cannot be written: {error}") from None


def png_of(values: np.ndarray) -> bytes:
    """A PNG of `(H, W)` or `(H, W, C)` uint8 or uint16: one filter for all rows, and only runs.

    To try every filter on each row and to look for repetitions takes most of the time elsewhere.
    """
    from imagecodecs import PNG, png_encode

    stored = png_encode(
        np.ascontiguousarray(values), 1, strategy=PNG.STRATEGY.RLE, filter=PNG.FILTER.PAETH
    )
    return bytes(stored)


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
    has no room for such values or would change them, naming one that keeps them.
    """
    suffix, one = path.suffix.lower(), values.shape[2] == 1
    if suffix in _LOSSY:
        raise DiptychError(f"{path}: {suffix} would change the numbers: use .png, .tif or .npy")
    if suffix == ".png" and values.dtype.name not in {"uint8", "uint16"}:
        raise DiptychError(f"{path}: PNG has no room for {values.dtype} values: use .tif or .npy")
    if suffix not in ARRAY_SUFFIXES | TIFF_SUFFIXES and (
        values.shape[2] > 4 or (suffix != ".png" and values.dtype != np.uint8)
    ):
        raise DiptychError(
            f"{path}: {suffix} has no room for {values.shape[2]} channels of {values.dtype}: "
            "use .tif or .npy"
        )
    if suffix in TIFF_SUFFIXES:
        write_tiff(path, ArrayPicture(values), palette, nodata, tags)
        return
    flat = values[..., 0] if one else values
    with whole_file(path) as aside:
        if suffix in ARRAY_SUFFIXES:
            with aside.open("wb") as file:
                # Told to write to a file itself, NumPy does not say why it could not.
                np.save(SimpleNamespace(write=file.write), flat)
        elif values.dtype == np.uint16:
            aside.write_bytes(png_of(flat))
        else:
            image = Image.fromarray(flat)
            if palette:
                image = image.convert("P")
                image.putpalette(b"".join(bytes.fromhex(colour[1:]) for colour in palette))
            image.save(aside)
