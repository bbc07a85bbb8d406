"""What a command takes from its call to its end, and training to its first step.

    python benchmarks/start.py [--models MODEL.onnx ...] [--picture PICTURE] [--rounds 7]
                               [--before OTHER/src]

The median of `--rounds`, after one that does not count: seconds of help, of the recipes, of the
picture by each of `--models`; seconds of the processor, user and system, that training takes to its
first step on a few tiny pairs, beside those of importing torch, which are part of it. `--before` is
the source of another version, whose rounds of training take turns with these.
"""

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image

import side_by_side

# One step, then no validation, report or checkpoint: what comes after it is not starting.
FIRST_STEP = """
import os, sys
from diptych.training.trackers import Tracker
from diptych.training.train import train

class Leaving(Tracker):
    def stepped(self, *_):
        os._exit(0)

sizes = {"data.load_size": 36, "data.crop_size": 32}
channels = {"generator.base_channels": 4, "discriminator.base_channels": 4}
data, out = sys.argv[1:]
train(data=data, out=out, overrides=sizes | channels, device="cpu", trackers=[Leaving()])
"""


def call(words: list[str], source: Path | None = None) -> tuple[float, float]:
    """Seconds, and those of the processor, of one call of Python."""
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    if source is not None:
        environment["PYTHONPATH"] = str(source)
    before, begun = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run(  # noqa: S603
        [sys.executable, *words], check=True, capture_output=True, env=environment
    )
    taken, after = time.perf_counter() - begun, resource.getrusage(resource.RUSAGE_CHILDREN)
    processor = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return taken, processor


def waited(words: list[str]) -> float:
    """Seconds of one call of Python."""
    return call(words)[0]


def medians(arms: dict[str, Callable[[], float]], rounds: int) -> dict[str, float]:
    """Of arms that take turns; the first round compiles their modules and does not count."""
    taken: dict[str, list[float]] = {name: [] for name in arms}
    for _ in range(rounds + 1):
        for name, arm in arms.items():
            taken[name].append(arm())
    return {name: round(statistics.median(each[1:]), 3) for name, each in taken.items()}


def first_step(pairs: Path, source: Path | None) -> float:
    """Seconds of the processor until the first step is made, in a new run."""
    with tempfile.TemporaryDirectory() as out:
        return call(["-c", FIRST_STEP, str(pairs), f"{out}/run"], source)[1]


def make_pairs(folder: Path) -> None:
    """A dozen strips of noise."""
    (folder / "train").mkdir()
    random = np.random.default_rng(0)
    for i in range(12):
        strip = random.integers(0, 256, (40, 80, 3), np.uint8)
        Image.fromarray(strip).save(folder / "train" / f"{i}.png")


def commands(options: argparse.Namespace, out: str) -> dict[str, Callable[[], float]]:
    """The commands that are timed as a person waits for them."""
    words = {"help": ["--help"], "recipes": ["recipes"]}
    for model in options.models:
        size = f"{model.stat().st_size / 1e6:.0f} MB"
        words[f"translate one picture, {model.name} of {size}"] = [
            "translate", str(model), str(options.picture), "--out", out, "--overwrite",
        ]  # fmt: skip
    return {name: partial(waited, ["-m", "diptych", *each]) for name, each in words.items()}


def main() -> None:
    """Time the commands and print what they took."""
    parser = side_by_side.parser(__doc__)
    parser.add_argument("--models", type=Path, nargs="*", default=[])
    parser.add_argument("--picture", type=Path)
    parser.add_argument("--before", type=Path)
    options = parser.parse_args()
    if options.models and not options.picture:
        parser.error("--models: give a --picture to translate")
    with tempfile.TemporaryDirectory() as out, tempfile.TemporaryDirectory() as pairs:
        make_pairs(Path(pairs))
        training: dict[str, Callable[[], float]] = {
            "train, to the first step": partial(first_step, Path(pairs), None),
            "import torch": lambda: call(["-c", "import torch"])[1],
        }
        if options.before:
            training["the same, before"] = partial(first_step, Path(pairs), options.before)
        result = {
            "seconds": medians(commands(options, out), options.rounds),
            "processor_seconds": medians(training, options.rounds),
        }
    side_by_side.tell("start", result, options.json)


if __name__ == "__main__":
    main()
