"""Files of any depth and any number of channels, as arrays in their own units.

What a colour picture shows is read by `rgb.read_image`; here are depth maps, thermal and medical
pictures, satellite bands, label indices: the numbers that the file holds, none of them changed.
"""

from pathlib import Path

import numpy as np

from diptych.errors import DiptychError
from diptych.images.description import Description, upright
from diptych.images.opening import opened


def probe(path: Path) -> Description:
    """What the header says, nothing decoded.

    Raises DiptychError where the file is missing, damaged, of no known format or over the limits.
    """
    with opened(path) as file:
        return file.description


def size_of(path: Path) -> tuple[int, int] | None:
    """Height and width as `probe` says; None where it raises."""
    try:
        header = probe(path)
    except DiptychError:
        return None
    return header.height, header.width


def bytes_of(path: Path) -> int | None:
    """What the decoded picture takes at least, as its header says; None where `probe` raises."""
    try:
        said = probe(path)
    except DiptychError:
        return None
    return said.width * said.height * max(3, said.channels * np.dtype(said.dtype).itemsize)


def read_values(path: Path) -> np.ndarray:
    """The numbers in a file, `(H, W, C)` in its own type; indices of a palette picture.

    Of pictures of all `files.FORMATS`, TIFF of every make and with many bands among them, and of
    `.npy` and `.npz` with one array `(H, W)` or `(H, W, C)`. EXIF orientation is applied. Raises
    DiptychError as `probe`, and where the numbers are not what the header says.
    """
    with opened(path) as file:
        decoded, description = file.decode(), file.description
        values = decoded[..., None] if decoded.ndim == 2 else decoded
        values = upright(values, description.orientation)
        if values.dtype == bool:
            values = values.astype(np.uint8)
        values = np.ascontiguousarray(values, values.dtype.newbyteorder("="))
        shape = description.height, description.width, description.channels
        if (values.shape, values.dtype.name) != (shape, description.dtype):
            raise DiptychError(
                f"holds numbers {values.shape} of {values.dtype}, but says {shape} of "
                f"{description.dtype}"
            )
        return values
