"""The georeference of a TIFF, carried from a source to its result.

Copied tag by tag, so that any coordinate reference system is kept to the letter and nothing that
knows about coordinate systems has to be installed. Where the result has another size, or lies
otherwise than the file did, the tags that say where pixels are get those of the result.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from diptych.images.opening import guarded, tiff_file
from diptych.images.tiff_description import tiff_orientation
from diptych.images.tiff_writing import Tag

PIXEL_SCALE, TIEPOINTS, TRANSFORMATION = 33550, 33922, 34264
KEYS = (34735, 34736, 34737)  # the directory, its numbers, its texts
_DOUBLE, _FRACTIONS = 12, {5, 10}  # TIFF's numbers of types
_RASTER_TYPE, _POINTS = 1025, 2  # a key, and that it means places to be those of pixels' middles
_LINEAR_UNITS, _METRES = 3076, 9001
Size = tuple[int, int]  # height and width


def geo_tags(path: Path, size: Size | None = None) -> list[Tag]:
    """The tags that place on Earth what became of the picture in `path`: upright, of a `size`.

    None where it is no GeoTIFF; without a size it kept its own. Raises DiptychError where the file
    is damaged.
    """
    with guarded(path):
        with tiff_file(path) as tiff:
            if tiff is None:
                return []
            page = tiff.series[0].keyframe
            tags: dict[int, Tag] = {
                code: _tag(code, int(page.tags[code].dtype), page.tags[code].value)
                for code in (PIXEL_SCALE, TIEPOINTS, TRANSFORMATION, *KEYS)
                if code in page.tags
            }
            stored, orientation = (page.imagelength, page.imagewidth), tiff_orientation(page.tags)
        if tags and (orientation != 1 or (size or stored) != stored):
            pixels = _stored_pixels(stored, orientation, size)
            if _means_points(tags):
                pixels = _shift(-0.5) @ pixels @ _shift(0.5)
            _place(tags, pixels, turned=orientation != 1)
        return list(tags.values())


def metres_per_pixel(path: Path) -> float | None:
    """How wide a pixel of a GeoTIFF is on the ground.

    None where that is not said in metres, as in degrees. Raises DiptychError as `geo_tags`.
    """
    tags = {code: value for code, _, _, value, _ in geo_tags(path)}
    units = _keys(tags.get(KEYS[0], ())).get(_LINEAR_UNITS)
    if PIXEL_SCALE not in tags or units != _METRES:
        return None
    return float(tags[PIXEL_SCALE][0])


def _tag(code: int, kind: int, value: Any) -> Tag:
    if isinstance(value, str):  # of any letters, which bytes hold
        value = value.encode() + b"\0"
    value = value if isinstance(value, tuple | bytes) else (value,)
    if kind in _FRACTIONS:
        kind, value = _DOUBLE, tuple(a / b for a, b in zip(value[::2], value[1::2], strict=True))
    return code, kind, len(value), value, True


def _stored_pixels(stored: Size, orientation: int, size: Size | None) -> np.ndarray:
    """Where a place of the result lies in the file, corners being (0, 0): `(3, 3)`, of x, y, 1."""
    height, width = stored if orientation < 5 else stored[::-1]
    down, across = size or (height, width)
    matrix = np.diag([width / across, height / down, 1.0])
    if orientation in (2, 3, 6, 7):
        matrix = np.array([[-1.0, 0, width], [0, 1, 0], [0, 0, 1]]) @ matrix
    if orientation in (3, 4, 7, 8):
        matrix = np.array([[1.0, 0, 0], [0, -1, height], [0, 0, 1]]) @ matrix
    return matrix[[1, 0, 2]] if orientation >= 5 else matrix


def _shift(by: float) -> np.ndarray:
    return np.array([[1.0, 0, by], [0, 1, by], [0, 0, 1]])


def _means_points(tags: dict[int, Tag]) -> bool:
    return _keys(tags[KEYS[0]][3] if KEYS[0] in tags else ()).get(_RASTER_TYPE) == _POINTS


def _keys(directory: Sequence[int]) -> dict[int, int]:
    """What a GeoTIFF's directory of keys says of each: its number, or where that stands."""
    return {directory[i]: directory[i + 3] for i in range(4, len(directory) - 3, 4)}


def _place(tags: dict[int, Tag], pixels: np.ndarray, *, turned: bool) -> None:
    """Make the tags those of a picture whose `pixels` are such of the file."""
    if turned and PIXEL_SCALE in tags and TIEPOINTS in tags:  # a scale alone cannot say that
        right, down, up = (*tags.pop(PIXEL_SCALE)[3], 0.0)[:3]
        i, j, k, x, y, z = tags.pop(TIEPOINTS)[3][:6]
        earth = np.array(
            [[right, 0, 0, x - right * i], [0, -down, 0, y + down * j], [0, 0, up, z - up * k]]
        )
        _set(tags, TRANSFORMATION, np.vstack([earth, [0, 0, 0, 1]]))
    if PIXEL_SCALE in tags:
        right, down, *more = tags[PIXEL_SCALE][3]
        _set(tags, PIXEL_SCALE, np.array([right * pixels[0, 0], down * pixels[1, 1], *more]))
    if TIEPOINTS in tags:  # pixel i, j, k, then x, y, z of the place
        points = np.array(tags[TIEPOINTS][3], float).reshape(-1, 6)
        places = np.linalg.inv(pixels) @ np.vstack([points[:, :2].T, np.ones(len(points))])
        points[:, :2] = places[:2].T
        _set(tags, TIEPOINTS, points)
    if TRANSFORMATION in tags:
        matrix = np.array(tags[TRANSFORMATION][3], float).reshape(4, 4)
        matrix[:, [0, 1, 3]] = matrix[:, [0, 1, 3]] @ pixels
        _set(tags, TRANSFORMATION, matrix)


def _set(tags: dict[int, Tag], code: int, values: np.ndarray) -> None:
    tags[code] = _tag(code, _DOUBLE, tuple(float(value) for value in values.reshape(-1)))
