"""The georeference of a TIFF, carried from a source to its result.

Copied tag by tag, so that any coordinate reference system is kept to the letter and nothing that
knows about coordinate systems has to be installed.
"""

from pathlib import Path
from typing import Any

from diptych.images.files import TIFF_SUFFIXES
from diptych.images.opening import guarded, tiff_file
from diptych.images.tiff_writing import Tag

PIXEL_SCALE, TIEPOINTS, TRANSFORMATION = 33550, 33922, 34264
KEYS = (34735, 34736, 34737)  # the directory, its numbers, its texts


def geo_tags(path: Path, scale: int = 1) -> list[Tag]:
    """The tags that place the picture in `path` on Earth, for one `scale` times as large.

    None where it is no GeoTIFF. Raises DiptychError where the file is damaged.
    """
    if path.suffix.lower() not in TIFF_SUFFIXES:
        return []
    with guarded(path), tiff_file(path) as tiff:
        tags = tiff.series[0].keyframe.tags
        return [
            _scaled(code, tags[code].value, int(tags[code].dtype), scale)
            for code in (PIXEL_SCALE, TIEPOINTS, TRANSFORMATION, *KEYS)
            if code in tags
        ]


def _scaled(code: int, value: Any, kind: int, scale: int) -> Tag:
    if code == PIXEL_SCALE:
        value = (value[0] / scale, value[1] / scale, *value[2:])
    elif code == TIEPOINTS:  # pixel i, j, k, then x, y, z of the place
        value = tuple(v * scale if n % 6 < 2 else v for n, v in enumerate(value))
    elif code == TRANSFORMATION:  # a matrix of four rows: its columns i and j
        value = tuple(v / scale if n % 4 < 2 else v for n, v in enumerate(value))
    count = len(value) + 1 if isinstance(value, str) else len(value)
    return code, kind, count, value, True
