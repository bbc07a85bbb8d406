"""Files too large to be translated whole: read and written by windows."""

import contextlib
from collections.abc import Sequence
from pathlib import Path

from diptych.images.arrays import check_sizes, read_array
from diptych.images.files import TIFF_SUFFIXES
from diptych.images.geo import geo_tags
from diptych.images.tiff_windows import open_tiff
from diptych.images.tiff_writing import write_tiff
from diptych.images.values import size_of
from diptych.images.windows import ArrayPicture, PicturesBeside
from diptych.translation.translator import Translator


def translate_large(translator: Translator, paths: Sequence[Path], output: Path) -> bool:
    """Translate the picture in `paths` and write it, if it is too large to be translated whole.

    `paths` is one file, or one for each source of the model. A TIFF file is read by windows,
    whatever its size, and written so; files of other formats are decoded, or encoded, whole.
    Returns whether it was done: False leaves all to the ordinary way. Raises DiptychError where it
    cannot be done.
    """
    header = translator.header
    domains = header.source.parts or (header.source,)
    if header.target_size is not None or translator.at_trained_scale:  # brought to another size
        return False
    if len(paths) != len(domains) or not any(_is_tiff(path) for path in (*paths, output)):
        return False
    with contextlib.ExitStack() as stack:
        tiffs = [
            open_tiff(path, domain) if _is_tiff(path) else None
            for path, domain in zip(paths, domains, strict=True)
        ]
        for tiff in tiffs:
            if tiff is not None:
                stack.callback(tiff.close)
        to_tiff = _is_tiff(output)
        if not (to_tiff or any(tiffs)) or _fits(translator, paths):
            return False
        pictures = [
            tiff or ArrayPicture(read_array(path, domain))
            for tiff, path, domain in zip(tiffs, paths, domains, strict=True)
        ]
        check_sizes([picture.shape for picture in pictures], paths)
        picture = pictures[0] if len(pictures) == 1 else PicturesBeside(pictures)
        if to_tiff:
            result = translator.by_windows(picture)
            target, tags = header.target, geo_tags(paths[0], result.shape[:2])
            write_tiff(output, result, target.palette, target.void, tags)
        else:
            translator.write(output, translator.from_windows(picture), paths[0])
    return True


def _is_tiff(path: Path) -> bool:
    return path.suffix.lower() in TIFF_SUFFIXES


def _fits(translator: Translator, paths: Sequence[Path]) -> bool:
    """Whether the files can be read whole, being sound and within limits, and translated whole."""
    first, *others = map(size_of, paths)
    return first is not None and None not in others and translator.fits(1, *first)
