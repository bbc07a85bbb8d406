"""Decode each picture once: memory-mapped arrays, in the user's cache directory."""

import hashlib
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TypeVar

import numpy as np
import platformdirs

from diptych.data.domains import Domains
from diptych.data.fit import Fit, Size
from diptych.data.pairs import Item, Pair, Picture, Progress, Stack, as_bytes, counted, sides
from diptych.data.prepare import prepared
from diptych.images.arrays import resized
from diptych.images.domain import Domain
from diptych.whole_file import whole_file

# Pillow lets go of the interpreter while it decodes and resizes, so that threads use every core.
DECODERS = min(16, os.cpu_count() or 1)

Result = TypeVar("Result")


def cache_folder() -> Path:
    """Where decoded pictures are kept: `DIPTYCH_CACHE`, else the user's cache directory."""
    named = os.environ.get("DIPTYCH_CACHE")
    return Path(named) if named else platformdirs.user_cache_path("diptych") / "pairs"


def decoded_pairs(
    pairs: Sequence[Pair],
    domains: Domains,
    size: Size,
    folder: Path | None = None,
    on_progress: Progress | None = None,
    same_shape: bool = True,
) -> tuple[np.ndarray, np.ndarray]:
    """Sources and targets of all pairs, resized: `(N, height, width, C)`, arrays of their domains.

    Each as `prepared` has it; where every source is made from its target, both are the targets.
    Memory-mapped from one file, read only; made once and kept under a key of all files' paths,
    sizes and times of change, so that a changed file is decoded anew. Raises DiptychError where a
    picture is bad, or, with `same_shape`, of another shape than its partner.
    """
    files = [picture for pair in pairs for picture in sides(pair)]
    key = _key(files, f"{size} {same_shape} {_stored(domains)}")
    path = (folder or cache_folder()) / f"{key}.npy"
    if not path.is_file():
        with whole_file(path) as aside:
            derived = pairs and pairs[0].source == pairs[0].target
            names = ("target",) if derived else ("source", "target")
            fields = [
                (name, side.array_dtype, (*size, side.array_channels))
                for name, side in zip(names, domains[-len(names) :], strict=True)
            ]
            # A pair's two pictures lie side by side, each whole and in its own type.
            both = np.dtype(fields, align=True)
            kept = np.lib.format.open_memmap(aside, mode="w+", dtype=both, shape=(len(pairs),))
            fit = Fit("resize", size)
            prepare = partial(prepared, domains=domains, fit=fit, same_shape=same_shape)
            decoded = counted(_in_order(prepare, pairs), len(pairs), on_progress)
            for i, pictures in enumerate(decoded):
                for name, picture in zip(names, pictures[-len(names) :], strict=True):
                    kept[name][i] = picture
            kept.flush()
            del kept
    cached = np.load(path, mmap_mode="r")  # noqa: TID251 - a file of our own, and large
    targets = cached["target"]
    return cached["source"] if "source" in cached.dtype.names else targets, targets


class Ragged(Sequence[np.ndarray]):
    """Pictures of differing sizes in one memory-mapped file, arrays `(H, W, C)` of a domain.

    Read only. `shapes` and `own`, `(N, 2)`, are heights and widths as they are here and in
    the files they come from. The file holds all numbers, then these four of each picture, then
    their count.
    """

    def __init__(self, path: Path, domain: Domain) -> None:
        self._bytes = np.memmap(path, np.uint8, mode="r")
        count = int(self._bytes[-8:].view(np.int64)[0])
        sizes = self._bytes[-8 - 32 * count : -8].view(np.int64).reshape(count, 4)
        self.shapes, self.own = sizes[:, :2], sizes[:, 2:]
        self.domain = domain
        pixel = domain.array_channels * domain.array_dtype.itemsize
        self._starts = np.concatenate([[0], np.cumsum(pixel * self.shapes.prod(axis=1))])

    def __len__(self) -> int:
        return len(self.shapes)

    def __getitem__(self, i: int) -> np.ndarray:  # type: ignore[override]
        height, width = self.shapes[i]
        flat: np.ndarray = self._bytes[self._starts[i] : self._starts[i + 1]]
        return flat.view(self.domain.array_dtype).reshape(height, width, self.domain.array_channels)

    def as_one(self) -> np.ndarray | None:
        """All of them, `(N, H, W, C)`, where they are of one size; else None."""
        if not len(self) or (self.shapes != self.shapes[0]).any():
            return None
        numbers: np.ndarray = self._bytes[: self._starts[-1]].view(self.domain.array_dtype)
        return numbers.reshape(len(self), *self.shapes[0], self.domain.array_channels)


def decoded_pictures(
    pictures: Sequence[Picture | Stack],
    domain: Domain,
    fit: Fit,
    folder: Path | None = None,
    on_progress: Progress | None = None,
) -> Ragged:
    """The pictures, each at the size that `fit` has for it, cached as `decoded_pairs` are.

    Raises DiptychError where one is bad.
    """
    files = [part for picture in pictures for part in picture.parts]
    # What patches are cut to does not matter: the pictures are stored as they are.
    size = "" if fit.kind == "patches" else fit.size
    key = _key(files, f"{fit.kind} {size} {_stored((domain,))}")
    path = (folder or cache_folder()) / f"{key}.pixels"
    if not path.is_file():
        with whole_file(path) as aside, aside.open("wb") as file:
            shapes = []
            decoded = _in_order(partial(_fitted, domain=domain, fit=fit), pictures)
            for picture, own in counted(decoded, len(pictures), on_progress):
                file.write(picture.tobytes())
                shapes.append((*picture.shape[:2], *own))
            # Where the sizes begin at a multiple of 8, they can be read in place.
            file.write(bytes(-file.tell() % 8))
            file.write(np.array(shapes, np.int64).tobytes() + np.int64(len(shapes)).tobytes())
    return Ragged(path, domain)


def _fitted(picture: Picture | Stack, domain: Domain, fit: Fit) -> tuple[np.ndarray, Size]:
    """A picture at its size by `fit`, and its own."""
    values = picture.read(domain)
    own = values.shape[0], values.shape[1]
    return resized(values, fit.of(own), domain), own


def _in_order(work: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
    """What `work` makes of each, in threads, a few ahead of the one that is taken."""
    with ThreadPoolExecutor(DECODERS) as pool:
        ahead: deque[Future[Result]] = deque()
        for item in items:
            ahead.append(pool.submit(work, item))
            if len(ahead) > 2 * DECODERS:
                yield ahead.popleft().result()
        while ahead:
            yield ahead.popleft().result()


def _stored(domains: Sequence[Domain]) -> str:
    """What of the domains decides how pictures are stored."""
    return " ".join(
        f"{part.kind} {part.channels} {part.dtype} {part.sharp} {part.palette}"
        + f" {part.nodata}" * (part.kind == "labels" and part.nodata is not None)
        for side in domains
        for part in (side.parts or (side,))
    )


def _key(pictures: Sequence[Picture], how: str) -> str:
    digest = hashlib.sha256(f"5 {how} {len(pictures)}\n".encode())
    for picture in pictures:
        status = picture.path.stat()
        place = f"{picture.path.resolve()} {picture.panel}/{picture.panels}"
        digest.update(as_bytes(f"{place} {status.st_size} {status.st_mtime_ns}\n"))
    return digest.hexdigest()[:32]
