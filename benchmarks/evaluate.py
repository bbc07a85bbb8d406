"""What scoring a folder of pictures takes, with the report: seconds, processor's too, and memory.

python benchmarks/evaluate.py [--count 500] [--against CHECKOUT] [--rounds 1] [--json FILE]

Made pairs of 256 pixels, and pictures that are their targets with noise. What a pair takes is the
difference between two counts, all and three fifths, and says what 10,000 would take. Of so many
pairs a tenth is scored beside the baselines; so it is here. `--against` names another checkout of
this repository, which takes turns with this one, at a fifth of the pairs. `OMP_NUM_THREADS=1` makes
the processor's seconds those of the work alone, on a machine that others use as well.
"""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from PIL import Image

import side_by_side

SIDE, TRAINING = 256, 60
HERE = Path(__file__).parents[1]
MANY = 10_000
# The command, with baselines on a tenth of the pairs where it has such a limit.
RUN = """
import sys
from diptych.commands.app import main
from diptych.evaluation import evaluate
evaluate.MOST_RIVALLED = int(sys.argv.pop(1))
main()
"""


def picture(seed: int) -> np.ndarray:
    """Soft blots under a little grain."""
    random = np.random.default_rng(seed)
    blots = Image.fromarray(random.integers(0, 256, (8, 8, 3), np.uint8))
    soft = np.asarray(blots.resize((SIDE, SIDE), Image.Resampling.BICUBIC)).astype(int)
    return (soft + random.integers(-8, 9, soft.shape)).clip(0, 255).astype(np.uint8)


def make(folder: Path, count: int) -> None:
    """Pairs to train on and to test with, gray beside colours, and results for the latter."""
    random = np.random.default_rng(0)
    (folder / "made").mkdir(parents=True)
    for split, pairs in (("train", TRAINING), ("test", count)):
        (folder / "pairs" / split).mkdir(parents=True)
        for i in range(pairs):
            target = picture(i if split == "train" else TRAINING + i)
            gray = target.mean(2, keepdims=True).astype(np.uint8).repeat(3, 2)
            strip = Image.fromarray(np.concatenate([gray, target], 1))
            strip.save(folder / "pairs" / split / f"{i:05}.jpg", quality=92)
            if split == "test":
                noisy = (target + random.integers(-20, 21, target.shape)).clip(0, 255)
                result = Image.fromarray(noisy.astype(np.uint8))
                result.save(folder / "made" / f"{i:05}.jpg", quality=92)


def scored(checkout: Path, folder: Path, count: int, out: Path) -> dict[str, float]:
    """Seconds on the clock and of the processor, and the peak of memory, of one command."""
    words = ["evaluate", "--translated", folder / "made", "--data", folder / "pairs"]
    words += ["--report", out, "--json", out / "scores.json"]
    begun = time.monotonic()
    process = subprocess.Popen(  # noqa: S603
        [sys.executable, "-c", RUN, str(count // 10), *map(str, words)],
        env={**os.environ, "PYTHONPATH": str(checkout / "src")},
        stdout=subprocess.DEVNULL,
    )
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"{checkout}: evaluate failed")
    return {
        "seconds": time.monotonic() - begun,
        "cpu_seconds": usage.ru_utime + usage.ru_stime,
        "peak_mb": usage.ru_maxrss / 1024,
        "page_mb": (out / "report.html").stat().st_size / 2**20,
    }


def of_both_counts(runs: dict[int, list[dict[str, float]]]) -> dict[str, Any]:
    """The medians, what a pair takes, and what 10,000 would."""
    few, all_of_them = sorted(runs)
    medians = {
        count: {key: median(run[key] for run in own) for key in own[0]}
        for count, own in runs.items()
    }
    result: dict[str, Any] = {f"{count} pairs": _rounded(own) for count, own in medians.items()}
    per_pair = {  # memory that was given back does not make more pairs need less
        key: max(0, medians[all_of_them][key] - medians[few][key]) / (all_of_them - few)
        for key in medians[few]
    }
    result["a pair"] = _rounded(per_pair, 5)
    result[f"{MANY} pairs, extrapolated"] = _rounded(
        {key: medians[few][key] + (MANY - few) * each for key, each in per_pair.items()}
    )
    return result


def _rounded(figures: dict[str, float], digits: int = 1) -> dict[str, float]:
    return {key: round(value, digits) for key, value in figures.items()}


def main() -> None:
    """Measure and print."""
    parser = side_by_side.parser(__doc__)
    parser.add_argument("--count", type=int, default=500)
    parser.add_argument("--against", type=Path)
    parser.set_defaults(rounds=1)
    given = parser.parse_args()
    arms = {"now": (HERE, given.count)}
    if given.against:
        arms["before"] = (given.against, given.count // 5)
    runs: dict[str, dict[int, list[dict[str, float]]]] = {name: {} for name in arms}
    with tempfile.TemporaryDirectory() as place:
        for number in range(given.rounds):
            for name, (checkout, most) in arms.items():
                for count in (most * 3 // 5, most):
                    folder = Path(place) / str(count)
                    if not folder.exists():
                        make(folder, count)
                    run = scored(checkout, folder, count, folder / name)
                    runs[name].setdefault(count, []).append(run)
                    print(f"round {number + 1}: {name}, {count} pairs: {run}", flush=True)
    result: dict[str, Any] = {name: of_both_counts(own) for name, own in runs.items()}
    if given.against:
        for key in ("cpu_seconds", "seconds"):
            before, now = (result[name]["a pair"][key] for name in ("before", "now"))
            if now:  # on the clock noise may be all there is
                result[f"times as fast, a pair, in {key}"] = round(before / now, 2)
    result["load"] = round(os.getloadavg()[2], 1)  # of the last quarter of an hour
    side_by_side.tell("evaluate", result, given.json)


if __name__ == "__main__":
    main()
