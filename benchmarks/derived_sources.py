"""The share of a training step that goes into its batch, for every task that makes its sources.

    python benchmarks/derived_sources.py PHOTOS [--steps 8] [--json FILE]

PHOTOS is a folder of photos of at least 128 pixels a side. Each task trains with its own recipe at
128x128, batch size 4 and 32 base channels; batch and step are timed in turns, medians are printed.
"""

import argparse
import json
import statistics
import time
from pathlib import Path

import torch

from diptych.config import load_recipe
from diptych.data.batches import Batches
from diptych.data.crops import training_crops
from diptych.training.engine import start_engine
from diptych.training.plan import make_plan
from diptych.training.state import TrainingState

TASKS = ("colorize", "restore", "superres", "denoise", "inpaint", "sketch")


def measure(task: str, photos: Path, steps: int) -> tuple[str, float, float]:
    """The device, and median seconds of a batch and of the step that uses it."""
    recipe = load_recipe(
        task,
        {
            "data.crop_size": 128,
            "train.batch_size": 4,
            "train.precision": "bf16",
            "generator.base_channels": 32,
            "discriminator.base_channels": 32,
        },
    )
    plan = make_plan(recipe, photos)
    engine, device = start_engine("auto", recipe.train.precision)
    state = TrainingState(recipe, plan.generator_options, engine)
    crops = training_crops(plan.data.splits["train"], recipe, plan.domains)
    batches = Batches(crops, plan.domains, recipe, device=engine.device)
    making, learning = [], []
    for step in range(steps + 2):
        begun = time.perf_counter()
        batch = batches.at(step)
        made = time.perf_counter()
        float(state.learn(batch)["g_l1"])  # waits for the device
        if step >= 2:
            making.append(made - begun)
            learning.append(time.perf_counter() - made)
    return device, statistics.median(making), statistics.median(learning)


def main() -> None:
    """Measure every task and print a table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("photos", type=Path)
    parser.add_argument("--steps", type=int, default=8)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    rows, device = {}, ""
    for task in TASKS:
        device, batch, step = measure(task, given.photos, given.steps)
        share = batch / (batch + step)
        rows[task] = {
            "batch_ms": round(1e3 * batch, 1),
            "step_ms": round(1e3 * step, 1),
            "share": round(share, 3),
        }
        print(f"{task:10} batch {1e3 * batch:6.1f} ms, step {1e3 * step:7.1f} ms, {share:.1%}")
    result = {
        "benchmark": "derived_sources",
        "device": device,
        "torch": torch.__version__,
        "tasks": rows,
    }
    if given.json:
        given.json.write_text(json.dumps(result, indent=2) + "\n", "utf-8")


if __name__ == "__main__":
    main()
