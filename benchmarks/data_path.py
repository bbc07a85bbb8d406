"""Pairs per second of the data path alone: from the cache, against decoding each time.

    python benchmarks/data_path.py [--data FOLDER] [--rounds 5] [--threads N] [--json FILE]

FOLDER holds strips, photo | labels, as facades has them in `train`; without it 200 made ones are
used. Every arm gives crops of 256x256 out of 286x286, mirrored in half the cases, as floats in
[-1, 1]. `decoded N` is the plain loop's dataset in a DataLoader with two worker processes at batch
size N; `cached N` is what training takes, in one process of `--threads`. `cache, N threads` is the
making of the cache itself.

How many pairs a second a training step takes is measured by `step.py`.
"""

import tempfile
import time
from functools import partial
from pathlib import Path

import torch
from torch.utils.data import DataLoader

from diptych.config import load_recipe
from diptych.data.batches import Batches
from diptych.data.crops import Rectangles
from diptych.data.fitting import Fit
from diptych.data.pairs import COLOURS, Picture
from diptych.data.store import decoding
from diptych.data.store.decoded import decoded as from_store
from diptych.data.store.wanted import Wanted
from diptych.fast.processor import keep_freed_memory
from made_strips import make_strips
from plain_loop import CROP, LOAD, Strips
from side_by_side import Arm, Round, parser, ratios, run, summary, tell

BATCHES = (1, 4, 16)
MADE = 200
DOMAINS = (COLOURS, COLOURS)


def decoded(files: list[Path], batch: int) -> Round:
    """Decode, resize and crop each time, in two other processes."""
    loader = DataLoader(Strips(files), batch, shuffle=True, num_workers=2, persistent_workers=True)

    def work() -> float:
        begun = time.perf_counter()
        count = sum(len(source) for source, _ in loader)
        return count / (time.perf_counter() - begun)

    return work


def cached(files: list[Path], batch: int, threads: int) -> Round:
    """Cut and encode what was decoded once."""
    torch.set_num_threads(threads)
    keep_freed_memory()  # as training does
    targets, sources = from_store(asked(files))
    crops = Rectangles(sources, targets, (CROP, CROP))
    batches = Batches(crops, DOMAINS, load_recipe("facades", {"train.batch_size": batch}))

    def work() -> float:
        begun = time.perf_counter()
        count, step = 0, 0
        while time.perf_counter() - begun < 1:
            count += len(batches.at(step).source)
            step += 1
        return count / (time.perf_counter() - begun)

    return work


def building(files: list[Path], threads: int) -> Round:
    """Make the cache anew."""
    decoding.DECODERS = threads

    def work() -> float:
        with tempfile.TemporaryDirectory() as folder:
            begun = time.perf_counter()
            from_store(asked(files), Path(folder))
            return len(files) / (time.perf_counter() - begun)

    return work


def asked(files: list[Path]) -> list[Wanted]:
    """Photos, and labels as their sources."""
    panels = [[Picture(file, panel, 2) for file in files] for panel in (0, 1)]
    return [Wanted(side, COLOURS, Fit("resize", (LOAD, LOAD))) for side in panels]


def main() -> None:
    """Run the arms and print rates and ratios."""
    options = parser(__doc__)
    options.add_argument("--data", type=Path, help="a folder of strips: photo | labels")
    options.add_argument("--threads", type=int, default=torch.get_num_threads(), help="of `cached`")
    given = options.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        if not given.data:
            make_strips(Path(folder), MADE)
        files = sorted((given.data or Path(folder) / "train").iterdir())
        arms: dict[str, Arm] = {}
        for batch in BATCHES:
            arms[f"decoded {batch}"] = partial(decoded, files, batch)
            arms[f"cached {batch}"] = partial(cached, files, batch, given.threads)
        for threads in sorted({1, decoding.DECODERS}):
            arms[f"cache, {threads} threads"] = partial(building, files, threads)
        rates = run(arms, given.rounds)
    pairs = {f"cached {batch}": f"decoded {batch}" for batch in BATCHES}
    result = {
        "pairs": len(files),
        "threads": given.threads,
        "pairs_per_second": summary(rates),
        "ratio": {
            f"{name} / {base}": ratios({name: rates[name], base: rates[base]}, base)[name]
            for name, base in (*pairs.items(), *([(list(arms)[-1], list(arms)[-2])]))
        },
    }
    tell("data_path", result, given.json)


if __name__ == "__main__":
    main()
