"""Pictures as 8-bit RGB or RGBA: any common file in, upright and in the colours of sRGB."""

from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from diptych.errors import DiptychError
from diptych.images.colour_profiles import to_srgb
from diptych.images.description import Description
from diptych.images.opening import complete, guarded, opened

_WIDE = ("I;16", "I;16L", "I;16B")


def read_image(path: Path, kind: str = "rgb", domain: str = "this") -> Image.Image:
    """The picture in `path` as 8-bit RGB; of a domain of kind `rgba` or `gray` as such.

    EXIF orientation is applied, an ICC profile converted to sRGB, palettes and grays become RGB, 16
    bits become 8, transparent parts show white unless RGBA keeps them; of several pages or frames
    it is the first. Raises DiptychError where the file is missing, damaged, not a picture or larger
    than the limit of `limits`, and where it holds other numbers than the `domain` takes.
    """
    with opened(path, fault="damaged picture") as file:
        said = file.description
        if file.show is None or not _is_picture(said):
            raise DiptychError(_other_numbers(said, domain))
        try:
            image = file.show()
        except UnidentifiedImageError:
            raise DiptychError(_other_numbers(said, domain)) from None
        if image.size != (said.width, said.height):
            raise DiptychError(
                f"holds a picture of {image.width}x{image.height}, but says that it is "
                f"{said.width}x{said.height}"
            )
        return in_srgb(image, kind)


def colours_of(image: Image.Image, kind: str = "rgb") -> Image.Image:
    """What `read_image` gives of a file that holds this picture.

    Raises DiptychError where it is damaged or holds numbers that are no picture.
    """
    with guarded(Path(getattr(image, "filename", "") or "the picture"), fault="damaged picture"):
        complete(image)
        upright = ImageOps.exif_transpose(image)
        upright.format = image.format
        return in_srgb(upright, kind)


def in_srgb(image: Image.Image, kind: str = "rgb") -> Image.Image:
    """An upright picture in the colours of sRGB, as a domain of that kind holds it."""
    colours = in_colours(to_srgb(to_8_bits(image)), kind)
    colours.info.pop("icc_profile", None)  # what it said is done
    return colours


def resize(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    """To (width, height), bicubic with antialiasing: the one resizer for pictures."""
    return image if image.size == size else image.resize(size, Image.Resampling.BICUBIC)


def to_rgba(image: Image.Image) -> Image.Image:
    """A picture of any mode as 8-bit RGBA; raises DiptychError as `to_8_bits`."""
    image = to_8_bits(image)
    return (image if image.has_transparency_data else image.convert("RGB")).convert("RGBA")


def to_rgb(image: Image.Image) -> Image.Image:
    """A picture of any mode as 8-bit RGB; raises DiptychError as `to_8_bits`."""
    image = to_8_bits(image)
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


def to_8_bits(image: Image.Image) -> Image.Image:
    """A picture of 16 bits as one of 8, any other as it is.

    Raises DiptychError for floats, and for 32 bits that are no 16 held in 32: what white is among
    them is nowhere said.
    """
    held = holds_16_bits(image)
    if image.mode in {"F", "I"} and not held:
        raise DiptychError(
            f"{'32-bit float' if image.mode == 'F' else '32-bit'} values have no stated range; "
            "save it with 8 or 16 bits"
        )
    if held or image.mode in _WIDE:
        key = image.info.get("transparency")  # the number that stands for no colour
        levels = image.convert("I").point(lambda value: value * (1 / 257) + 0.5).convert("L")
        if key is not None:
            seen = np.where(np.asarray(image) == key, 0, 255).astype(np.uint8)
            levels = Image.merge("LA", [levels, Image.fromarray(seen)])
        levels.info = {name: value for name, value in image.info.items() if name != "transparency"}
        return levels
    return image


def holds_16_bits(image: Image.Image) -> bool:
    """Whether the 32 bits of a picture are the 16 of its file, as Pillow has some of them."""
    return image.mode == "I" and image.format in {"PPM", "PNG"}


def _is_picture(said: Description) -> bool:
    return said.dtype in {"uint8", "uint16"} and said.channels // said.pages <= 4


def _other_numbers(said: Description, domain: str) -> str:
    channels = f"{said.channels} channel{'s' * (said.channels > 1)}"
    return (
        f"holds {channels} of {said.dtype}, but {domain} takes 8-bit pictures: "
        "gray, RGB or RGBA, of 16 bits at most"
    )
