"""What the figures for very many pairs rest on: shares, lists of pairs, checkpoints.

    python benchmarks/at_scale.py [--pairs 200000] [--json FILE]

Shares: two epochs over 1 to 1,024 processes, as training shares them out, counted. Lists: seconds
of the processor, and the most memory held, of what a run does with so many names before its first
step; they are those of a kept table, each of a file of 16x16. A checkpoint: of the default recipe.
"""

import json
import pickle
import resource
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch

from diptych.batch_share import Share
from diptych.config import load_recipe
from diptych.data.batches import Batch, Batches
from diptych.data.crops import sides_wanted
from diptych.data.fitting import Fit
from diptych.data.kept.block import MOST
from diptych.data.layouts import find_pairs
from diptych.data.pairs import COLOURS
from diptych.data.store.identity import Identities
from diptych.data.store.wanted import plan_side
from diptych.training.checkpoint import save_checkpoint_apart
from diptych.training.engine import start_engine
from diptych.training.plan import make_plan
from diptych.training.state import TrainingState
from side_by_side import alone, parser, tell
from store import make_pairs

Result = TypeVar("Result")
PROCESSES = (1, 2, 8, 24, 64, 256, 1024)
A_DEVICE = 8  # pairs of a batch
EPOCH = 100_003  # a prime: the last batch is of odd size
SHARDS, IN_SHARD, SHARD_BYTES = 10_000, 10_000, 600_000_000  # of 100 million pairs
RECIPE = load_recipe("pix2pix", {"data.source": "A", "data.target": "B"})


def shares(processes: int) -> dict[str, object]:
    """Two epochs of batches, each pair counted, and the shards of a source."""
    domains, crops = (COLOURS, COLOURS), range(EPOCH)  # of which their number is all that counts
    whole = Batches(crops, domains, RECIPE, A_DEVICE * processes)  # type: ignore[arg-type]
    own = [whole.shared_out(number, processes) for number in range(processes)]
    seen, most, least = np.zeros((2, EPOCH), np.int64), 0, A_DEVICE
    given, off = np.zeros(processes, np.int64), 0.0
    for step in range(2 * whole.steps_per_epoch):
        chosen = whole._chosen(step)
        parts = [batches._share(step) for batches in own]
        for number, part in enumerate(parts):
            if part.counts:
                shown = part.of(chosen).numpy()
                np.add.at(seen[step // whole.steps_per_epoch], shown, 1)
                given[number] += len(shown)
        sizes = [(part.stop - part.start) * part.counts for part in parts]
        if len(chosen) == whole.batch_size:
            most, least = max(most, *sizes), min(least, *sizes)
        off = max(off, abs(sum(part.weight for part in parts) - 1))
    brought = [Share.of_process(SHARDS, number, processes) for number in range(processes)]
    files = [(share.stop - share.start) * share.counts for share in brought]
    covered = [n for share in brought if share.counts for n in range(share.start, share.stop)]
    return {
        "steps of an epoch": whole.steps_per_epoch,
        "not seen": int((seen == 0).sum()),
        "seen again": int((seen > 1).sum()),
        "weights of a batch off 1 by": round(off, 9),
        "pairs of a process in a full batch": [least, most],
        "pairs of a process in two epochs": [int(given.min()), int(given.max())],
        "shards not brought or twice": len(set(range(SHARDS)) ^ set(covered))
        + SHARDS
        - len(covered),
        "shards of a process": [min(files), max(files)],
        "gigabytes of a process": [
            round(n * SHARD_BYTES / 1e9, 1) for n in (min(files), max(files))
        ],
        "files of a process": [n * IN_SHARD * 2 for n in (min(files), max(files))],
    }


def timed(phases: dict[str, list[float]], name: str, work: Callable[[], Result]) -> Result:
    """What it gives; how long it took, and what the process held at most by then."""
    begun = time.process_time()
    result = work()
    peak = 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    phases[name] = [round(time.process_time() - begun, 2), round(peak / 1e9, 3)]
    return result


def lists(count: int) -> dict[str, list[float]]:
    """Seconds, and gigabytes held at most by the end of each phase."""
    phases: dict[str, list[float]] = {}
    timed(phases, "nothing yet", lambda: None)
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        make_pairs(root, count)
        table = root / "pairs.jsonl"
        with table.open("w", encoding="utf-8") as file:
            for i in range(count):
                row = {
                    "A": f"A/{i:06}.png",
                    "B": f"B/{i:06}.png",
                    "name": f"train-{i // 10_000:05}/{i}",
                }
                file.write(json.dumps(row) + "\n")
        pairs = timed(phases, "read the table, find the pairs", lambda: find_pairs(table, RECIPE))
        timed(phases, "fingerprint", pairs.fingerprint)
        timed(phases, "tell the other processes", lambda: len(pickle.dumps(pairs)))
        fit = Fit("resize", (286, 286))
        wanted = sides_wanted(
            pairs.splits["train"], RECIPE, (COLOURS, COLOURS), fit, pairs.undivided
        )
        identities = Identities()
        timed(phases, "plan the store", lambda: [plan_side(side, identities) for side in wanted])
        timed(phases, "an epoch's order", lambda: torch.randperm(count))
    return phases


def checkpoint() -> dict[str, float]:
    """Of the default recipe at 256 pixels after a step."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        make_pairs(root, 20)
        plan = make_plan(load_recipe("diptych", {"data.source": "A", "data.target": "B"}), root)
        engine, _ = start_engine("cpu", plan.recipe.train.precision)
        state = TrainingState(plan.recipe, plan.generator_options, engine, False)
        for _ in range(state.settles + 1):  # then the optimisers have their means as well
            state.learn(Batch(*(torch.rand(2, 1, 3, 256, 256) * 2 - 1)))
        state.update_average()
        begun = time.perf_counter()
        save_checkpoint_apart(root, state.state_dict(), "best")
        seconds = time.perf_counter() - begun
        megabytes = (root / "best.pt").stat().st_size / 1e6
    return {"megabytes": round(megabytes, 1), "seconds to write": round(seconds, 2)}


def main() -> None:
    """Print all, and write it where asked."""
    words = parser(__doc__)
    words.add_argument("--pairs", type=int, default=200_000)
    options = words.parse_args()
    results = {
        "block": MOST,
        "shares": {str(count): alone(shares, count) for count in PROCESSES},
        "pairs": options.pairs,
        "checkpoint": alone(checkpoint),
        "lists, seconds and gigabytes": alone(lists, options.pairs),
    }
    tell("at_scale", results, options.json)


if __name__ == "__main__":
    main()
