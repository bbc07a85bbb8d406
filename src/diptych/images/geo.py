"""The georeference of a TIFF, carried from a source to its result.

Copied tag by tag, so that any coordinate reference system is kept to the letter and nothing that
knows about coordinate systems has to be installed.
"""

from functools import partial
from pathlib import Path

from diptych.images.tiff_writing import Tag
from diptych.images.values import TIFFS, guarded

PIXEL_SCALE, TIEPOINTS, TRANSFORMATION = 33550, 33922, 34264
KEYS = (34735, 34736, 34737)  # the directory, its numbers, its texts


def geo_tags(path: Path, scale: int = 1) -> list[Tag]:
    """The tags that place the picture in `path` on Earth, for one `scale` times as large.

    None where it is no GeoTIFF. Raises DiptychError where the file is damaged.
    """
    return guarded(path, partial(_tags, scale=scale)) if path.suffix.lower() in TIFFS else []


def _tags(path: Path, scale: int) -> list[Tag]:
    import tifffile

    with tifffile.TiffFile(path) as tiff:
        tags = tiff.series[0].keyframe.tags
        found = {
            code: (tags[code].value, int(tags[code].dtype))
            for code in (PIXEL_SCALE, TIEPOINTS, TRANSFORMATION, *KEYS)
            if code in tags
        }
    kept = []
    for code, (given, kind) in found.items():
        value = given
        if code == PIXEL_SCALE:
            value = (given[0] / scale, given[1] / scale, *given[2:])
        elif code == TIEPOINTS:  # pixel i, j, k, then x, y, z of the place
            value = tuple(v * scale if n % 6 < 2 else v for n, v in enumerate(given))
        elif code == TRANSFORMATION:  # a matrix of four rows: its columns i and j
            value = tuple(v / scale if n % 4 < 2 else v for n, v in enumerate(given))
        count = len(value) + 1 if isinstance(value, str) else len(value)
        kept.append((code, kind, count, value, True))
    return kept
