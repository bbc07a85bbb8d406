"""Files too large to be translated whole: read and written by windows."""

import contextlib
from pathlib import Path

import numpy as np
from PIL import Image

from diptych.images.files import save_image
from diptych.images.geo import geo_tags
from diptych.images.limits import max_pixels
from diptych.images.windows import ArrayPicture, open_tiff, write_tiff
from diptych.translation.translator import Translator

TIFF = {".tif", ".tiff"}


def translate_large(translator: Translator, path: Path, output: Path) -> bool:
    """Translate the picture in `path` and write it, if it is too large to be translated whole.

    A TIFF file is read by windows, whatever its size, and written so; files of other formats are
    decoded, or encoded, whole. Returns whether it was done: False leaves all to the ordinary way.
    Raises DiptychError where it cannot be done.
    """
    header = translator.header
    if header.target_size is not None:  # squeezed to the size of training
        return False
    if not (header.source.is_picture and header.target.is_picture):
        return False  # the ordinary way, by windows where it must be
    with contextlib.ExitStack() as stack:
        tiff = None
        if path.suffix.lower() in TIFF:
            tiff = open_tiff(path, alpha=header.source.kind == "rgba")
        if tiff is not None:
            stack.callback(tiff.close)
        elif output.suffix.lower() not in TIFF:
            return False
        size = _size(path) if tiff is None else tiff.shape[:2]
        if size is None or (size[0] * size[1] <= max_pixels() and translator.fits(1, *size)):
            return False
        picture = tiff or ArrayPicture(np.asarray(translator.read(path)))
        if output.suffix.lower() in TIFF:
            write_tiff(output, translator.by_windows(picture), geo_tags(path, header.scale))
        else:
            save_image(Image.fromarray(translator.from_windows(picture)), output)
    return True


def _size(path: Path) -> tuple[int, int] | None:
    """Height and width by the file's header; None where it is not to be read."""
    try:
        with Image.open(path) as image:
            return image.height, image.width
    except Exception:
        return None
