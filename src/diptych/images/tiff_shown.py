"""What a TIFF shows, also where Pillow does not know how, or shows it too dark."""

from collections.abc import Callable
from typing import Any

import numpy as np
from PIL import Image, UnidentifiedImageError

# TIFF's numbers: of how colours are told, and of no compression.
_WHITE_IS_ZERO, _BLACK_IS_ZERO, _RGB, _YCBCR = 0, 1, 2, 6
_AS_IT_IS = 1
_PROFILE = 34675  # a tag


def tiff_shown(
    page: Any, values: Callable[[], np.ndarray], by_pillow: Callable[[], Image.Image]
) -> Image.Image:
    """The picture on a page, upright: `by_pillow`, or of its `values` `(H, W, C)`, upright too.

    Raises errors of many types; UnidentifiedImageError where nobody knows how.
    """
    image = _otherwise(page, values)
    if image is None:
        try:
            return by_pillow()
        except UnidentifiedImageError:
            if not _is_plain(page):  # but for a compression that Pillow does not have
                raise
            pixels = values()[..., : page.samplesperpixel]
            pixels = pixels if page.photometric == _RGB else pixels[..., 0]
            image = Image.fromarray(np.ascontiguousarray(pixels))
    profile = page.tags.valueof(_PROFILE)
    if isinstance(profile, bytes):
        image.info["icc_profile"] = profile
    return image


def _otherwise(page: Any, values: Callable[[], np.ndarray]) -> Image.Image | None:
    """What Pillow would refuse, invert or leave nearly black; else None."""
    kind, white = page.photometric, 2**page.bitspersample - 1
    if kind == _YCBCR and page.compression == _AS_IT_IS:
        planes = [np.ascontiguousarray(plane) for plane in np.moveaxis(values(), -1, 0)]
        return Image.merge("YCbCr", [*map(Image.fromarray, planes)]).convert("RGB")
    gray = kind in {_WHITE_IS_ZERO, _BLACK_IS_ZERO} and page.dtype == np.uint16
    if not gray or (white == 65535 and kind == _BLACK_IS_ZERO):
        return None
    levels = np.minimum(values()[..., 0], white) / white
    if kind == _WHITE_IS_ZERO:
        levels = 1 - levels
    return Image.fromarray(np.rint(65535 * levels).astype(np.uint16))


def _is_plain(page: Any) -> bool:
    kind = (page.photometric, page.samplesperpixel)
    return page.dtype == np.uint8 and kind in {(_BLACK_IS_ZERO, 1), (_RGB, 3), (_RGB, 4)}
