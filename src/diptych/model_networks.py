"""The networks of a model file, known to be those of its weights before anything is allocated.

A network is planned first, on torch's meta device, which holds no numbers: the names and shapes of
its weights have to be those in the file, and what it does has to be what the header says.
"""

import threading
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import get_type_hints

import torch
from pydantic import ConfigDict, TypeAdapter
from torch import Tensor, nn
from torch.nn.modules.module import register_module_parameter_registration_hook

from diptych.errors import DiptychError
from diptych.model_file import (
    LARGEST_MULTIPLE,
    Header,
    Network,
    read_discriminator,
    read_model,
)
from diptych.networks import all_options, build_discriminator, build_generator, network_class
from diptych.networks.unfilled import unfilled
from diptych.pix2pix import Normalization
from diptych.tensor_file import faults_in_a_line, in_words

Weights = Mapping[str, Tensor]
MANY = 200  # weights that a network may have whatever the file holds: planning them is quick
LARGEST, LONGEST = 2**16, 64  # number that is an option, and list that is one
BESIDE = {"noise_channels": int, "stored_statistics": bool}  # options of any generator


def generator_of(path: Path) -> tuple[Header, nn.Module]:
    """The header of a model file and its generator with its weights, float32, on the CPU.

    Raises DiptychError where the file is no model, or where header and weights do not fit.
    """
    header, weights = read_model(path)
    generator = plan_network(path, "generator", header.generator, weights)
    _check_header(path, header, generator)
    return header, _with_weights(path, generator, weights)


def discriminator_of(path: Path, header: Header) -> nn.Module | None:
    """The discriminator of a model file, as `generator_of`; None where there is none."""
    if header.discriminator is None:
        return None
    weights = read_discriminator(path)
    discriminator = plan_network(path, "discriminator", header.discriminator, weights)
    return _with_weights(path, discriminator, weights)


def plan_network(where: Path | str, kind: str, network: Network, weights: Weights) -> nn.Module:
    """The network on the meta device; `kind` is generator or discriminator.

    Raises DiptychError where it is none that is known, or where the `weights` in the file, which
    `where` names, have not the names and shapes of its own.
    """
    build = build_generator if kind == "generator" else build_discriminator
    try:
        _check_options(kind, network)
        with (
            unfilled(),
            _layers_at_most(len(weights)),
            warnings.catch_warnings(action="ignore"),  # of layers without channels
        ):
            planned = build(network.name, **network.options)
    except Exception as error:  # of many types: a header may say anything
        raise DiptychError(f"{where}: {in_words(error)}") from None
    expected, shapes = (
        {name: tuple(tensor.shape) for name, tensor in tensors.items()}
        for tensors in (planned.state_dict(), weights)
    )
    for name in sorted(expected.keys() | shapes.keys()):
        if expected.get(name) != shapes.get(name):
            raise DiptychError(
                f"{where}: does not fit its own header: {in_words(name)} is "
                f"{shapes.get(name, 'missing')}, expected {expected.get(name, 'nothing')}"
            )
    return planned


def _check_options(kind: str, network: Network) -> None:
    """Raise DiptychError where a network is none that is known, or its options are not its own."""
    types = get_type_hints(network_class(kind, network.name).__init__) | BESIDE
    for option, chosen in network.options.items():
        if option not in types:
            raise DiptychError(f"{kind}.options: {network.name} has no {option!r}")
        with faults_in_a_line(f"{kind}.options.{option}"):
            TypeAdapter(types[option], config=ConfigDict(strict=True)).validate_python(chosen)
        number, limit = (len(chosen), LONGEST) if isinstance(chosen, list) else (chosen, LARGEST)
        if isinstance(number, int) and abs(number) > limit:
            raise DiptychError(f"{kind}.options.{option}: {in_words(number)}, more than {limit:,}")
        if option == "levels" and not 2 <= chosen <= LARGEST_MULTIPLE.bit_length() - 1:
            raise DiptychError(f"{kind}.options.levels: {chosen}, not from 2 to 10")


@contextmanager
def _layers_at_most(tensors: int) -> Iterator[None]:
    """Within it a network ends that has more layers than a file with so many `tensors`."""
    left, here = MANY + 2 * tensors, threading.get_ident()  # some are registered anew

    def count(_module: nn.Module, _name: str, _parameter: nn.Parameter | None) -> None:
        nonlocal left
        left -= threading.get_ident() == here
        if left < 0:
            raise DiptychError("does not fit its own header: the network has more layers")

    hook = register_module_parameter_registration_hook(count)
    try:
        yield
    finally:
        hook.remove()


def _check_header(path: Path, header: Header, planned: nn.Module) -> None:
    """Raise DiptychError where the planned generator does not do what its header says."""
    name = header.generator.name
    options = all_options(name, header.generator.options)
    for key, said, own in (
        ("source.channels", header.source.channels, options["in_channels"]),
        ("target.channels", header.target.channels, options["out_channels"]),
        ("size_multiple", header.size_multiple, planned.size_multiple),
        ("scale", header.scale, options.get("scale", 1)),
    ):
        if said != own:
            raise DiptychError(
                f"{path}: does not fit its own header: {key} is {said}, of this {name} {own}"
            )


def _with_weights(path: Path, planned: nn.Module, weights: Weights) -> nn.Module:
    """The planned network with weights of its own, copied: the file may change meanwhile."""
    for name, tensor in weights.items():
        if not tensor.is_floating_point():
            raise DiptychError(f"{path}: {name} is {tensor.dtype}, weights are floating-point")
    copies = {name: tensor.to(torch.float32, copy=True) for name, tensor in weights.items()}
    for name, tensor in copies.items():
        if not tensor.isfinite().all():
            raise DiptychError(
                f"{path}: {name} has weights that are NaN or infinite, of a training that came to "
                "no good end: take the model of an earlier step, or train it again"
            )
    planned.load_state_dict(copies, assign=True)
    for layer in planned.modules():
        if isinstance(layer, Normalization) and layer.weight.is_meta:  # constants, in no file
            constants = Normalization(len(layer.weight), layer.statistics)
            layer.weight, layer.bias = constants.weight, constants.bias
    return planned.train()
