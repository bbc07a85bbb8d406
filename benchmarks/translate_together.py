"""Pictures per second of one folder: the plain command, two processes, and Ray, from start to end.

    python benchmarks/translate_together.py [--count 400] [--size 256] [--generator resunet]
        [--rounds 3] [--scored] [--json FILE]

Whole commands take turns: `plain` with all threads, `devices` with `--devices 2`, which have one
thread each, and, where Ray is installed, `ray` with two actors of one thread each. The model has
weights drawn at random. What is measured is the whole command, its start included. All make the
same pictures, to the byte, or it ends. With `--scored` the command is `evaluate`, each picture its
own target, and all come to the same scores. `load`: of the machine, beside, before and after.
"""

import importlib.util
import json
import os
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

import side_by_side
from bounded import make_model
from translate import make_sources

ARMS = {"plain": [], "devices": ["--devices=2"], "ray": ["--ray", "--devices=2"]}


def command(line: list[object], words: list[str]) -> float:
    """The seconds that it takes."""
    begun = time.perf_counter()
    program = [sys.executable, "-m", "diptych", *map(str, line), "--device=cpu", *words]
    subprocess.run(program, check=True, capture_output=True)  # noqa: S603
    return time.perf_counter() - begun


def files_of(out: Path) -> dict[str, bytes]:
    """Every result."""
    return {path.name: path.read_bytes() for path in out.iterdir()}


def scores_of(out: Path) -> dict[str, dict[str, float]]:
    """Of every picture, to six digits: the order of sums follows from the threads."""
    images = json.loads(out.read_text())["images"]
    return {
        name: {metric: float(f"{value:.6g}") for metric, value in scores.items()}
        for name, scores in images.items()
    }


def make_pairs(root: Path, count: int, size: int) -> None:
    """Pictures that are their own targets."""
    (root / "test").mkdir(parents=True)
    for side in ("A", "B"):
        make_sources(None, root / "test" / side, count, size)


def main() -> None:
    """Time the commands in turns, and print medians and ratios."""
    parser = side_by_side.parser(__doc__)
    parser.add_argument("--count", type=int, default=400)
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--generator", default="resunet", help="unet or resunet")
    parser.add_argument("--scored", action="store_true", help="evaluate, not translate")
    given = parser.parse_args()
    arms = {
        name: words
        for name, words in ARMS.items()
        if name != "ray" or importlib.util.find_spec(name)
    }
    os.environ |= {"RAY_ENABLE_UV_RUN_RUNTIME_ENV": "0", "RAY_worker_niceness": "0"}
    seconds: dict[str, list[float]] = {name: [] for name in arms}
    load = [os.getloadavg()[0]]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        model = folder / "model.safetensors"
        make_model(model, given.size, spread=0.02, name=given.generator)
        (make_pairs if given.scored else partial(make_sources, None))(
            folder / "sources", given.count, given.size
        )
        for number in range(given.rounds):
            made = {}
            for arm, words in arms.items():
                out = folder / f"{arm} {number}"
                line: list[object] = ["translate", model, folder / "sources", "--out", out]
                if given.scored:
                    line = ["evaluate", model, "--data", folder / "sources", "--json", out]
                    line.append(f"--size={given.size}")
                seconds[arm].append(command(line, words))
                print(f"round {number + 1}: {arm} {seconds[arm][-1]:.1f} s", flush=True)
                made[arm] = scores_of(out) if given.scored else files_of(out)
            if any(each != made["plain"] for each in made.values()):
                sys.exit("pictures or scores differ")
    rates = {arm: [given.count / each for each in own] for arm, own in seconds.items()}
    result = {
        "pictures": f"{given.count} of {given.size}x{given.size}, made up, {given.generator}",
        "load": [*load, os.getloadavg()[0]],
        "seconds": side_by_side.summary(seconds),
        "pictures_per_second": side_by_side.summary(rates),
        "times_plain": side_by_side.ratios(rates, "plain"),
    }
    name = "score_together" if given.scored else "translate_together"
    side_by_side.tell(name, result, given.json)


if __name__ == "__main__":
    main()
