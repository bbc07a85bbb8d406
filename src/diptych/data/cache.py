"""Decode each picture once: memory-mapped uint8, in the user's cache directory."""

import hashlib
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import repeat
from pathlib import Path

import numpy as np
import platformdirs

from diptych.data.pairs import Pair, Picture, as_bytes
from diptych.errors import DiptychError
from diptych.images.files import resize
from diptych.whole_file import whole_file

Progress = Callable[[int, int], None]
DECODERS = 2  # decoding waits for the disk now and then; Pillow lets go of the interpreter


def cache_folder() -> Path:
    """Where decoded pictures are kept: `DIPTYCH_CACHE`, else the user's cache directory."""
    named = os.environ.get("DIPTYCH_CACHE")
    return Path(named) if named else platformdirs.user_cache_path("diptych") / "pairs"


def decoded_pairs(
    pairs: Sequence[Pair],
    size: int,
    folder: Path | None = None,
    on_progress: Progress | None = None,
    same_shape: bool = True,
) -> np.ndarray:
    """`(N, 2, size, size, 3)` uint8, source and target of every pair, memory-mapped, read only.

    `(N, 1, size, size, 3)` where every source is made from its target. Made once and kept under a
    key of all files' paths, sizes and times of change, so that a changed file is decoded anew.
    Raises DiptychError where a picture is bad, or, with `same_shape`, of another shape than its
    partner.
    """
    path = (folder or cache_folder()) / f"{_key(_pictures(pairs), f'{size} {same_shape}')}.npy"
    if not path.is_file():
        with whole_file(path) as aside:
            shape = (len(pairs), len(sides(pairs[0])) if pairs else 2, size, size, 3)
            pictures = np.lib.format.open_memmap(aside, mode="w+", dtype=np.uint8, shape=shape)
            decoded = _in_order(decode, pairs, repeat(size), repeat(same_shape))
            for i, both in enumerate(decoded):
                pictures[i] = both
                if on_progress is not None:
                    on_progress(i + 1, len(pairs))
            pictures.flush()
            del pictures
    cached: np.ndarray = np.load(path, mmap_mode="r")
    return cached


def sides(pair: Pair) -> tuple[Picture, ...]:
    """Source and target, or the target alone where the source is made from it."""
    return (pair.target,) if pair.source == pair.target else (pair.source, pair.target)


def decode(pair: Pair, size: int, same_shape: bool = True) -> np.ndarray:
    """`(2, size, size, 3)` uint8: source and target, resized; one where one is made of the other.

    Raises DiptychError as `decoded_pairs`.
    """
    images = [picture.read() for picture in sides(pair)]
    (width, height), (other_width, other_height) = images[0].size, images[-1].size
    # A pixel of rounding more or less is no other shape.
    if same_shape and abs(width * other_height - other_width * height) > max(
        width, height, other_width, other_height
    ):
        raise DiptychError(
            f"{pair.source.path}: {width}x{height}, but its target is "
            f"{other_width}x{other_height}, of another shape; "
            "if that is meant, --set data.shapes=own"
        )
    return np.stack([np.asarray(resize(image, (size, size))) for image in images])


class Ragged(Sequence[np.ndarray]):
    """Pictures of differing sizes in one memory-mapped file, each `(H, W, 3)` uint8, read only.

    The file holds all pixels, then height and width of each picture, then their number.
    """

    def __init__(self, path: Path) -> None:
        self._bytes = np.memmap(path, np.uint8, mode="r")
        count = int(self._bytes[-8:].view(np.int64)[0])
        self.shapes = self._bytes[-8 - 16 * count : -8].view(np.int64).reshape(count, 2)
        self._starts = np.concatenate([[0], np.cumsum(3 * self.shapes.prod(axis=1))])

    def __len__(self) -> int:
        return len(self.shapes)

    def __getitem__(self, i: int) -> np.ndarray:  # type: ignore[override]
        height, width = self.shapes[i]
        flat: np.ndarray = self._bytes[self._starts[i] : self._starts[i + 1]]
        return flat.reshape(height, width, 3)


def decoded_pictures(
    pictures: Sequence[Picture],
    least: int,
    folder: Path | None = None,
    on_progress: Progress | None = None,
) -> Ragged:
    """The pictures at their own sizes, cached as `decoded_pairs` are.

    Raises DiptychError where one is bad, or below `least` pixels on a side.
    """
    path = (folder or cache_folder()) / f"{_key(pictures, f'native {least}')}.pixels"
    if not path.is_file():
        with whole_file(path) as aside, aside.open("wb") as file:
            shapes = []
            for picture in _in_order(_native, pictures, repeat(least)):
                file.write(picture.tobytes())
                shapes.append(picture.shape[:2])
                if on_progress is not None:
                    on_progress(len(shapes), len(pictures))
            file.write(np.array(shapes, np.int64).tobytes() + np.int64(len(shapes)).tobytes())
    return Ragged(path)


def _native(picture: Picture, least: int) -> np.ndarray:
    image = picture.read()
    if min(image.size) < least:
        raise DiptychError(
            f"{picture.path}: {image.width}x{image.height} is smaller than the patches of {least}: "
            "lower data.crop_size, or leave the picture out"
        )
    return np.asarray(image)


def _in_order(work: Callable[..., np.ndarray], *over: Iterable[object]) -> Iterator[np.ndarray]:
    """What `work` makes of each, in threads, a few ahead of the one that is taken."""
    with ThreadPoolExecutor(min(DECODERS, os.cpu_count() or 1)) as pool:
        ahead: deque[Future[np.ndarray]] = deque()
        for arguments in zip(*over, strict=False):
            ahead.append(pool.submit(work, *arguments))
            if len(ahead) > 4 * DECODERS:
                yield ahead.popleft().result()
        while ahead:
            yield ahead.popleft().result()


def _pictures(pairs: Sequence[Pair]) -> list[Picture]:
    return [picture for pair in pairs for picture in sides(pair)]


def _key(pictures: Sequence[Picture], how: str) -> str:
    digest = hashlib.sha256(f"2 {how} {len(pictures)}\n".encode())
    for picture in pictures:
        status = picture.path.stat()
        digest.update(
            as_bytes(
                f"{picture.path.resolve()} {picture.panel}/{picture.panels} "
                f"{status.st_size} {status.st_mtime_ns}\n"
            )
        )
    return digest.hexdigest()[:32]
