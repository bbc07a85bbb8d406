"""What a run will be, before anything is written: recipe, pairs, networks, and their cost."""

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

from diptych.data.batches import Batch
from diptych.data.crops import sides_wanted
from diptych.data.domains import Domains, conclusions, find_domains
from diptych.data.fitting import Fit, Size
from diptych.data.layouts import find_pairs
from diptych.data.pairs import PairedData
from diptych.data.scale import learning_scale, typical_size
from diptych.data.splits import divide_as_begun
from diptych.data.store.needs import Needs, needs
from diptych.doctor.quick_check import quick_notes
from diptych.errors import DiptychError
from diptych.networks import (
    build_discriminator,
    build_generator,
    check_receptive_field,
    fitting_options,
    levels_for,
)
from diptych.networks.frozen_view import LEAST
from diptych.networks.multiply_adds import multiply_adds, multiply_adds_on, parameters
from diptych.networks.odd_sizes import misfit
from diptych.networks.told_look import NUMBERS
from diptych.networks.unfilled import unfilled
from diptych.schema import Discriminator, Generator, Recipe
from diptych.training.engine import Engine, start_engine
from diptych.training.initial import FREE, Initial, fitted
from diptych.training.initial import generator_options as options_of
from diptych.training.look_rule import others_or_not, told_or_not
from diptych.training.out_of_memory import memory_in_a_line
from diptych.training.settled import suited
from diptych.training.state import TrainingState, discriminator_options
from diptych.training.whole_batch import take_batch_statistics

OF_ANY = {"name", "noise_channels", "look"}  # not by these names among a network's options


@dataclass(frozen=True)
class Plan:
    """A recipe that fits the data it was planned for."""

    recipe: Recipe
    data: PairedData
    generator_options: dict[str, Any]  # the generator's arguments
    domains: Domains  # of source and target
    picture_size: Size | None = None  # height and width of sources, in the middle of them
    notes: tuple[str, ...] = ()  # what a person should know of how it learns

    @property
    def scale(self) -> int:
        """How many times larger than their sources results are."""
        return self.recipe.derive.scale

    @property
    def steps_per_epoch(self) -> int:
        """Batches that show every training pair once."""
        return -(-len(self.data.splits["train"]) // self.recipe.train.batch_size)

    @property
    def steps(self) -> int:
        """Of the whole run; 0 where it takes as many as make it better, or has minutes instead."""
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
    store: Needs  # of the training pairs


def make_plan(
    recipe: Recipe,
    data: Path,
    initial: Initial | None = None,
    model: Domains | None = None,
    begun: str | None = None,
) -> Plan:
    """Find the pairs and check that recipe and data go together.

    The networks are those of the `initial` model, where there is one; `model` are the domains of
    another that is gone on with, or learned from; `begun` is the fingerprint of the pairs of a run
    that is gone on with. Raises DiptychError where something does not go together, or where there
    is nothing to train on.
    """
    if initial is not None:
        recipe = fitted(recipe, initial)
        model = initial.header.source, initial.header.target
    crop, scale = recipe.data.crop, recipe.derive.scale
    if any(side % scale for side in crop):
        raise DiptychError(
            f"data.crop_size {recipe.data.crop_size} is no multiple of derive.scale {scale}"
        )
    if recipe.derive.kind != "none" and recipe.data.shapes == "own":
        raise DiptychError(
            "data.shapes 'own' is for pairs: sources made from photos have their shape"
        )
    _generator_options(recipe, initial, 3, 3)  # a check, before files are looked for
    pairs = find_pairs(data, recipe)
    if begun is not None:
        divide_as_begun(pairs, recipe.data.split_seed, begun)
    if not pairs.splits["train"]:
        raise DiptychError(f"{data}: no training pairs")
    domains = find_domains(pairs, recipe, model)
    if recipe.data.shapes == "own" and not all(domain.is_picture for domain in domains):
        raise DiptychError("data.shapes 'own' is for pictures of 8 bits, not values or labels")
    recipe, change = suited(recipe, domains[1])
    if recipe.loss.adversarial != "none":
        _check_discriminator(recipe, anew=begun is None)
    recipe, told = told_or_not(recipe, pairs.splits["train"], domains)
    recipe, others = others_or_not(recipe, pairs.splits["train"], domains)
    options = _generator_options(recipe, initial, *(domain.channels for domain in domains))
    if initial is not None:
        pairs.notes.append(f"begins with the weights of {initial.place}")
    pairs.notes += conclusions(domains, recipe)
    if not recipe.data.sources:
        pairs.notes += quick_notes(pairs, recipe, domains)
    size = typical_size([pair.source for pair in pairs.splits["train"]])
    notes = [*filter(None, [change, told, others]), *_notes(recipe, size)]
    return Plan(recipe, pairs, options, domains, size, tuple(notes))


def _notes(recipe: Recipe, size: Size | None) -> Iterator[str]:
    scale = None if size is None else learning_scale(size, recipe.data)
    if scale is not None:
        yield scale
    if recipe.augment.mirror:
        yield (
            "half of the pairs are mirrored; where targets hold text, or maps with light from one "
            "side: --set augment.mirror=false"
        )


def _check_discriminator(recipe: Recipe, anew: bool) -> None:
    """Raise DiptychError where it leaves no logit of a crop, or does not take what was chosen.

    A run that began when that was passed over goes on.
    """
    crop, judge = min(recipe.data.crop), recipe.discriminator
    if anew:
        fitting_options("discriminator", judge.name, {}, _chosen("discriminator", judge))
    if judge.name == "patchgan":
        check_receptive_field(judge.receptive_field, crop)
    elif crop < LEAST:
        raise DiptychError(
            f"data.crop_size {recipe.data.crop_size} is below {LEAST}, the least for a "
            f"{judge.name} discriminator"
        )


def _generator_options(
    recipe: Recipe, initial: Initial | None, in_channels: int, out_channels: int
) -> dict[str, Any]:
    if initial is not None:
        options = options_of(initial, recipe, in_channels, out_channels)
    else:
        options = _options_by_recipe(recipe, in_channels, out_channels)
    with unfilled():  # nothing but the check
        network = build_generator(recipe.generator.name, **options)
        judge = build_discriminator(
            recipe.discriminator.name, **discriminator_options(recipe, 3, 3)
        )
    learning = [network] if recipe.loss.adversarial == "none" else [network, judge]
    if recipe.train.accumulate > 1 and any(map(take_batch_statistics, learning)):
        raise DiptychError(
            "train.accumulate does not go with statistics of the batch, for a part has others: "
            "set generator.statistics and discriminator.statistics to image, or train.recompute"
        )
    height, width = (side // recipe.derive.scale for side in recipe.data.crop)
    if fault := misfit(network, (height, width)):
        raise DiptychError(
            f"data.crop_size {recipe.data.crop_size} is {fault}, which this "
            f"{recipe.generator.name} needs"
        )
    return options


def _options_by_recipe(recipe: Recipe, in_channels: int, out_channels: int) -> dict[str, Any]:
    name = recipe.generator.name
    wanted = recipe.generator.model_dump(exclude=OF_ANY)
    wanted |= {"in_channels": in_channels, "out_channels": out_channels}
    wanted |= {"scale": recipe.derive.scale}
    chosen = _chosen("generator", recipe.generator)
    if recipe.derive.scale > 1:
        chosen["scale"] = f"derive.scale {recipe.derive.scale}"
    if recipe.generator.look == "told":
        wanted["look_numbers"] = NUMBERS * out_channels
        chosen["look_numbers"] = "generator.look = 'told'"
    options = fitting_options("generator", name, wanted, chosen)
    if name == "unet":
        options["levels"] = min(levels_for(side) for side in recipe.data.crop)
    if recipe.generator.noise_channels:
        options["noise_channels"] = recipe.generator.noise_channels
    return options


def as_deep(plan: Plan, weights: Mapping[str, Any]) -> Plan:
    """The plan with a U-Net as deep as a run began with.

    For crops that are no power of two it had fewer levels once.
    """
    if "levels" not in plan.generator_options:
        return plan
    levels = sum(".down." in f".{name}" and name.endswith(".conv.weight") for name in weights)
    return replace(plan, generator_options=plan.generator_options | {"levels": levels})


def _chosen(kind: str, network: Generator | Discriminator) -> dict[str, str]:
    """Options of a network that a recipe states, and their keys, but for what goes with any.

    That is what is so anyway, as in a recipe written out whole, or was so before.
    """
    fields = type(network).model_fields
    return {
        key: f"{kind}.{key}"
        for key in sorted(network.model_fields_set - OF_ANY)
        if getattr(network, key) not in (FREE if key == "statistics" else {fields[key].default})
    }


def estimate(plan: Plan, device: str = "auto", threads: int = 0) -> Estimate:
    """Build the networks and time a few steps on made-up pictures; nothing is kept.

    Raises DiptychError where memory does not suffice for that.
    """
    settings = plan.recipe.train
    engine, where = start_engine(device, settings.precision, threads, settings.recompute)
    with memory_in_a_line(plan.recipe, engine.device):
        return _measured(plan, engine, where)


def _measured(plan: Plan, engine: Engine, where: str) -> Estimate:
    recipe, settings = plan.recipe, plan.recipe.train
    labels = plan.domains[1].kind == "labels"
    state = TrainingState(recipe, plan.generator_options, engine, labels)
    size, channels = recipe.data.crop, [domain.channels for domain in plan.domains]
    count = min(settings.batch_size, len(plan.data.splits["train"]))
    small = (size[0] // plan.scale, size[1] // plan.scale)
    source = torch.rand(count, channels[0], *small, device=engine.device) * 2 - 1
    target = torch.rand(count, channels[1], *size, device=engine.device) * 2 - 1
    for _ in range(state.settles + 2):  # the last one counts
        begun = time.monotonic()
        losses = state.learn(Batch(source, target))
        float(losses["g_l1"])  # waits for the device
        seconds = time.monotonic() - begun
    discriminator = None
    if state.discriminator is not None:
        judged = state.judged_by_discriminator(source[:1], target[:1])
        discriminator = Cost(
            parameters(state.discriminator), multiply_adds_on(state.discriminator, *judged)
        )
    generator = _cost(state.generator, channels[0], small)
    return Estimate(where, generator, discriminator, seconds, store_needs(plan))


def store_needs(plan: Plan) -> Needs:
    """What decoding the training pairs takes, which is done once."""
    recipe, data = plan.recipe, plan.data
    fit = Fit(recipe.data.fitting, recipe.data.load)
    return needs(sides_wanted(data.splits["train"], recipe, plan.domains, fit, data.undivided))


def _cost(network: nn.Module, channels: int, size: tuple[int, int]) -> Cost:
    return Cost(parameters(network), multiply_adds(network, channels, size))
