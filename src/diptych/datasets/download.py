"""Fetch a dataset of the catalogue: from its host, a mirror of it, or the hub."""

import json
import re
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from diptych.datasets.catalogue import HOST, HUB, KnownDataset, find_dataset
from diptych.datasets.transfer import Progress, UnavailableError, download
from diptych.datasets.unpack import (
    CutShortError,
    DamagedError,
    import_parquet,
    unpack_parquet,
    unpack_tar,
)
from diptych.errors import DiptychError
from diptych.images.files import find_images
from diptych.schema import SPLITS

# Pictures hardly shrink in an archive, so that what unpacks to several times its size is none.
_MOST_GROWTH = 3
_PARQUET = re.compile(r"(?:.*/)?((train|val|validation|test)-[\w.-]+\.parquet)")


@dataclass(frozen=True)
class FetchedDataset:
    """A dataset on this machine."""

    folder: Path
    pairs: dict[str, int]  # in each split
    kept: bool  # it was there already, and nothing was downloaded
    own_archive: Path | None = None  # lay there already, was unpacked, and is kept


@dataclass(frozen=True)
class _Unpacked:
    folder: Path  # the dataset, in a folder aside
    origin: Path  # the archive, or the folder of parquet files
    downloads: list[Path]  # what this program brought, and may remove

    def remove_downloads(self) -> None:
        for path in self.downloads:
            path.unlink(missing_ok=True)
        if self.origin.is_dir():
            with suppress(OSError):  # a person's files may lie there
                self.origin.rmdir()


def get_dataset(
    name: str,
    root: Path,
    *,
    mirror: str | None = None,
    source: str = "host",
    on_progress: Progress | None = None,
) -> FetchedDataset:
    """Download a known dataset to `root/name`, unless it is there.

    The folder appears whole or not at all. What a broken download brought stays in `root`, and
    the same call goes on from it. An archive `root/NAME.tar.gz` that is there already is taken
    in place of a download, and kept: only what this call downloaded is removed once it is unpacked.

    `source`: "host", or "hub" for parquet files, which the `hub` extra reads; `mirror` is an
    address in place of theirs. Raises DiptychError where name or source are unknown, the folder
    holds something else, the download fails, what came is not the dataset, or the disk is full.
    """
    dataset = find_dataset(name)
    fetchers = {"host": _from_host, "hub": _from_hub}
    if source not in fetchers:
        raise DiptychError(f"--from {source}: give host or hub")
    folder = root / name
    if folder.exists():
        pairs = _count(folder)
        if not any(pairs.values()):
            raise DiptychError(
                f"{folder}: exists, but holds no pictures in train, val or test; move it away"
            )
        return FetchedDataset(folder, pairs, kept=True)
    try:
        root.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{name}-", dir=root) as aside:
            unpacked = fetchers[source](
                dataset, root, Path(aside), mirror, on_progress or (lambda *_: None)
            )
            pairs = _count(unpacked.folder)
            if not any(pairs.values()):
                unpacked.remove_downloads()
                raise DiptychError(
                    f"{unpacked.origin}: holds no pictures in train, val or test; is it {name}?"
                )
            terms = f"{dataset.terms}\n{dataset.origin}\n"
            (unpacked.folder / "TERMS.txt").write_text(terms, "utf-8")
            unpacked.folder.rename(folder)
        unpacked.remove_downloads()
    except OSError as error:
        raise DiptychError(
            f"{folder}: cannot be written: {error.strerror or error}; the download is kept, the "
            "same again goes on"
        ) from error
    own_archive = None if unpacked.downloads else unpacked.origin
    return FetchedDataset(folder, pairs, kept=False, own_archive=own_archive)


def _from_host(
    dataset: KnownDataset, root: Path, aside: Path, mirror: str | None, on_progress: Progress
) -> _Unpacked:
    """Unpack the archive in `root` into `aside`; download it where there is none."""
    archive = root / f"{dataset.name}.tar.gz"
    was_there = archive.exists()
    if not was_there:
        try:
            download(dataset.url(mirror or HOST), archive, on_progress)
        except UnavailableError as error:
            hint = "--mirror URL asks another host, --from hub another source"
            raise DiptychError(f"{error} ({hint})") from error
    whole = aside / "whole"
    # Folders count, and some archives add files of theirs.
    most_files = 2 * sum(dataset.pairs) + 1000
    try:
        unpack_tar(archive, whole, _MOST_GROWTH * dataset.megabytes * 10**6, most_files)
    except DamagedError as error:
        if was_there:
            raise DiptychError(
                f"{error}; it was there before and is kept: move it away to download another"
            ) from error
        archive.unlink()
        if isinstance(error, CutShortError):
            raise DiptychError(f"{error}; the same again downloads it anew") from error
        raise
    inside = whole / dataset.name
    folder = inside if inside.is_dir() else whole
    return _Unpacked(folder, archive, [] if was_there else [archive])


def _from_hub(
    dataset: KnownDataset, root: Path, aside: Path, mirror: str | None, on_progress: Progress
) -> _Unpacked:
    """Download what is missing of the parquet files into a folder in `root`, and unpack them."""
    import_parquet()  # which may be missing: better now than after gigabytes
    base = (mirror or HUB).rstrip("/")
    listing = aside / "listing.json"
    address = f"{base}/api/datasets/{dataset.hub}/tree/main?recursive=true"
    download(address, listing)
    files = _read_listing(listing, address)
    folder = root / f".{dataset.name}-hub"
    folder.mkdir(exist_ok=True)
    total, before = sum(file.size for file in files.values()), 0

    def report(done: int, _: int) -> None:
        on_progress(before + done, total)

    for name, file in files.items():
        if not (folder / name).exists():
            url = f"{base}/datasets/{dataset.hub}/resolve/main/{quote(file.path)}"
            download(url, folder / name, report, file.sha256)
        before += file.size
    whole, most_bytes = aside / "whole", _MOST_GROWTH * dataset.megabytes * 10**6
    most_pairs = 2 * sum(dataset.pairs) + 1000
    following = dict.fromkeys(SPLITS, 0)
    for name in sorted(files):
        split = name.partition("-")[0].replace("validation", "val")
        try:
            following[split] = unpack_parquet(
                folder / name, whole, split, most_bytes, most_pairs, following[split]
            )
        except DamagedError:
            (folder / name).unlink()
            raise
    return _Unpacked(whole, folder, [folder / name for name in files])


@dataclass(frozen=True)
class _HubFile:
    path: str  # in the repository
    size: int  # bytes
    sha256: str  # empty where the hub does not tell, as of small files


def _read_listing(listing: Path, address: str) -> dict[str, _HubFile]:
    """The parquet files of a repository, by names that are safe here."""
    try:
        listed = [
            _HubFile(str(e["path"]), int(e["size"]), str((e.get("lfs") or {}).get("oid", "")))
            for e in json.loads(listing.read_bytes())
        ]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DiptychError(f"{address}: not a listing of the hub's files: {error!r}") from error
    files = {m[1]: file for file in listed if (m := _PARQUET.fullmatch(file.path))}
    if not files:
        raise DiptychError(f"{address}: lists no parquet files of train, val or test")
    return files


def _count(folder: Path) -> dict[str, int]:
    """Pairs in each split: side by side, or in the two folders that the hub's files become."""
    return {
        split: len(find_images(folder / split) or find_images(folder / "A" / split))
        for split in SPLITS
    }
