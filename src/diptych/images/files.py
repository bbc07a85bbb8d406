"""Picture files: any common one in, 8-bit RGB out, upright; and written whole."""

import io
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageCms, ImageOps, UnidentifiedImageError

from diptych.errors import DiptychError
from diptych.images.hushed import HUSHED
from diptych.images.limits import check_pixels, max_pixels, too_large
from diptych.whole_file import whole_file

SUFFIXES = frozenset(
    {".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff", ".gif", ".ppm", ".pgm"}
)
ARRAY_SUFFIXES = frozenset({".npy", ".npz"})  # files of numbers, which `values` reads

# How files of these kinds begin.
_BEGINNINGS = {
    b"\x89PNG\r\n\x1a\n": ".png",
    b"\xff\xd8\xff": ".jpg",
    b"II*\0": ".tif",
    b"MM\0*": ".tif",
    b"II+\0": ".tif",
    b"MM\0+": ".tif",
    b"GIF8": ".gif",
    b"BM": ".bmp",
    b"P5": ".pgm",
    b"P6": ".ppm",
    b"\x93NUMPY": ".npy",
    b"PK\x03\x04": ".npz",
}


def ending_of(stored: bytes) -> str:
    """The ending that fits a stored picture, by how it begins; raises DiptychError if none does."""
    if stored[:4] == b"RIFF" and stored[8:12] == b"WEBP":
        return ".webp"
    for start, ending in _BEGINNINGS.items():
        if stored.startswith(start):
            return ending
    raise DiptychError("not a picture of a known format")


def read_image(path: Path, alpha: bool = False) -> Image.Image:
    """The picture in `path` as 8-bit RGB; with `alpha` as RGBA.

    EXIF orientation is applied, an ICC profile converted to sRGB, palettes and grays become RGB, 16
    bits become 8, transparent parts show white unless `alpha` keeps them. Raises DiptychError where
    the file is missing, damaged, not a picture or larger than the limit of `limits`.
    """
    max_pixels()  # before Pillow looks at its own limit
    try:
        with HUSHED, Image.open(path) as image:  # warnings of tags that do not matter here
            check_pixels(image.width, image.height)
            upright = to_srgb(ImageOps.exif_transpose(image))
            return to_rgba(upright) if alpha else to_rgb(upright)
    except UnidentifiedImageError:
        raise DiptychError(f"{path}: not a picture that can be read") from None
    except Image.DecompressionBombError:
        raise DiptychError(f"{path}: {too_large('the picture')}") from None
    except DiptychError as error:
        raise DiptychError(f"{path}: {error}") from None
    except Exception as error:  # Pillow raises errors of many types on damaged data
        missing = getattr(error, "strerror", None)  # what the system says of the file
        raise DiptychError(f"{path}: {missing or f'damaged picture: {error}'}") from None


def save_image(image: Image.Image, path: Path) -> None:
    """Write `image` whole, in the format of the ending of `path`; JPEG and WebP at quality 95.

    PNG is written for speed, see `png_of`: in half the time of Pillow's level 1 or less. Most
    pictures come out within a sixth of its size, fine textures a quarter larger, and patterns that
    repeat, such as a page of text, many times as large.
    """
    suffix = path.suffix.lower()
    lossy = suffix in {".jpg", ".jpeg", ".webp"}
    options: dict[str, Any] = {"quality": 95} if lossy else {"compress_level": 1}
    with whole_file(path) as aside:
        if suffix == ".png" and _is_plain(image):
            aside.write_bytes(png_of(np.asarray(image)))
            return
        try:
            image.save(aside, **options)
        except ValueError as error:  # how Pillow says that WebP has no room for so many pixels
            raise DiptychError(f"{path}: cannot be written: {error}") from None


def _is_plain(image: Image.Image) -> bool:
    """Whether `png_of` keeps all of a picture, which has no palette and no profile, and may.

    It holds picture and file in memory, and libpng takes no side above a million.
    """
    fits = 0 < image.width * image.height <= 2**24 and max(image.size) <= 10**6
    return fits and image.mode in {"L", "RGB", "RGBA"} and not image.info


def png_of(values: np.ndarray) -> bytes:
    """A PNG of `(H, W)` or `(H, W, C)` uint8 or uint16: one filter for all rows, and only runs.

    To try every filter on each row and to look for repetitions takes most of the time elsewhere.
    """
    from imagecodecs import PNG, png_encode

    stored = png_encode(
        np.ascontiguousarray(values), 1, strategy=PNG.STRATEGY.RLE, filter=PNG.FILTER.PAETH
    )
    return bytes(stored)


def find_files(folder: Path) -> list[Path]:
    """Every file below `folder`, hidden ones left out, sorted by relative path."""
    return sorted(
        path
        for path in folder.rglob("*")
        if not any(part.startswith(".") for part in path.relative_to(folder).parts)
        and path.is_file()
    )


def find_images(folder: Path) -> list[Path]:
    """Every picture below `folder` by its ending, hidden ones left out, sorted by relative path.

    Files of numbers (`.npy`, `.npz`) are among them.
    """
    endings = SUFFIXES | ARRAY_SUFFIXES
    return [path for path in find_files(folder) if path.suffix.lower() in endings]


def resize(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    """To (width, height), bicubic with antialiasing: the one resizer for pictures."""
    return image if image.size == size else image.resize(size, Image.Resampling.BICUBIC)


def to_srgb(image: Image.Image) -> Image.Image:
    """A picture with an ICC profile in the colours of sRGB; any other as it is.

    A profile that is damaged, or not of this kind of picture, is passed over as viewers do.
    """
    profile = image.info.get("icc_profile")
    if not profile or image.mode not in {"RGB", "RGBA", "CMYK", "L"}:
        return image
    try:
        given = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        if "sRGB" in ImageCms.getProfileDescription(given):
            return image
        mode = "RGBA" if image.mode == "RGBA" else "RGB"
        converted = ImageCms.profileToProfile(
            image, given, ImageCms.createProfile("sRGB"), outputMode=mode
        )
    except (ImageCms.PyCMSError, OSError, ValueError):
        return image
    return image if converted is None else converted


def to_rgba(image: Image.Image) -> Image.Image:
    """A picture of any mode as 8-bit RGBA; raises DiptychError as `to_rgb`."""
    if image.has_transparency_data:
        return image.convert("RGBA")
    return to_rgb(image).convert("RGBA")


def to_rgb(image: Image.Image) -> Image.Image:
    """A picture of any mode as 8-bit RGB; raises DiptychError for float values."""
    if image.mode == "F":
        raise DiptychError("32-bit float values have no stated range; save it with 8 or 16 bits")
    if image.mode.startswith("I"):  # 16 bits, or 16 bits held in 32
        image = image.convert("I").point(lambda value: value * (1 / 257) + 0.5).convert("L")
    if image.has_transparency_data:
        image = image.convert("RGBA")
        white = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(white, image)
    return image.convert("RGB")
