"""Picture files by their names and beginnings: which there are, and of which kind."""

import os
from pathlib import Path

from diptych.errors import DiptychError

TIFF_SUFFIXES = frozenset({".tif", ".tiff"})
ARRAY_SUFFIXES = frozenset({".npy", ".npz"})  # files of numbers
SUFFIXES = TIFF_SUFFIXES | {".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif", ".ppm", ".pgm"}
VIDEO_SUFFIXES = frozenset({".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi"})

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
    b"P5": ".pgm",
    b"P6": ".ppm",
    b"\x93NUMPY": ".npy",
    b"PK\x03\x04": ".npz",
}


def ending_of(stored: bytes) -> str:
    """The ending that fits a stored picture, by how it begins; raises DiptychError if none does."""
    if stored[:4] == b"RIFF" and stored[8:12] == b"WEBP":
        return ".webp"
    for start, ending in _BEGINNINGS.items():
        if stored.startswith(start):
            return ending
    raise DiptychError("not a picture of a known format")


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
    endings = SUFFIXES | ARRAY_SUFFIXES
    return [path for path in find_files(folder) if path.suffix.lower() in endings]
