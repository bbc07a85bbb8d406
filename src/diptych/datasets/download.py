"""Fetch a dataset of the catalogue: from its host, a mirror of it, or the hub."""

import json
import re
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from urllib.parse import quote

from diptych.datasets.catalogue import HOST, HUB, KnownDataset, find_dataset
from diptych.datasets.transfer import UnavailableError, download
from diptych.datasets.unpack import DamagedError, import_parquet, unpack_parquet, unpack_tar
from diptych.errors import DiptychError
from diptych.images.files import find_images
from diptych.schema import SPLITS

# Pictures hardly shrink in an archive, so that what unpacks to several times its size is none.
_MOST_GROWTH = 3
_HUB_FILE = re.compile(r"(?:.*/)?((train|val|validation|test)-[\w.-]+\.parquet)")


@dataclass(frozen=True)
class FetchedDataset:
    """A dataset on this machine."""

    known: KnownDataset
    folder: Path
    pairs: dict[str, int]  # in each split
    kept: bool  # it was there already, and nothing was downloaded


def get_dataset(
    name: str,
    root: Path,
    *,
    mirror: str | None = None,
    source: str = "host",
    on_progress: Callable[[int, int], None] | None = None,
) -> FetchedDataset:
    """Download a known dataset to `root/name`, unless it is there.

    The folder appears whole or not at all. What a broken download brought stays in `root`, and
    the same call goes on from it. An archive `root/NAME.tar.gz` that is there already is taken
    in place of a download; it is removed once it is unpacked.

    Args:
        name: one of the catalogue's.
        root: the folder of datasets, made where it is missing.
        mirror: address to use in place of the host's folder, or of the hub's.
        source: "host", or "hub" for parquet files, which the `hub` extra reads.
        on_progress: called with ``(bytes so far, bytes in total)`` of the download; the total is
            0 where the server does not tell.

    Raises:
        DiptychError: name or source are unknown, the folder holds something else, the download
            fails, what came is not the dataset, or the disk is full.
    """
    known = find_dataset(name)
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
        return FetchedDataset(known, folder, pairs, kept=True)
    try:
        root.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{name}-", dir=root) as aside:
            whole, fetched = fetchers[source](
                known, root, Path(aside), mirror, on_progress or (lambda *_: None)
            )
            pairs = _count(whole)
            if not any(pairs.values()):
                _remove(fetched)
                raise DiptychError(
                    f"{fetched}: holds no pictures in train, val or test; is it {name}?"
                )
            (whole / "TERMS.txt").write_text(f"{known.terms}\n{known.origin}\n", "utf-8")
            whole.rename(folder)
        _remove(fetched)
    except OSError as error:
        raise DiptychError(
            f"{folder}: cannot be written: {error.strerror or error}; the download is kept, the "
            "same again goes on"
        ) from error
    return FetchedDataset(known, folder, pairs, kept=False)


def _from_host(
    known: KnownDataset,
    root: Path,
    aside: Path,
    mirror: str | None,
    on_progress: Callable[[int, int], None],
) -> tuple[Path, Path]:
    """The unpacked dataset in `aside`, and the archive in `root` that it came from."""
    archive = root / f"{known.name}.tar.gz"
    if not archive.exists():
        try:
            download(known.url(mirror or HOST), archive, on_progress)
        except UnavailableError as error:
            hint = "--mirror URL asks another host, --from hub another source"
            raise DiptychError(f"{error} ({hint})") from error
    whole = aside / "whole"
    most_files = 2 * sum(known.pairs) + 1000  # folders count, and some archives add files of theirs
    try:
        unpack_tar(archive, whole, _MOST_GROWTH * known.megabytes * 10**6, most_files)
    except DamagedError:
        archive.unlink()
        raise
    inside = whole / known.name
    return (inside if inside.is_dir() else whole), archive


def _from_hub(
    known: KnownDataset,
    root: Path,
    aside: Path,
    mirror: str | None,
    on_progress: Callable[[int, int], None],
) -> tuple[Path, Path]:
    """The unpacked dataset in `aside`, and the folder of parquet files in `root` it came from."""
    import_parquet()  # which may be missing: better now than after gigabytes
    base = (mirror or HUB).rstrip("/")
    listing = aside / "listing.json"
    address = f"{base}/api/datasets/{known.hub}/tree/main?recursive=true"
    download(address, listing)
    remote = _read_listing(listing, address)
    fetched = root / f".{known.name}-hub"
    fetched.mkdir(exist_ok=True)
    total = sum(size for _, size in remote.values())

    def report(before: int, done: int, _: int) -> None:
        on_progress(before + done, total)

    before = 0
    for name, (path, size) in remote.items():
        if not (fetched / name).exists():
            download(
                f"{base}/datasets/{known.hub}/resolve/main/{quote(path)}",
                fetched / name,
                partial(report, before),
            )
        before += size
    whole = aside / "whole"
    following = dict.fromkeys(SPLITS, 0)
    for name in sorted(remote):
        split = name.partition("-")[0].replace("validation", "val")
        try:
            following[split] = unpack_parquet(fetched / name, whole, split, following[split])
        except DamagedError:
            (fetched / name).unlink()
            raise
    return whole, fetched


def _read_listing(listing: Path, address: str) -> dict[str, tuple[str, int]]:
    """Path in the repository and bytes of each parquet file, by a name that is safe here."""
    try:
        entries = [(str(e["path"]), int(e["size"])) for e in json.loads(listing.read_bytes())]
    except (ValueError, KeyError, TypeError) as error:
        raise DiptychError(f"{address}: not a listing of the hub's files: {error!r}") from error
    found = {}
    for path, size in entries:
        if match := _HUB_FILE.fullmatch(path):
            found[match[1]] = (path, size)
    if not found:
        raise DiptychError(f"{address}: lists no parquet files of train, val or test")
    return found


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink()


def _count(folder: Path) -> dict[str, int]:
    """Pairs in each split: side by side, or in the two folders that the hub's files become."""
    return {
        split: len(find_images(folder / split) or find_images(folder / "A" / split))
        for split in SPLITS
    }
