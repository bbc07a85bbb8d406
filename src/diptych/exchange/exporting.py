"""A model file as a checkpoint that pytorch-CycleGAN-and-pix2pix loads."""

from pathlib import Path
from typing import Any

from diptych.errors import DiptychError
from diptych.exchange.foreign_checkpoint import write_checkpoint
from diptych.exchange.layout import entries
from diptych.exchange.recognise import DROPOUT
from diptych.model_file import Header
from diptych.model_networks import generator_of
from diptych.model_place import model_path
from diptych.networks import all_options

NAMED_UNETS = {7: "unet_128", 8: "unet_256"}
NAMED_RESNETS = {6: "resnet_6blocks", 9: "resnet_9blocks"}
NORMS = {"batch": "batch", "image": "batch", "instance": "instance", "none": "none"}
LEAST_LEVELS = 5  # of a U-Net there


def export_checkpoint(model: Path, out: Path) -> list[str]:
    """Write a model's generator as a plain state dict in that code's names, shapes and order.

    Returns what a person should know: the options that load it there, and what is lost. Raises
    DiptychError where that code has no such network.
    """
    path = model_path(model)
    header, generator = generator_of(path)
    weights = generator.state_dict()
    options = _options(header, path)
    name = header.generator.name
    tensors = {
        entry.theirs: entry.initial() if entry.ours is None else entry.to_ours(weights[entry.ours])
        for entry in entries(name, options)
    }
    write_checkpoint(out, tensors)
    return [f"load it there with {_flags(name, options)}", *_losses(header, options)]


def _options(header: Header, path: Path) -> dict[str, Any]:
    """All options of the network; raises DiptychError where that code cannot have it."""
    name, chosen = header.generator.name, header.generator.options
    levels = chosen.get("levels", 8)
    for refused, holds in {
        f"generator {name}": name not in {"unet", "resnet"},
        "noise beside the source": chosen.get("noise_channels"),
        "a U-Net without skips": not chosen.get("skips", True),
        f"a U-Net of {levels} levels": name == "unet" and levels < LEAST_LEVELS,
    }.items():
        if holds:
            raise DiptychError(
                f"{path}: {refused}: pytorch-CycleGAN-and-pix2pix has no such network, only U-Nets "
                f"of {LEAST_LEVELS} levels or more and ResNets"
            )
    return all_options(name, chosen)


def _flags(name: str, options: dict[str, Any]) -> str:
    """What that code has to be told."""
    if name == "unet":
        levels = options["levels"]
        network = NAMED_UNETS.get(levels, f"(none; UnetGenerator of num_downs={levels})")
    else:
        blocks = options["blocks"]
        network = NAMED_RESNETS.get(blocks, f"(none; ResnetGenerator of n_blocks={blocks})")
    return (
        f"--netG {network} --ngf {options['base_channels']} --norm {NORMS[options['statistics']]} "
        f"--input_nc {options['in_channels']} --output_nc {options['out_channels']}"
        + ("" if options["dropout"] else " --no_dropout")
    )


def _losses(header: Header, options: dict[str, Any]) -> list[str]:
    notes = []
    if NORMS[options["statistics"]] == "batch" and not options.get("stored_statistics"):
        notes.append("it holds no running statistics: test there without --eval")
    layers = list(range(1, options.get("levels", LEAST_LEVELS) - 4))
    moved = "dropout_layers" in options and list(options["dropout_layers"]) != layers
    if options["dropout"] and (options["dropout"] != DROPOUT or moved):
        notes.append(f"dropout there is {DROPOUT}, and in a U-Net one layer further up")
    notes += [
        f"that code's own loader does not make {side.kind} pictures, as the {end} are"
        for side, end in ((header.source, "sources"), (header.target, "targets"))
        if not (
            side.kind in {"rgb", "gray"} or (side.kind == "values" and side.range == ((0, 255),))
        )
    ]
    return notes
