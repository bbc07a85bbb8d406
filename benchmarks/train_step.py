"""Images per second of training at 128x128, against plain loops with the same networks.

    python benchmarks/train_step.py [--rounds 5] [--steps 6] [--json FILE]

Arms take turns round by round, so that a machine whose speed drifts slows all of them; the ratio
is the median over rounds. Every arm makes whole steps of the cGAN + L1 objective at batch size 4,
32 base channels: `plain` as a first script would be written; `tuned` with bf16 autocast,
channels-last and fused Adam; `diptych` the loop in use with precision bf16, its batches cut from
decoded pairs on the way.
"""

import argparse
import json
import platform
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

from diptych.config import load_recipe
from diptych.data.batches import Batches
from diptych.data.crops import Rectangles
from diptych.data.pairs import COLOURS
from diptych.networks import build_discriminator, build_generator, fitting_options
from diptych.training.engine import start_engine
from diptych.training.state import TrainingState

BATCH, CROP, LOAD, BASE = 4, 128, 143, 32


def plain_arm(tuned: bool) -> Callable[[], None]:
    """A loop written straight down."""
    torch.manual_seed(0)
    layout = torch.channels_last if tuned else torch.contiguous_format
    generator = build_generator(base_channels=BASE, levels=7).to(memory_format=layout)
    discriminator = build_discriminator(base_channels=BASE).to(memory_format=layout)
    adams = [
        torch.optim.Adam(network.parameters(), 2e-4, (0.5, 0.999), fused=tuned)
        for network in (generator, discriminator)
    ]
    source, target = torch.rand(2, BATCH, 3, CROP, CROP) * 2 - 1
    source, target = source.to(memory_format=layout), target.to(memory_format=layout)

    def against(logits: torch.Tensor, truth: float) -> torch.Tensor:
        return F.binary_cross_entropy_with_logits(logits, torch.full_like(logits, truth))

    def step() -> None:
        with torch.autocast("cpu", torch.bfloat16, enabled=tuned):
            translated = generator(source)
            real = discriminator(torch.cat((source, target), 1))
            fake = discriminator(torch.cat((source, translated.detach()), 1))
            loss = 0.5 * (against(real, 1) + against(fake, 0))
        adams[1].zero_grad()
        loss.backward()
        adams[1].step()
        with torch.autocast("cpu", torch.bfloat16, enabled=tuned):
            fooled = discriminator(torch.cat((source, translated), 1))
            loss = against(fooled, 1) + 100 * F.l1_loss(translated, target)
        adams[0].zero_grad()
        loss.backward()
        adams[0].step()

    return step


def diptych_arm() -> tuple[Callable[[], None], str]:
    """What `diptych train` does for each step, batches included."""
    recipe = load_recipe(
        "facades",
        {
            "data.load_size": LOAD,
            "data.crop_size": CROP,
            "train.batch_size": BATCH,
            "train.precision": "bf16",
            "generator.base_channels": BASE,
            "discriminator.base_channels": BASE,
        },
    )
    fabric, device = start_engine("cpu", recipe.train.precision)
    given = recipe.generator.model_dump(exclude={"name"})
    given |= {"in_channels": 3, "out_channels": 3}
    options = fitting_options("unet", given, {}) | {"levels": 7}
    state = TrainingState(recipe, options, fabric)
    pairs = np.random.default_rng(0).integers(0, 256, (64, LOAD, LOAD, 6), dtype=np.uint8)
    domains = (COLOURS, COLOURS)
    batches = Batches(Rectangles(pairs, domains, (CROP, CROP)), domains, recipe)

    def step() -> None:
        state.add_losses(state.learn(batches.at(state.step)))

    return step, device


def capabilities() -> dict[str, object]:
    """What torch knows of the processor; nothing in older versions."""
    found: dict[str, object] = getattr(torch.cpu, "get_capabilities", dict)()
    return found


def main() -> None:
    """Time the arms in turns and print medians and ratios."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=6)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    ours, device = diptych_arm()
    arms = {"plain": plain_arm(tuned=False), "tuned": plain_arm(tuned=True), "diptych": ours}
    paces: dict[str, list[float]] = {name: [] for name in arms}
    for arm in arms.values():
        arm()
    for _ in range(given.rounds):
        for name, arm in arms.items():
            begun = time.perf_counter()
            for _ in range(given.steps):
                arm()
            paces[name].append(given.steps * BATCH / (time.perf_counter() - begun))
    medians = {name: round(statistics.median(pace), 2) for name, pace in paces.items()}
    ratios = {
        f"diptych / {name}": round(
            statistics.median(a / b for a, b in zip(paces["diptych"], paces[name], strict=True)), 2
        )
        for name in ("plain", "tuned")
    }
    result = {
        "benchmark": "train_step",
        "processor": capabilities().get("cpu_name") or platform.machine(),
        "device": device,
        "torch": torch.__version__,
        "images_per_second": medians,
        "spread": {name: [round(min(p), 2), round(max(p), 2)] for name, p in paces.items()},
        "ratio": ratios,
    }
    print(json.dumps(result, indent=2))
    if given.json:
        given.json.write_text(json.dumps(result, indent=2) + "\n", "utf-8")


if __name__ == "__main__":
    main()
