"""Seconds from a command to its end: help, the recipes, one picture through ONNX Runtime.

    python benchmarks/start.py [--model MODEL.onnx] [--picture PICTURE] [--times 7]

The median of `--times`, after one that does not count; the picture where both are given.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path


def seconds(command: list[str], times: int) -> float:
    """The median of so many calls of `diptych`."""
    taken = []
    for _ in range(times + 1):
        begun = time.perf_counter()
        subprocess.run([sys.executable, "-m", "diptych", *command], check=True, capture_output=True)  # noqa: S603
        taken.append(time.perf_counter() - begun)
    return round(statistics.median(taken[1:]), 3)


def main() -> None:
    """Time the commands and print what they took."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", type=Path)
    parser.add_argument("--picture", type=Path)
    parser.add_argument("--times", type=int, default=7)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    commands = {"help": ["--help"], "recipes": ["recipes"]}
    with tempfile.TemporaryDirectory() as out:
        if given.model and given.picture:
            words = ["translate", str(given.model), str(given.picture), "--out", out, "--overwrite"]
            commands["translate one picture, .onnx"] = words
        took = {name: seconds(words, given.times) for name, words in commands.items()}
    text = json.dumps({"benchmark": "start", "seconds": took}, indent=2)
    print(text)
    if given.json:
        given.json.write_text(text + "\n", "utf-8")


if __name__ == "__main__":
    main()
