"""Decode each pair once: resized pictures as memory-mapped uint8, in the user's cache."""

import hashlib
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import repeat
from pathlib import Path

import numpy as np
import platformdirs

from diptych.data.pairs import Pair, as_bytes
from diptych.images.files import resize
from diptych.whole_file import whole_file

Progress = Callable[[int, int], None]
DECODERS = 2  # decoding waits for the disk now and then; Pillow lets go of the interpreter


def cache_folder() -> Path:
    """Where decoded pairs are kept: `DIPTYCH_CACHE`, else the user's cache directory."""
    named = os.environ.get("DIPTYCH_CACHE")
    return Path(named) if named else platformdirs.user_cache_path("diptych") / "pairs"


def decoded_pairs(
    pairs: Sequence[Pair],
    size: int,
    folder: Path | None = None,
    on_progress: Progress | None = None,
) -> np.ndarray:
    """`(N, 2, size, size, 3)` uint8, source and target of every pair, memory-mapped, read only.

    Made once and kept under a key of all files' paths, sizes and times of change, so that a
    changed file is decoded anew. Raises DiptychError where a picture is bad.
    """
    path = (folder or cache_folder()) / f"{_key(pairs, size)}.npy"
    if not path.is_file():
        with whole_file(path) as aside:
            shape = (len(pairs), 2, size, size, 3)
            pictures = np.lib.format.open_memmap(aside, mode="w+", dtype=np.uint8, shape=shape)
            with ThreadPoolExecutor(min(DECODERS, os.cpu_count() or 1)) as pool:
                for i, both in enumerate(pool.map(decode, pairs, repeat(size))):
                    pictures[i] = both
                    if on_progress is not None:
                        on_progress(i + 1, len(pairs))
            pictures.flush()
            del pictures
    cached: np.ndarray = np.load(path, mmap_mode="r")
    return cached


def decode(pair: Pair, size: int) -> np.ndarray:
    """`(2, size, size, 3)` uint8: source and target, resized."""
    both = [resize(picture.read(), (size, size)) for picture in (pair.source, pair.target)]
    return np.stack([np.asarray(image) for image in both])


def _key(pairs: Sequence[Pair], size: int) -> str:
    digest = hashlib.sha256(f"1 {size} {len(pairs)}\n".encode())
    for pair in pairs:
        for picture in (pair.source, pair.target):
            status = picture.path.stat()
            digest.update(
                as_bytes(
                    f"{picture.path.resolve()} {picture.panel}/{picture.panels} "
                    f"{status.st_size} {status.st_mtime_ns}\n"
                )
            )
    return digest.hexdigest()[:32]
