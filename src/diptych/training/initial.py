"""A model whose weights a run begins with, in place of random ones: fine-tuning."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from diptych.config import load_recipe, recipe_from, with_overrides
from diptych.errors import DiptychError
from diptych.methods import DEFAULT_RECIPE
from diptych.model_file import Header, Network
from diptych.model_networks import discriminator_of, generator_of
from diptych.model_place import model_path
from diptych.networks import all_options
from diptych.networks.told_look import NUMBERS
from diptych.schema import Discriminator, Generator, Recipe
from diptych.training.checkpoint import latest_checkpoint
from diptych.training.ema import EMA
from diptych.training.judge import discriminator_in
from diptych.training.state import TrainingState

FREE = {"batch", "image"}  # ways to normalise that differ in no weight


@dataclass(frozen=True)
class Initial:
    """The generator of a model, and a discriminator where there is one."""

    place: Path
    fingerprint: str  # of the model file
    header: Header
    generator: nn.Module
    discriminator: Network | None
    discriminator_weights: dict[str, Tensor]


def read_initial(place: Path, with_discriminator: bool = True) -> Initial:
    """The model in a file or a run directory, here with the discriminator of the last checkpoint.

    A teacher needs none. Raises DiptychError where it is no whole model.
    """
    path = model_path(place)
    header, generator = generator_of(path)
    discriminator: tuple[Network | None, dict[str, Tensor]] = None, {}
    stored = discriminator_of(path, header) if with_discriminator else None
    if stored is not None:
        discriminator = header.discriminator, stored.state_dict()
    elif with_discriminator and place.is_dir():
        discriminator = _discriminator_of_run(place, header)
    return Initial(place, fingerprint_of(path), header, generator, *discriminator)


def fingerprint_of(path: Path) -> str:
    """What tells the contents of a model file from another's."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:16]


def _discriminator_of_run(run: Path, header: Header) -> tuple[Network | None, dict[str, Tensor]]:
    checkpoint = latest_checkpoint(run / "checkpoints")
    if checkpoint is None:
        return None, {}
    recipe = recipe_from(header.recipe, str(run))
    stored = discriminator_in(run, header, recipe, checkpoint["training"])
    return (None, {}) if stored is None else stored[:2]


def recipe_to_begin_with(
    recipe: str | Recipe | None,
    overrides: Mapping[str, Any] | Iterable[str],
    initial: Initial | None,
    teacher: Initial | None = None,
) -> Recipe:
    """The recipe itself, or that of a name; without one, the model's own, else the default.

    Of a teacher's own recipe the student has another generator, a compact one.
    """
    model = teacher or initial
    if isinstance(recipe, Recipe):
        if overrides:
            raise DiptychError("overrides go with a recipe's name or file, not with a Recipe")
        return recipe
    if recipe is not None or model is None:
        return load_recipe(recipe or DEFAULT_RECIPE, overrides)
    own = recipe_from(model.header.recipe, f"the recipe of {model.place}")
    # Of how often it was validated nothing follows for other pairs, of which there may be few.
    own = own.model_copy(update={"train": own.train.model_copy(update={"validate_epochs": 0})})
    if teacher is not None:
        told = bool(teacher.header.generator.options.get("look_numbers"))
        student = Generator(
            name="compact",
            statistics=own.generator.statistics,
            look="told" if told else "none",
        )
        own = own.model_copy(update={"generator": student})
    return with_overrides(own, overrides)


def fitted(recipe: Recipe, initial: Initial) -> Recipe:
    """The recipe with the model's networks, where it says nothing else.

    Raises DiptychError where it asks for another generator. Another discriminator may be had: that
    one begins anew.
    """
    model, own = initial.header.generator, recipe.generator
    options = {"name": model.name, "noise_channels": 0, **all_options(model.name, model.options)}
    options["look"] = "told" if options.get("look_numbers") else "none"
    generator = {key: options[key] for key in Generator.model_fields if key in options}
    for key, value in generator.items():
        said = getattr(own, key)
        if said == "auto":
            continue
        if key == "statistics" and said in FREE:
            generator[key] = said if value in FREE else value
        elif key not in own.model_fields_set:
            continue
        elif key == "dropout":
            generator[key] = said
        elif said != value:
            raise DiptychError(
                f"generator.{key} {said!r} is not that of {initial.place}, {value!r}: leave it "
                "out, or train without --init-from"
            )
    had = _taken_over(recipe.discriminator, initial.discriminator)
    unsaid = Discriminator.model_fields.keys() - recipe.discriminator.model_fields_set
    if recipe.discriminator.statistics in FREE:
        unsaid -= {"statistics"}
        if had.get("statistics", "batch") not in FREE:
            unsaid |= {"statistics"}
    discriminator = {key: had[key] for key in sorted(unsaid & had.keys())}
    return recipe.model_copy(
        update={
            "generator": own.model_copy(update=generator),
            "discriminator": recipe.discriminator.model_copy(update=discriminator),
        }
    )


def _taken_over(own: Discriminator, model: Network | None) -> dict[str, Any]:
    """Name and options of a model's discriminator; none where the recipe names another."""
    if model is None or ("name" in own.model_fields_set and own.name != model.name):
        return {}
    return {"name": model.name, **model.options}


def generator_options(
    initial: Initial, recipe: Recipe, in_channels: int, out_channels: int
) -> dict[str, Any]:
    """The model's, for the channels at hand; raises DiptychError where the scale is another."""
    header = initial.header
    if header.scale != recipe.derive.scale:
        raise DiptychError(
            f"derive.scale {recipe.derive.scale} is not that of {initial.place}, {header.scale}"
        )
    options = {**header.generator.options, "in_channels": in_channels, "out_channels": out_channels}
    options.pop("stored_statistics", None)  # they would not be those of the new weights
    if options.get("look_numbers"):
        options["look_numbers"] = NUMBERS * out_channels
    chosen = {key: getattr(recipe.generator, key) for key in ("dropout", "statistics")}
    return options | {key: value for key, value in chosen.items() if key in options}


def begin_with(state: TrainingState, initial: Initial) -> list[str]:
    """Put the model's weights into the networks, and say which begin anew."""
    weights = initial.generator.state_dict()
    anew = _others(state.generator, weights)
    _fill(state.generator, weights)
    notes = []
    if state.discriminator is not None:
        others = _others(state.discriminator, initial.discriminator_weights)
        first = next(iter(state.discriminator.state_dict()))
        if others and others != [first]:
            reason = "is another" if initial.discriminator_weights else "was not kept"
            notes.append(f"the discriminator begins anew: that of {initial.place} {reason}")
        else:
            _fill(state.discriminator, initial.discriminator_weights)
            anew += [f"discriminator {name}" for name in others]
    if anew:
        notes.append(f"for other channels these begin anew: {', '.join(anew)}")
    if state.ema is not None:
        state.ema = EMA(state.generator, state.ema.decay, state.ema.share)
    return notes


def _others(network: nn.Module, weights: Mapping[str, Tensor]) -> list[str]:
    """The network's tensors that are not among `weights`, or there in another shape."""
    own = network.state_dict()
    return [name for name in own if name not in weights or weights[name].shape != own[name].shape]


def _fill(network: nn.Module, weights: Mapping[str, Tensor]) -> None:
    own, others = network.state_dict(), set(_others(network, weights))
    network.load_state_dict({name: own[name] if name in others else weights[name] for name in own})
