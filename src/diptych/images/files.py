"""Picture files by their names and beginnings: which there are, and of which kind."""

import os
from pathlib import Path
from typing import BinaryIO

from PIL import features

from diptych.errors import DiptychError

TIFF_SUFFIXES = frozenset({".tif", ".tiff"})
ARRAY_SUFFIXES = frozenset({".npy", ".npz"})  # files of numbers
VIDEO_SUFFIXES = frozenset({".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi"})

# Pillow's readers that only decode the file they are given, and the endings of theirs. Others start
# programs (EPS), or open what the file holds as whatever it is (IPTC).
_ENDINGS = {
    "PNG": ".png .apng",
    "JPEG": ".jpg .jpeg .jpe .jfif .mpo",
    "TIFF": ".tif .tiff",
    "WEBP": ".webp",
    "GIF": ".gif",
    "BMP": ".bmp",
    "DIB": ".dib",
    "PPM": ".ppm .pgm .pbm .pnm .pfm",
    "AVIF": ".avif",
    "JPEG2000": ".jp2 .j2k .j2c .jpc .jpf .jpx",
    "QOI": ".qoi",
    "PSD": ".psd",
    "ICO": ".ico",
    "TGA": ".tga",  # known by no beginning: the last to be asked
}
# What a build of Pillow may lack, and what it calls it.
_PARTS = {"WEBP": "webp", "AVIF": "avif", "JPEG2000": "jpg_2000"}


def _is_there(form: str) -> bool:
    part = _PARTS.get(form)
    known = part in features.modules or part in features.codecs  # an older Pillow warns of others
    return part is None or (known and bool(features.check(part)))


FORMATS = tuple(filter(_is_there, _ENDINGS))
SUFFIXES = frozenset(ending for form in FORMATS for ending in _ENDINGS[form].split())
PICTURES = SUFFIXES | ARRAY_SUFFIXES  # all that a side of pairs may be kept in

# How files of these kinds begin.
_BEGINNINGS = {
    b"\x89PNG\r\n\x1a\n": ".png",
    b"\xff\xd8\xff": ".jpg",
    b"II*\0": ".tif",
    b"MM\0*": ".tif",
    b"II+\0": ".tif",
    b"MM\0+": ".tif",
    b"GIF8": ".gif",
    b"BM": ".bmp",
    b"(\0\0\0": ".dib",
    b"P1": ".pbm",
    b"P2": ".pgm",
    b"P3": ".ppm",
    b"P4": ".pbm",
    b"P5": ".pgm",
    b"P6": ".ppm",
    b"Pf": ".pfm",
    b"\0\0\0\x0cjP  \r\n\x87\n": ".jp2",
    b"\xff\x4f\xff\x51": ".j2k",
    b"qoif": ".qoi",
    b"8BPS": ".psd",
    b"\0\0\1\0": ".ico",
    b"\x93NUMPY": ".npy",
    b"PK\x03\x04": ".npz",
}
_AVIF = (b"ftypavif", b"ftypavis")
_TGA = b"TRUEVISION-XFILE.\0"  # its end, in most of them


def ending_of(stored: bytes) -> str:
    """The ending that fits a stored picture, by how it begins; raises DiptychError if none does."""
    if stored[:4] == b"RIFF" and stored[8:12] == b"WEBP":
        return ".webp"
    if stored[4:12] in _AVIF:
        return ".avif"
    if stored.endswith(_TGA):
        return ".tga"
    for start, ending in _BEGINNINGS.items():
        if stored.startswith(start):
            return ending
    raise DiptychError("not a picture of a known format")


def ending_within(stored: BinaryIO, path: Path) -> str:
    """The ending that fits what is in the file `stored`; that of `path` where nothing known does.

    Raises OSError where it cannot be read.
    """
    start = stored.read(32)
    stored.seek(0)
    try:
        return ending_of(start)
    except DiptychError:
        return path.suffix.lower()


def walk(folder: Path) -> tuple[list[str], list[str]]:
    """Every file below `folder`, and every broken link: relative paths, sorted by their parts.

    Hidden ones are left out. Links to folders are followed, except to one that they lie in.
    """
    files: list[str] = []
    broken: list[str] = []

    def look_into(place: str, inside: str, within: frozenset[tuple[int, int]]) -> None:
        status = os.stat(place)  # noqa: PTH116 - of a hundred thousand, plain names are faster
        here = (status.st_dev, status.st_ino)
        if here in within:
            return
        with os.scandir(place) as entries:
            for entry in entries:
                if entry.name.startswith("."):
                    continue
                name = f"{inside}{entry.name}"
                if entry.is_dir():
                    look_into(entry.path, f"{name}/", within | {here})
                elif entry.is_file():
                    files.append(name)
                elif entry.is_symlink() and not os.path.exists(entry.path):  # noqa: PTH110
                    broken.append(name)

    if folder.is_dir():
        look_into(str(folder), "", frozenset())
    parts = lambda name: name.split("/")  # noqa: E731
    return sorted(files, key=parts), sorted(broken, key=parts)


def find_files(folder: Path) -> list[Path]:
    """Every file below `folder`, as `walk` finds them."""
    return [folder / name for name in walk(folder)[0]]


def find_images(folder: Path) -> list[Path]:
    """Every picture below `folder` by its ending, hidden ones left out, sorted by relative path.

    Files of numbers (`.npy`, `.npz`) are among them.
    """
    return [path for path in find_files(folder) if path.suffix.lower() in PICTURES]
