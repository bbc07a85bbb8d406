"""The store of decoded pictures: interrupted, resumed, changed, made by two, on a full disk.

    python benchmarks/store.py [--pairs 100000] [--json FILE]

PNG files of 16x16, many names of a few files, in two folders A and B, kept at 32x32. Seconds are of
the clock; where it says so of the processor, all threads together. What a full disk says needs
root, to mount one of 2 MB.
"""

import multiprocessing
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from diptych.config import load_recipe
from diptych.data.crops import sides_wanted
from diptych.data.fitting import Fit
from diptych.data.layouts import find_pairs
from diptych.data.pairs import COLOURS
from diptych.data.store.decoded import decoded
from diptych.data.store.needs import needs
from diptych.data.store.wanted import Wanted
from diptych.errors import DiptychError
from side_by_side import parser, tell

FIT = Fit("resize", (32, 32))
LINKS = 20_000  # names that a file has at most
RECIPE = load_recipe("pix2pix", {"data.source": "A", "data.target": "B"})


def make_pairs(root: Path, count: int) -> None:
    """So many names in A and in B."""
    for side in "AB":
        (root / side).mkdir(parents=True)
        noise = np.random.default_rng(ord(side)).integers(0, 256, (16, 16, 3), np.uint8)
        for number in range(count):
            path = root / side / f"{number:06}.png"
            if number % LINKS == 0:
                first = path
                Image.fromarray(noise).save(path)
            else:
                path.hardlink_to(first)


def ask(root: Path) -> list[Wanted]:
    """Sources and targets of all training pairs."""
    pairs = find_pairs(root, RECIPE)
    return sides_wanted(pairs.splits["train"], RECIPE, (COLOURS, COLOURS), FIT, pairs.undivided)


def build(root: Path, store: Path, die_at: float = 0, told: "multiprocessing.Queue | None" = None):
    """Make the store in this process, which may die when a share of it is done."""
    seen = [0, 0]
    begun = time.perf_counter()

    def progress(done: int, total: int) -> None:
        seen[:] = done, total
        if die_at and done >= die_at * total:
            os.kill(os.getpid(), signal.SIGKILL)

    decoded(ask(root), store, progress)
    if told is not None:
        told.put({"seconds": round(time.perf_counter() - begun, 1)})


def another(*given: object) -> multiprocessing.process.BaseProcess:
    """`build` in a process of its own, begun."""
    process = multiprocessing.get_context("spawn").Process(target=build, args=given)
    process.start()
    return process


def parts(store: Path) -> dict[str, int]:
    """The files of a store, and their sizes."""
    return {path.name: path.stat().st_size for path in store.glob("*.part")}


def timed(work: Callable[[], object]) -> dict[str, float]:
    """Seconds of the clock and of the processor."""
    begun, processor = time.perf_counter(), time.process_time()
    work()
    return {
        "seconds": round(time.perf_counter() - begun, 1),
        "processor_seconds": round(time.process_time() - processor, 1),
    }


def interrupted_and_resumed(root: Path, store: Path) -> dict[str, object]:
    """Killed when half is done, and begun again."""
    begun = time.perf_counter()
    another(root, store, 0.5).join()
    killed = time.perf_counter() - begun
    before = parts(store)
    foreseen = needs(ask(root), store)
    resumed = timed(lambda: build(root, store))
    return {
        "killed_after_seconds": round(killed, 1),
        "parts_when_killed": len(before),
        "resumed": resumed,
        "parts": len(parts(store)),
        "parts_kept": len(before.keys() & parts(store).keys()),
        "bytes": sum(parts(store).values()),
        "bytes_foreseen": foreseen.bytes,
        "seconds_foreseen_of_the_rest": round(foreseen.seconds, 1),
        "left_aside": len(list(store.glob(".*.aside"))),
    }


def one_changed(root: Path, store: Path, change: Callable[[Path], None]) -> dict[str, object]:
    """One target of all changed, and what is made anew."""
    change(root)
    before = parts(store)
    return {**timed(lambda: build(root, store)), "parts_made": len(parts(store).keys() - before)}


def write_anew(root: Path) -> None:
    """Another picture under one of the names."""
    path = root / "B" / "000777.png"
    path.unlink()
    Image.new("RGB", (16, 16), (1, 2, 3)).save(path)


def insert(root: Path) -> None:
    """Another pair between two others."""
    for side in "AB":
        Image.new("RGB", (16, 16), (4, 5, 6)).save(root / side / "000777b.png")


def two_at_once(root: Path, store: Path) -> dict[str, object]:
    """Two processes that begin together, and one alone."""
    told = multiprocessing.get_context("spawn").Queue()
    processes = [another(root, store, 0, told) for _ in range(2)]
    both = [told.get()["seconds"] for _ in processes]
    for process in processes:
        process.join()
    whole = parts(store)
    shutil.rmtree(store)
    another(root, store, 0, told).join()
    return {
        "seconds_of_each": both,
        "seconds_of_one_alone": told.get()["seconds"],
        "the_same_files": whole == parts(store),
        "left_aside": len(list(store.glob(".*.aside"))),
    }


def on_a_full_disk(root: Path, place: Path) -> dict[str, object] | str:
    """What is said where 2 MB are all there is."""
    place.mkdir()
    words = ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", place]
    if os.geteuid() != 0 or subprocess.run(words, check=False).returncode:  # noqa: S603
        return "not measured: needs root"
    begun, said = time.perf_counter(), "nothing"
    try:
        build(root, place / "store")
    except DiptychError as error:
        said = str(error).replace(str(place), "DISK")
    finally:
        subprocess.run(["umount", "-l", place], check=True)  # noqa: S603, S607
    return {"said": said, "seconds": round(time.perf_counter() - begun, 1)}


def main() -> None:
    """Measure and print."""
    options = parser(__doc__)
    options.add_argument("--pairs", type=int, default=100_000)
    given = options.parse_args()
    result: dict[str, object] = {"pairs": given.pairs}
    with tempfile.TemporaryDirectory() as folder:
        many, few, store = Path(folder, "many"), Path(folder, "few"), Path(folder, "store")
        make_pairs(many, given.pairs)
        make_pairs(few, max(1, given.pairs // 10))
        for name, work in {
            "interrupted_and_resumed": lambda: interrupted_and_resumed(many, store),
            "listed_and_started_again": lambda: timed(lambda: build(many, store)),
            "one_changed": lambda: one_changed(many, store, write_anew),
            "one_pair_more": lambda: one_changed(many, store, insert),
            "two_at_once_on_a_tenth": lambda: two_at_once(few, Path(folder, "two")),
            "full_disk": lambda: on_a_full_disk(many, Path(folder, "disk")),
        }.items():
            result[name] = work()
            print(name, result[name], flush=True)
    tell("store", result, given.json)


if __name__ == "__main__":
    main()
