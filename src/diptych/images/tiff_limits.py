"""What a TIFF may ask for before it is refused: its directories, its tiles, and what these hold.

Width and height say little of what reading one takes. Tags can all point to the same bytes, a tile
can be larger than the picture, and in it may lie a picture of any size in a format of its own.
"""

import io
import math
import os
import re
import struct
from collections import deque
from collections.abc import Iterable
from typing import Any, BinaryIO

import numpy as np
from PIL import Image, UnidentifiedImageError

from diptych.errors import DiptychError
from diptych.images.limits import check_pixels

MOST_PAGES = 10_000
MOST_TAGS = 4096  # of a page, above which nobody reads it
MOST_CLAIMED = 2**24  # bytes of all tags together, where the file has no more itself
SMALL = 2**20  # numbers in a tile, below which it does not matter what the file says of it

_ORDERS = {b"II": "<", b"MM": ">"}
_SUB_DIRECTORIES = 330  # a tag
_SIZES = {3: 2, 4: 4, 5: 8, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
# Compressions that are pictures of their own, by who tells their size.
_BY_PILLOW = {
    **dict.fromkeys((6, 7, 33007, 34892), "JPEG"),
    **dict.fromkeys((33003, 33004, 33005, 34712), "JPEG2000"),
    34933: "PNG",
}
_BY_DECODER = {
    **dict.fromkeys((22610, 34934), "jpegxr"),
    **dict.fromkeys((50002, 52546), "jpegxl"),
    34887: "lerc",
    50001: "webp",  # for which Pillow takes eight bytes a pixel when it opens one
}
_TOLD = re.compile(r", shape=\(([\d, ]+)\)")


def check_directories(stored: BinaryIO) -> None:
    """Raise DiptychError where a file has more pages, or more in its tags, than are looked at.

    ValueError where it is no TIFF. Nothing of it is kept; afterwards it is at its
    beginning.
    """
    size = os.fstat(stored.fileno()).st_size
    stored.seek(0)
    start = stored.read(16)
    order = _ORDERS.get(start[:2], "")
    version = struct.unpack(f"{order}H", start[2:4])[0] if order and len(start) == 16 else 0
    if version not in {42, 43}:
        raise ValueError("not a TIFF file")
    big = version == 43
    count_form, entry_form, place_form = (
        order + form for form in (("Q", "HHQQ", "Q") if big else ("H", "HHII", "I"))
    )
    width, room = struct.calcsize(entry_form), struct.calcsize(place_form)
    places = deque(struct.unpack(place_form, start[8:16] if big else start[4:8]))
    seen: set[int] = set()
    claimed = 0
    while places:
        place = places.popleft()
        if place in seen or not 0 < place < size:
            continue
        seen.add(place)
        stored.seek(place)
        count = next(iter(_numbers(stored, count_form, 1)), 0)
        entries = stored.read(width * min(count, MOST_TAGS))
        places += _numbers(stored, place_form, 1)
        claimed += len(entries)
        whole = entries[: len(entries) // width * width]
        for code, kind, length, value in struct.iter_unpack(entry_form, whole):
            held = length * _SIZES.get(kind, 1)
            claimed += held
            if code == _SUB_DIRECTORIES and held <= room:
                places.append(value)
            elif code == _SUB_DIRECTORIES and value < size:
                stored.seek(value)
                wide = _SIZES.get(kind) == 8
                places += _numbers(stored, order + ("Q" if wide else "I"), length)
        if claimed > max(size, MOST_CLAIMED):
            raise DiptychError(f"its tags say that they hold more bytes than the file, {size:,}")
        if len(seen) + len(places) > MOST_PAGES:
            raise DiptychError(f"more than {MOST_PAGES:,} pages")
    stored.seek(0)


def _numbers(stored: BinaryIO, form: str, count: int) -> list[int]:
    size = struct.calcsize(form)
    read = stored.read(size * min(count, MOST_PAGES + 1))
    return [number for (number,) in struct.iter_unpack(form, read[: len(read) // size * size])]


def check_tile(page: Any) -> None:
    """Raise DiptychError where a tile of a page is over the limit of pixels, four bytes each.

    One of usual size is not, whatever the limit: pictures are read by windows to stay below it.
    """
    if not page.is_tiled:
        return
    deep = page.tiledepth * _together(page)
    if page.tilewidth * page.tilelength * deep > SMALL:
        high = page.tilelength * max(1, math.ceil(deep * page.dtype.itemsize / 4))
        check_pixels(page.tilewidth, high)


def check_stored(pages: Iterable[Any], file: Any) -> None:
    """Raise DiptychError where a tile or strip holds a picture that is larger than itself."""
    for page in pages:
        if page.keyframe.compression in _BY_PILLOW.keys() | _BY_DECODER.keys():
            for place, count in zip(page.dataoffsets, page.databytecounts, strict=False):
                file.seek(place)
                check_segment(page, file.read(count))


def check_segment(page: Any, data: bytes) -> None:
    """Raise DiptychError where a tile or strip of a page, stored as `data`, is larger than told."""
    page = page.keyframe
    if page.is_tiled:
        own = page.tiledepth * page.tilelength * page.tilewidth
    else:
        own = min(page.rowsperstrip, page.imagelength) * page.imagewidth * page.imagedepth
    held = _numbers_in(data, page)
    if held > max(own * _together(page), SMALL):
        raise DiptychError(f"a tile or strip of {own:,} pixels holds {held:,} numbers")


def _numbers_in(data: bytes, page: Any) -> int:
    """How many numbers decoding gives: 0 where nothing is said, and decoding will say so."""
    form = _BY_PILLOW.get(page.compression)
    if data and form is not None:
        try:
            # Of bytes in memory, and undecoded.
            with Image.open(io.BytesIO(data), formats=[form]) as image:  # noqa: TID251
                return image.width * image.height * len(image.getbands())
        except UnidentifiedImageError:
            return 0
    codec = _BY_DECODER.get(page.compression)
    if data and codec is not None:
        import imagecodecs

        try:  # it tells the size of what it was asked to decode into too little room
            getattr(imagecodecs, f"{codec}_decode")(data, out=np.empty((0, 0), page.dtype))
        except ValueError as error:
            told = _TOLD.search(str(error))
            return math.prod(map(int, re.findall(r"\d+", told[1]))) if told else 0
    return 0


def _together(page: Any) -> int:
    """Channels that lie in one tile or strip."""
    return 1 if page.planarconfig == 2 else int(page.samplesperpixel)
