"""A checkpoint of pytorch-CycleGAN-and-pix2pix as a model file."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from diptych.config import load_recipe
from diptych.errors import DiptychError
from diptych.exchange.foreign_checkpoint import read_checkpoint
from diptych.exchange.layout import COUNT, entries
from diptych.exchange.recognise import recognise_discriminator, recognise_generator
from diptych.images.domain import Domain, plain
from diptych.model_file import Dataset, Header, Network, Strip, TestTime, write_model
from diptych.networks.resnet import ResNetGenerator
from diptych.schema import Discriminator, Generator
from diptych.tensor_file import faults_in_a_line

MODES = ("test", "eval")
NAMES = ("source", "target")
DIRECTIONS = ("a_to_b", "b_to_a")
RUNNING = {"running_mean", "running_var", COUNT}
CROP = 256  # what that code trains at unless told otherwise


def import_checkpoint(
    checkpoint: Path,
    out: Path,
    *,
    discriminator: Path | None = None,
    mode: str = "test",
    dropout: bool | None = None,
    names: tuple[str, str] = NAMES,
    direction: str = "a_to_b",
) -> Header:
    """Write the generator in `checkpoint`, and the `discriminator` beside it, as a model file.

    `mode`: translate as that code's test.py does, by each picture's own statistics ("test"), or as
    it does with --eval, by the running ones ("eval"). `dropout`: whether a U-Net has some, which
    its tensors do not tell. `names` are those of source and target; `direction` says which half of
    a pair side by side is the source. Raises DiptychError where a file is no such network.
    """
    for option, value, choices in (("--mode", mode, MODES), ("--direction", direction, DIRECTIONS)):
        if value not in choices:
            raise DiptychError(f"{option} {value!r}: one of {', '.join(choices)}")
    if out.suffix != ".safetensors":
        raise DiptychError(f"{out}: a model file is called something.safetensors")
    state = _without_leftovers(read_checkpoint(checkpoint))
    generator = recognise_generator(state, checkpoint, dropout)
    beside, weights_beside = None, None
    if discriminator is not None:
        state_beside = _without_leftovers(read_checkpoint(discriminator))
        beside = recognise_discriminator(state_beside, discriminator)
        weights_beside = to_ours(beside, state_beside)
    # Of pairs side by side, as that code has them, A is the left half.
    sides = (0, 1) if direction == "a_to_b" else (1, 0)
    options = generator.options
    crop = 2 ** options["levels"] if generator.name == "unet" else CROP
    stored = mode == "eval" and "stored_statistics" in options
    with faults_in_a_line(checkpoint):
        header = Header(
            generator=generator,
            discriminator=beside,
            size_multiple=crop if generator.name == "unet" else ResNetGenerator.size_multiple,
            crop_size=(crop, crop),
            source=_domain(names[0], options["in_channels"]),
            target=_domain(names[1], options["out_channels"]),
            test=TestTime(normalization="stored" if stored else "image"),
            strip=Strip(panels=2, source=sides[0], target=sides[1]),
            dataset=Dataset(fingerprint="", pairs={}),
            recipe=_recipe(generator, beside, crop, names, direction),
        )
    write_model(out, to_ours(generator, state), header, weights_beside)
    return header


def import_notes(header: Header, guessed: bool) -> list[str]:
    """What a person should know of an imported model; `guessed`: no one said if it has dropout."""
    generator = header.generator
    noisy = bool(generator.options["dropout"])
    stored = "stored_statistics" in generator.options
    notes = []
    if header.test.normalization == "stored":
        notes.append("translates by its stored statistics, as test.py --eval there")
    elif stored:
        notes.append(
            "translates by each picture's own statistics, as test.py there; "
            "translate --normalization stored: as with --eval"
        )
    if guessed and generator.options.get("dropout_layers"):
        notes.append(
            "taken to have dropout; if it has none, which its tensors do not tell: --no-dropout"
            if noisy
            else "taken to have no dropout; if it has, which its tensors do not tell: --dropout"
        )
    if noisy:
        notes.append(
            "dropout is off when translating; translate --dropout has it on, as test.py there"
        )
    return notes


def to_ours(network: Network, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors of a checkpoint as those of our network."""
    return {
        entry.ours: entry.to_ours(state[entry.theirs])
        for entry in entries(network.name, network.options)
        if entry.ours is not None
    }


def _without_leftovers(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Without running statistics of instance normalisation, which early torch saved, unused."""
    return {
        name: tensor
        for name, tensor in state.items()
        if name.rpartition(".")[2] not in RUNNING or f"{name.rpartition('.')[0]}.weight" in state
    }


def _domain(name: str, channels: int) -> Domain:
    """Colours, or values of 8 bits: both as -1 to 1, as that code has them."""
    return plain(name) if channels == 3 else Domain(name=name, kind="values", channels=channels)


def _recipe(
    generator: Network,
    discriminator: Network | None,
    crop: int,
    names: tuple[str, str],
    direction: str,
) -> dict[str, dict[str, Any]]:
    """One to evaluate and to train on by."""
    overrides: dict[str, Any] = {
        "data.fit": "resize",  # to a square, whatever the shape
        "data.crop_size": crop,
        "data.load_size": crop * 143 // 128,  # as 286 for 256
        "data.direction": direction,
        "data.names": () if names == NAMES else names,
        "generator.name": generator.name,
    }
    for schema, network in ((Generator, generator), (Discriminator, discriminator)):
        table, options = schema.__name__.lower(), network.options if network else {}
        overrides |= {f"{table}.{k}": v for k, v in options.items() if k in schema.model_fields}
    return load_recipe("pix2pix", overrides).model_dump(mode="json", exclude_none=True)
