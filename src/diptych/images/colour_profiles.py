"""Colour profiles (ICC): what the numbers of a picture mean, brought to what they mean in sRGB."""

import io
from functools import lru_cache

import numpy as np
from PIL import Image, ImageCms

_SPACES = {"RGB": "RGB ", "RGBA": "RGB ", "L": "GRAY", "CMYK": "CMYK"}
# Threads may share a transform. One of gray would lose up to ten levels in the dark.
_FLAGS = ImageCms.Flags.NOCACHE
# Of 255: what differs by less is sRGB, whatever its profile calls itself.
_SAME = 2


def to_srgb(image: Image.Image) -> Image.Image:
    """A picture of 8 bits with an ICC profile in the colours of sRGB; any other as it is.

    A profile that is damaged, or not of this kind of picture, is passed over as viewers do.
    """
    profile = image.info.get("icc_profile")
    if not profile:
        return image
    plain = _without_indices(image)
    colours = plain.convert("L") if plain.mode == "LA" else plain
    transform = _to_srgb(profile, colours.mode)
    if transform is None:
        return image
    converted = transform.apply(colours)
    if plain.mode == "LA":
        converted.putalpha(plain.getchannel("A"))
    return converted


def _without_indices(image: Image.Image) -> Image.Image:
    """A profile speaks of the colours that indices stand for, and of gray where there are bits."""
    if image.mode in {"P", "PA"}:
        return image.convert("RGBA" if image.has_transparency_data else "RGB")
    if image.mode == "1":
        return image.convert("L")
    if image.mode in {"L", "RGB"} and image.has_transparency_data:
        return image.convert("LA" if image.mode == "L" else "RGBA")
    return image


@lru_cache(maxsize=16)
def _to_srgb(profile: bytes, mode: str) -> ImageCms.ImageCmsTransform | None:
    """What converts pictures of a mode; None where nothing does, or nothing has to."""
    if mode not in _SPACES:
        return None
    try:
        embedded = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        if embedded.profile.xcolor_space != _SPACES[mode]:
            return None
        transform = ImageCms.buildTransform(
            embedded,
            ImageCms.createProfile("sRGB"),
            mode,
            "RGBA" if mode == "RGBA" else "RGB",
            flags=_FLAGS | (ImageCms.Flags.NOOPTIMIZE if mode == "L" else ImageCms.Flags.NONE),
        )
        return None if _is_srgb(transform, mode) else transform
    except (ImageCms.PyCMSError, OSError, ValueError):
        return None


def _is_srgb(transform: ImageCms.ImageCmsTransform, mode: str) -> bool:
    """Whether colours stay as they are."""
    if mode == "CMYK":
        return False
    if mode == "L":
        grid = np.arange(256, dtype=np.uint8)[:, None]
    else:
        levels = np.linspace(0, 255, 16).round().astype(np.uint8)
        grid = np.stack(np.meshgrid(levels, levels, levels), -1).reshape(64, 64, 3)
    before = Image.fromarray(grid).convert(mode)
    after = transform.apply(before)
    change = np.asarray(after.convert("RGB")).astype(int) - np.asarray(before.convert("RGB"))
    return bool(np.abs(change).max() <= _SAME)
