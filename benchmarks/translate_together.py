"""Pictures per second of one folder: the plain command, two processes, and Ray, from start to end.

    python benchmarks/translate_together.py [--count 400] [--size 256] [--generator resunet]
        [--rounds 3] [--json FILE]

Whole commands take turns: `plain` with all threads, `devices` with `--devices 2`, which have one
thread each, and, where Ray is installed, `ray` with two actors of one thread each. The model has
weights drawn at random. What is measured is the whole command, its start included. All make the
same pictures, to the byte, or it ends. `load`: of the machine, beside, before and after.
"""

import importlib.util
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import side_by_side
from bounded import make_model
from translate import make_sources

ARMS = {"plain": [], "devices": ["--devices=2"], "ray": ["--ray", "--devices=2"]}


def command(model: Path, sources: Path, out: Path, words: list[str]) -> float:
    """The seconds that it takes."""
    line = [sys.executable, "-m", "diptych", "translate", model, sources, "--out", out]
    begun = time.perf_counter()
    subprocess.run([*map(str, line), "--device=cpu", *words], check=True, capture_output=True)  # noqa: S603
    return time.perf_counter() - begun


def files_of(folder: Path) -> dict[str, bytes]:
    """Every result."""
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def main() -> None:
    """Time the commands in turns, and print medians and ratios."""
    parser = side_by_side.parser(__doc__)
    parser.add_argument("--count", type=int, default=400)
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--generator", default="resunet", help="unet or resunet")
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
        make_sources(None, folder / "sources", given.count, given.size)
        for number in range(given.rounds):
            made = {}
            for arm, words in arms.items():
                out = folder / f"{arm} {number}"
                seconds[arm].append(command(model, folder / "sources", out, words))
                print(f"round {number + 1}: {arm} {seconds[arm][-1]:.1f} s", flush=True)
                made[arm] = files_of(out)
            if any(each != made["plain"] for each in made.values()):
                sys.exit("pictures differ")
    rates = {arm: [given.count / each for each in own] for arm, own in seconds.items()}
    result = {
        "pictures": f"{given.count} of {given.size}x{given.size}, made up, {given.generator}",
        "load": [*load, os.getloadavg()[0]],
        "seconds": side_by_side.summary(seconds),
        "pictures_per_second": side_by_side.summary(rates),
        "times_plain": side_by_side.ratios(rates, "plain"),
    }
    side_by_side.tell("translate_together", result, given.json)


if __name__ == "__main__":
    main()
