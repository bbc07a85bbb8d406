"""A stranger's archive into a folder: plain files only, inside it, and no more than is due."""

import gzip
import shutil
import tarfile
import zlib
from pathlib import Path, PureWindowsPath
from typing import Any

from diptych.errors import DiptychError, optional
from diptych.images.files import ending_of

_ROWS = 8  # of a parquet file in memory at a time


class DamagedError(DiptychError):
    """A file that is not what it should be; only another copy of it helps."""


class CutShortError(DamagedError):
    """A file that broke on its way: another copy from the same place may be whole."""


class _Bounded(gzip.GzipFile):
    """A gzip file that gives up to `most` bytes: all that a tar file holds passes through here."""

    def __init__(self, path: Path, most: int) -> None:
        super().__init__(path)
        self.path, self.most, self.left = path, most, most

    def read(self, size: int | None = -1) -> bytes:
        """As gzip's; raises DamagedError past the bound."""
        chunk = super().read(size)
        self.left -= len(chunk)
        if self.left < 0:
            raise DamagedError(
                f"{self.path}: unpacks to more than {self.most:,} bytes, too much for this dataset"
            )
        return chunk


def unpack_tar(archive: Path, folder: Path, most_bytes: int, most_files: int) -> None:
    """Unpack a `.tar.gz` into `folder`, which is made.

    Only files and folders, by names that stay inside, are taken: with neither links nor modes or
    owners there is nothing for the filters of Python's tarfile to do, and Pythons that lack or
    differ in them behave the same.

    Raises CutShortError where the archive is cut short, or not an archive, DamagedError where it
    holds something else, or more, and OSError where the folder cannot be written.
    """
    folder.mkdir()
    try:
        with _Bounded(archive, most_bytes) as stream:
            with tarfile.open(fileobj=stream, mode="r|") as tar:
                for count, member in enumerate(tar, start=1):
                    if count > most_files:
                        raise DamagedError(
                            f"{archive}: holds more than {most_files:,} files, too many for this "
                            "dataset"
                        )
                    _unpack_member(tar, member, archive, folder)
            # The checksum stands at the end, past what a tar file needs to read.
            while stream.read(2**20):
                pass
    except DiptychError:
        raise
    # A ValueError: numbers in its extended headers that are none.
    except (EOFError, zlib.error, gzip.BadGzipFile, tarfile.TarError, ValueError) as error:
        raise CutShortError(f"{archive}: damaged, or cut short: {error}") from error


def _unpack_member(
    tar: tarfile.TarFile, member: tarfile.TarInfo, archive: Path, folder: Path
) -> None:
    # Read as Windows reads names, both slashes part them, and a drive is seen.
    name = PureWindowsPath(member.name)
    if name.anchor or ".." in name.parts or "\0" in member.name:
        raise DamagedError(f"{archive}: {member.name!r} would be written outside of the dataset")
    path = folder.joinpath(*name.parts)
    if member.isdir():
        path.mkdir(parents=True, exist_ok=True)
        return
    # A sparse file is large on disk and small in the stream, which is where bytes are counted.
    content = tar.extractfile(member) if member.isreg() and not member.issparse() else None
    if content is None:
        raise DamagedError(f"{archive}: {member.name!r} is neither a plain file nor a folder")
    path.parent.mkdir(parents=True, exist_ok=True)
    with content, path.open("wb") as file:
        shutil.copyfileobj(content, file)


def import_parquet() -> Any:
    """The module that reads parquet; raises DiptychError where the `hub` extra is missing."""
    needs = "the hub's files are parquet, which needs pyarrow; pip install 'diptych[hub]'"
    return optional("pyarrow.parquet", needs)


def unpack_parquet(
    parquet: Path, folder: Path, split: str, most_bytes: int, most_pairs: int, first: int = 0
) -> int:
    """Write the pairs of a parquet file to `folder/A/split/N.jpg` and `folder/B/split/N.jpg`.

    Columns `imageA` and `imageB` hold JPEG or PNG files; their bytes are written as they are.
    N counts from `first`; returns the N that follows. Raises DamagedError where it is no such
    file, a damaged one, or holds more than it may, OSError where the folder cannot be written, and
    DiptychError where the `hub` extra is not installed.
    """
    reader, number = import_parquet(), first
    for side in "AB":
        (folder / side / split).mkdir(parents=True, exist_ok=True)
    try:
        with reader.ParquetFile(parquet) as table:
            groups = map(table.metadata.row_group, range(table.metadata.num_row_groups))
            stored_bytes = sum(group.total_byte_size for group in groups)
            left = most_bytes  # a picture that comes again and again is stored once
            if table.metadata.num_rows > most_pairs or stored_bytes > left:
                raise _too_much(parquet, most_bytes, most_pairs)
            for batch in table.iter_batches(_ROWS, columns=["imageA", "imageB"]):
                for row in batch.to_pylist():
                    for side in "AB":
                        stored = row[f"image{side}"]["bytes"]
                        left -= len(stored)
                        if left < 0:
                            raise _too_much(parquet, most_bytes, most_pairs)
                        path = folder / side / split / f"{number:06}{ending_of(stored)}"
                        path.write_bytes(stored)
                    number += 1
    except DamagedError:
        raise
    # pyarrow's errors are a ValueError, or an OSError without a number where a file is cut short.
    except (ValueError, KeyError, TypeError, OSError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        raise DamagedError(
            f"{parquet}: not a whole parquet file of pictures imageA and imageB: {error!r}"
        ) from error
    return number


def _too_much(parquet: Path, most_bytes: int, most_pairs: int) -> DamagedError:
    return DamagedError(
        f"{parquet}: holds more than {most_pairs:,} pairs, or {most_bytes:,} bytes of pictures, "
        "too much for this dataset"
    )
