"""Files that no honest program writes, made byte by byte."""

import io
import struct
import zipfile
from collections.abc import Mapping

SHORT, LONG = 3, 4
WIDTH, HEIGHT, BITS, COMPRESSION, PHOTOMETRIC = 256, 257, 258, 259, 262
DESCRIPTION, OFFSETS, SAMPLES, ROWS, COUNTS = 270, 273, 277, 278, 279
TILE_WIDTH, TILE_HEIGHT, TILE_OFFSETS, TILE_COUNTS = 322, 323, 324, 325
MICROMANAGER = 51123


def tiff(data: bytes, tags: Mapping[int, int | bytes], head: bytes = b"") -> bytes:
    """A TIFF of 16x16 pixels of 8 bits whose one strip is `data`, but for what `tags` say.

    `head` stands before all else. Of numbers and bytes; None takes a tag out.
    """
    start = 8 + len(head)
    said: dict[int, int | bytes | None] = {
        WIDTH: 16, HEIGHT: 16, BITS: 8, COMPRESSION: 1, PHOTOMETRIC: 1, OFFSETS: start,
        SAMPLES: 1, ROWS: 16, COUNTS: len(data), **tags,
    }  # fmt: skip
    behind, entries = bytearray(data), []
    for tag, value in sorted(said.items()):
        if isinstance(value, bytes):
            entries.append(struct.pack("<HHII", tag, 2, len(value), start + len(behind)))
            behind += value
        elif value is not None:
            entries.append(struct.pack("<HHII", tag, LONG, 1, value))
    directory = struct.pack("<H", len(entries)) + b"".join(entries) + bytes(4)
    return b"II*\0" + struct.pack("<I", start + len(behind)) + head + bytes(behind) + directory


def tiled(side: tuple[int, int], data: bytes, tags: Mapping[int, int | bytes]) -> bytes:
    """The same in one tile of that height and width."""
    place = {TILE_HEIGHT: side[0], TILE_WIDTH: side[1], TILE_OFFSETS: 8, TILE_COUNTS: len(data)}
    return tiff(data, {**place, OFFSETS: None, COUNTS: None, ROWS: None, **tags})  # type: ignore[dict-item]


def many_pages(count: int) -> bytes:
    """A TIFF of so many pages, each of a few tags, all of one strip of 16x16 pixels."""
    pages, size = [], 2 + 9 * 12 + 4
    for number in range(count):
        entries = [
            (WIDTH, 16), (HEIGHT, 16), (BITS, 8), (COMPRESSION, 1), (PHOTOMETRIC, 1), (OFFSETS, 8),
            (SAMPLES, 1), (ROWS, 16), (COUNTS, 256),
        ]  # fmt: skip
        directory = b"".join(struct.pack("<HHII", tag, LONG, 1, value) for tag, value in entries)
        behind = 8 + 256 + (number + 1) * size if number + 1 < count else 0
        pages.append(struct.pack("<H", len(entries)) + directory + struct.pack("<I", behind))
    return b"II*\0" + struct.pack("<I", 8 + 256) + bytes(256) + b"".join(pages)


def npy_header(words: str, length: int | None = None) -> bytes:
    """How a `.npy` file begins, which says that its header has so many bytes."""
    stored = words.encode().ljust(max(length or 0, len(words) + 1) - 1) + b"\n"
    return b"\x93NUMPY\x02\x00" + struct.pack("<I", len(stored)) + stored


def zipped(members: Mapping[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """An archive of members, as `.npz` is one."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return file.getvalue()
