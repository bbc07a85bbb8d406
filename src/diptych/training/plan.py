"""What a run will be, before anything is written: recipe, pairs, networks, and their cost."""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from diptych.config import Recipe
from diptych.data.layouts import find_pairs
from diptych.data.pairs import PairedData
from diptych.errors import DiptychError
from diptych.networks import check_receptive_field, levels_for
from diptych.networks.multiply_adds import multiply_adds, parameters
from diptych.training.engine import start_engine
from diptych.training.state import TrainingState


@dataclass(frozen=True)
class Plan:
    """A recipe that fits the data it was planned for."""

    recipe: Recipe
    data: PairedData
    generator_options: dict[str, Any]  # the generator's arguments

    @property
    def steps_per_epoch(self) -> int:
        """Batches that show every training pair once."""
        return -(-len(self.data.splits["train"]) // self.recipe.train.batch_size)

    @property
    def steps(self) -> int:
        """Of the whole run, unless the recipe has a budget of minutes."""
        settings = self.recipe.train
        return settings.steps or settings.epochs * self.steps_per_epoch


@dataclass(frozen=True)
class Cost:
    """Of one network: numbers learned, and multiply-adds on one crop."""

    parameters: int
    multiply_adds: int


@dataclass(frozen=True)
class Estimate:
    """What a run will take on a device."""

    device: str
    generator: Cost
    discriminator: Cost | None
    seconds_per_step: float


def make_plan(recipe: Recipe, data: Path) -> Plan:
    """Find the pairs and check that recipe and data go together.

    Raises DiptychError where they do not, or where there is nothing to train on.
    """
    levels = levels_for(recipe.data.crop_size)
    if recipe.loss.adversarial != "none":
        check_receptive_field(recipe.discriminator.receptive_field, recipe.data.crop_size)
    found = find_pairs(data, recipe.data)
    if not found.splits["train"]:
        raise DiptychError(f"{data}: no training pairs")
    options = recipe.generator.model_dump(exclude={"name"})
    options |= {"in_channels": 3, "out_channels": 3, "levels": levels}
    return Plan(recipe, found, options)


def estimate(plan: Plan, device: str = "auto", threads: int = 0) -> Estimate:
    """Build the networks and time a few steps on made-up pictures; nothing is kept."""
    recipe = plan.recipe
    fabric, where = start_engine(device, recipe.train.precision, threads)
    state = TrainingState(recipe, plan.generator_options, fabric)
    size = recipe.data.crop_size
    channels = plan.generator_options["in_channels"]
    seen = channels + plan.generator_options["out_channels"]
    if recipe.loss.adversarial == "gan":
        seen = plan.generator_options["out_channels"]
    judge = state.judge
    shape = (min(recipe.train.batch_size, len(plan.data.splits["train"])), channels, size, size)
    source, target = torch.rand(2, *shape, device=fabric.device) * 2 - 1
    for timed in (False, True, True):
        if timed:
            begun = time.monotonic()
        losses = state.learn(source, target)
        float(losses["g_l1"])  # waits for the device
        seconds = time.monotonic() - begun if timed else 0.0
    return Estimate(
        where,
        Cost(parameters(state.network), multiply_adds(state.network, channels, size)),
        Cost(parameters(judge), multiply_adds(judge, seen, size)) if judge else None,
        seconds,
    )
