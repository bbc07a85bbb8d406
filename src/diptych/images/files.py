"""Picture files by their names and beginnings: which there are, and of which kind."""

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


def find_files(folder: Path) -> list[Path]:
    """Every file below `folder`, hidden ones left out, sorted by relative path."""
    return sorted(
        path
        for path in folder.rglob("*")
        if not any(part.startswith(".") for part in path.relative_to(folder).parts)
        and path.is_file()
    )


def find_images(folder: Path) -> list[Path]:
    """Every picture below `folder` by its ending, hidden ones left out, sorted by relative path.

    Files of numbers (`.npy`, `.npz`) are among them.
    """
    endings = SUFFIXES | ARRAY_SUFFIXES
    return [path for path in find_files(folder) if path.suffix.lower() in endings]
