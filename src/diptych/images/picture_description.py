"""What a picture that Pillow opened says of itself, and how its numbers are decoded.

Pillow shows pictures, and so stretches numbers to what a screen takes: here are those of the file.
"""

import math
import re
from collections.abc import Callable
from itertools import islice
from typing import IO, Any

import numpy as np
from PIL import ImageOps
from PIL.Image import Image
from PIL.ImageFile import ImageFile

from diptych.errors import DiptychError
from diptych.images.description import ORIENTATION, OpenFile, describe

# Pillow's modes that hold one 16-bit (or wider) number a pixel, and what they are as arrays.
_WIDE_MODES = {"I;16": "uint16", "I;16B": "uint16", "I;16L": "uint16", "I": "int32", "F": "float32"}
# Channels of a PNG by how Pillow calls its numbers, of which it would keep 8 of 16 bits.
_WIDE_PNG = {"RGB;16B": 3, "LA;16B": 2, "RGBA;16B": 4}
# What it multiplies the numbers of a PNG by, that has 2 or 4 bits for each.
_STRETCHED_PNG = {"L;2": 85, "L;4": 17}
_FRAMED = {"GIF", "PNG", "WEBP", "AVIF", "MPO"}  # formats that may hold several pictures
_CODESTREAM = b"\xff\x4f\xff\x51"  # how what JPEG 2000 encodes begins
_LOOKED_FOR, _LOOKED_FOR_AT_LAST, _SAID_WITHIN = 2**16, 2**24, 64  # bytes, of it and behind it

Decode = Callable[[], np.ndarray]


def of_picture(image: ImageFile, decode_wide: Decode) -> OpenFile:
    """Of a picture; `decode_wide` gives all bits of one of which Pillow keeps 8."""
    alpha = image.has_transparency_data
    more: dict[str, Any] = {"alpha": alpha, "further": _has_further(image)}
    more["orientation"] = Image.getexif(image).get(ORIENTATION, 1)
    channels, dtype, decode = _numbers(image, decode_wide)
    if image.mode == "P" and image.palette is not None:
        colours = bytes(image.palette.getdata()[1])[: 3 * 256]
        more["palette"] = tuple(
            f"#{colours[i : i + 3].hex()}" for i in range(0, len(colours) - 2, 3)
        )
    description = describe((image.height, image.width, channels), np.dtype(dtype), **more)
    return OpenFile(description, decode, lambda: _upright(image))


def _upright(image: ImageFile) -> Image:
    upright = ImageOps.exif_transpose(image)
    upright.format = image.format  # by which 16 bits that Pillow holds in 32 are known
    return upright


def _numbers(image: ImageFile, decode_wide: Decode) -> tuple[int, str, Decode]:
    """How many channels it has, of which type, and what decodes them."""
    stored: Any = image.tile[0][3] if image.tile else None  # as Pillow tells its decoder
    channels, dtype = len(image.getbands()), _WIDE_MODES.get(image.mode, "uint8")

    def decode() -> np.ndarray:
        image.load()
        return np.asarray(image)

    if image.format == "PNG" and stored in _WIDE_PNG:
        channels = _WIDE_PNG[stored]
        # Where one colour stands for no colour, the decoder adds a channel that says where.
        return channels, "uint16", lambda: decode_wide()[..., :channels]
    if image.format == "PNG" and image.mode == "I":
        return channels, "uint16", lambda: decode().astype(np.uint16)
    if image.format == "PNG" and stored in _STRETCHED_PNG:
        return channels, dtype, lambda: decode() // _STRETCHED_PNG[stored]
    if image.format == "PPM" and image.mode in {"L", "I", "RGB"}:
        highest = stored[1] if isinstance(stored, tuple) else 65535 if image.mode == "I" else 255
        return channels, "uint8" if highest < 256 else "uint16", lambda: _pnm(image, highest)
    if image.format == "JPEG2000":
        held = _jpeg2000(_file_of(image))
        if held is not None and held != ("uint8", 8):
            return channels, held[0], decode_wide
    return channels, dtype, decode


def shown_key(image: ImageFile, key: int | tuple[int, ...]) -> int | tuple[int, ...]:
    """The colour of a PNG that stands for none, as Pillow shows it; it says it as in the file."""
    stored: Any = image.tile[0][3] if image.tile else None
    if isinstance(key, tuple):
        return tuple(level >> 8 for level in key) if stored == "RGB;16B" else key
    return key * _STRETCHED_PNG.get(stored, 1)


def _file_of(image: ImageFile) -> IO[bytes]:
    if image.fp is None:
        raise DiptychError("was decoded, and closed")
    return image.fp


def _pnm(image: ImageFile, highest: int) -> np.ndarray:
    """The numbers of a PGM or PPM, which say themselves what the `highest` is."""
    codec, _, offset, _ = image.tile[0]
    shape = (image.height, image.width, len(image.getbands()))
    count, file = math.prod(shape), _file_of(image)
    file.seek(offset)
    if codec == "ppm_plain":  # in words, with comments between them
        words = re.finditer(rb"[^\s]+", re.sub(rb"#[^\n\r]*", b"", file.read()))
        values = np.fromiter((int(word[0]) for word in islice(words, count)), np.int64)
    else:
        dtype = np.dtype("u1" if highest < 256 else ">u2")
        values = np.frombuffer(file.read(count * dtype.itemsize), dtype)
    if values.size < count:
        raise DiptychError(f"cut off: {values.size:,} numbers of {count:,}")
    if values.min() < 0 or values.max() > highest:
        held = f"{values.min()} to {values.max()}"
        raise DiptychError(f"holds {held}, but says that {highest} is its highest")
    return values.reshape(shape).astype("uint8" if highest < 256 else "uint16")


def _jpeg2000(file: IO[bytes]) -> tuple[str, int] | None:
    """The type of the numbers in a JPEG 2000 file and their bits; None where nothing tells."""
    place = file.tell()
    file.seek(0)
    start = file.read(_LOOKED_FOR)
    if _CODESTREAM not in start:
        start += file.read(_LOOKED_FOR_AT_LAST)
    start += file.read(_SAID_WITHIN)
    file.seek(place)
    at = start.find(_CODESTREAM) + len(_CODESTREAM)
    if at < len(_CODESTREAM) or len(start) <= at + 38:
        return None
    depth = start[at + 38]  # of the first channel
    bits, kind = (depth & 0x7F) + 1, "int" if depth & 0x80 else "uint"
    return f"{kind}{8 if bits <= 8 else 16 if bits <= 16 else 32}", bits


def _has_further(image: ImageFile) -> bool:
    """Whether frames lie behind the first, which is the one that is read."""
    if image.format not in _FRAMED:
        return False
    try:
        return bool(getattr(image, "is_animated", False))
    except Exception:  # of many types, on damaged data
        image.seek(0)
        return False
