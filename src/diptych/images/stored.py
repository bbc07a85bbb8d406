"""A picture in whatever form a program holds it, as the file that keeps it whole."""

import io
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageOps

from diptych.errors import DiptychError
from diptych.images.files import ending_of
from diptych.images.rgb import holds_16_bits, in_srgb

_PNG_MODES = {"1", "L", "LA", "P", "RGB", "RGBA", "I;16"}


def stored_picture(picture: Any) -> Path | bytes:
    """The file that a picture is in, or what is to be written into one.

    A path is its own file, and so are the bytes of a picture file. PIL images and arrays `(H, W)`
    or `(H, W, C)` of 8 bits become PNG, other numbers `.npy`. Raises DiptychError for what is none
    of these.
    """
    if isinstance(picture, str | Path):
        path = Path(picture).resolve()
        if not path.is_file():
            raise DiptychError(f"no such file: {picture}")
        return path
    if isinstance(picture, bytes):
        ending_of(picture)
        return picture
    if isinstance(picture, Image.Image):
        upright = ImageOps.exif_transpose(picture)
        if holds_16_bits(picture):
            upright = Image.fromarray(np.asarray(upright).astype(np.uint16))
        return _image(upright)
    if isinstance(picture, np.ndarray):
        return _array(picture)
    kind = "nothing" if picture is None else type(picture).__name__
    raise DiptychError(f"{kind}: give a path, the bytes of a file, a PIL image or an array")


def _image(image: Image.Image) -> bytes:
    if image.mode[0] in "IF" and image.mode != "I;16":
        return _array(np.asarray(image))  # numbers that PNG has no room for
    if image.mode not in _PNG_MODES:
        image = in_srgb(image)
    file = io.BytesIO()
    image.save(file, "PNG")
    return file.getvalue()


def _array(values: np.ndarray) -> bytes:
    if values.ndim not in (2, 3) or values.dtype.kind not in "uif" or not values.size:
        raise DiptychError(
            f"an array {values.shape} of {values.dtype}: give numbers (H, W) or (H, W, C)"
        )
    flat = values[..., 0] if values.shape[2:] == (1,) else values
    if values.dtype == np.uint8 and flat.shape[2:] in ((), (3,), (4,)):
        return _image(Image.fromarray(np.ascontiguousarray(flat)))
    file = io.BytesIO()
    np.save(file, flat, allow_pickle=False)
    return file.getvalue()
