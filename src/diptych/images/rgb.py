"""Pictures as 8-bit RGB or RGBA: any common file in, upright and in the colours of sRGB."""

import io
from pathlib import Path

import numpy as np
from PIL import Image, ImageCms, ImageOps, UnidentifiedImageError

from diptych.errors import DiptychError
from diptych.images.opening import guarded, opened_picture


def read_image(path: Path, kind: str = "rgb") -> Image.Image:
    """The picture in `path` as 8-bit RGB; of a domain of kind `rgba` or `gray` as such.

    EXIF orientation is applied, an ICC profile converted to sRGB, palettes and grays become RGB, 16
    bits become 8, transparent parts show white unless RGBA keeps them. Raises DiptychError where
    the file is missing, damaged, not a picture or larger than the limit of `limits`.
    """
    with guarded(path, fault="damaged picture"):
        try:
            with opened_picture(path) as image:
                return in_colours(to_srgb(ImageOps.exif_transpose(image)), kind)
        except UnidentifiedImageError:
            raise DiptychError("not a picture that can be read") from None


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
        embedded = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        if "sRGB" in ImageCms.getProfileDescription(embedded):
            return image
        mode = "RGBA" if image.mode == "RGBA" else "RGB"
        converted = ImageCms.profileToProfile(
            image, embedded, ImageCms.createProfile("sRGB"), outputMode=mode
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


def to_gray(image: Image.Image) -> Image.Image:
    """A picture of any mode as 8-bit gray, which gray stays; raises DiptychError as `to_rgb`."""
    return to_rgb(image).convert("L")


def in_colours(image: Image.Image, kind: str) -> Image.Image:
    """A picture as a domain of that kind holds it: RGB, RGBA or gray."""
    return {"rgba": to_rgba, "gray": to_gray}.get(kind, to_rgb)(image)


def as_array(image: Image.Image) -> np.ndarray:
    """`(H, W, C)` uint8 of a picture in colours or gray."""
    values = np.asarray(image)
    return values if values.ndim == 3 else values[..., None]


def as_image(values: np.ndarray) -> Image.Image:
    """A picture of `(H, W, C)` uint8: RGB, RGBA or gray."""
    return Image.fromarray(np.ascontiguousarray(values[..., 0] if values.shape[2] == 1 else values))
