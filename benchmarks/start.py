"""Seconds from a command to its end: help, the recipes, one picture through ONNX Runtime.

    python benchmarks/start.py [--models MODEL.onnx ...] [--picture PICTURE] [--rounds 7]

The median of `--rounds`, after one that does not count; the picture by each of `--models`.
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import side_by_side


def seconds(command: list[str], times: int) -> float:
    """The median of so many calls of `diptych`, whose modules were compiled by the first."""
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    program = [sys.executable, "-m", "diptych"]
    taken = []
    for _ in range(times + 1):
        begun = time.perf_counter()
        subprocess.run(  # noqa: S603
            [*program, *command], check=True, capture_output=True, env=environment
        )
        taken.append(time.perf_counter() - begun)
    return round(statistics.median(taken[1:]), 3)


def main() -> None:
    """Time the commands and print what they took."""
    parser = side_by_side.parser(__doc__)
    parser.add_argument("--models", type=Path, nargs="*", default=[])
    parser.add_argument("--picture", type=Path)
    given = parser.parse_args()
    if given.models and not given.picture:
        parser.error("--models: give a --picture to translate")
    commands = {"help": ["--help"], "recipes": ["recipes"]}
    with tempfile.TemporaryDirectory() as out:
        for model in given.models:
            words = ["translate", str(model), str(given.picture), "--out", out, "--overwrite"]
            size = f"{model.stat().st_size / 1e6:.0f} MB"
            commands[f"translate one picture, {model.name} of {size}"] = words
        took = {name: seconds(words, given.rounds) for name, words in commands.items()}
    side_by_side.tell("start", {"seconds": took}, given.json)


if __name__ == "__main__":
    main()
