"""Generators and discriminators by name: plain tables, and what builds from them."""

import inspect
from collections.abc import Mapping
from typing import Any

from torch import nn

from diptych.errors import DiptychError
from diptych.networks.compact import CompactGenerator
from diptych.networks.noise import NoiseInput
from diptych.networks.projected import ProjectedDiscriminator
from diptych.networks.residual import ResidualGenerator
from diptych.networks.resnet import ResNetGenerator
from diptych.networks.resunet import ResidualUNet
from diptych.networks.stored_statistics import StoredNormalization, add_stored_statistics
from diptych.pix2pix import STRIDED_LAYERS, PatchGAN, UNetGenerator

GENERATORS: dict[str, type[nn.Module]] = {
    "unet": UNetGenerator,
    "residual": ResidualGenerator,
    "resnet": ResNetGenerator,
    "resunet": ResidualUNet,
    "compact": CompactGenerator,
}
DISCRIMINATORS: dict[str, type[nn.Module]] = {
    "patchgan": PatchGAN,
    "projected": ProjectedDiscriminator,
}
TABLES = {"generator": GENERATORS, "discriminator": DISCRIMINATORS}
DEEPEST = 8  # levels of the paper's U-Net, which reaches 1x1 from 256x256


def build_generator(name: str = "unet", *, noise_channels: int = 0, **options: Any) -> nn.Module:
    """A generator by name; `options` are its arguments. Raises DiptychError on a wrong one.

    With `noise_channels` it gets so many channels of noise beside its source (`NoiseInput`); with
    `stored_statistics` every normalisation also holds some (`StoredNormalization`).
    """
    if noise_channels:
        options["in_channels"] = options.get("in_channels", 3) + noise_channels
        return NoiseInput(_build("generator", name, options), noise_channels)
    return _build("generator", name, options)


def fitting_options(
    kind: str, name: str, options: dict[str, Any], chosen: Mapping[str, str]
) -> dict[str, Any]:
    """Those of `options` that a network takes.

    Raises DiptychError where one that was `chosen` by a person, under the key that it maps to,
    does not go with it.
    """
    own = taken_options(kind, name)
    for option, key in chosen.items():
        if option not in own:
            fitting = [other for other in TABLES[kind] if option in taken_options(kind, other)]
            raise DiptychError(
                f"{key} does not go with {kind}.name {name!r}, only with {', '.join(fitting)}"
            )
    return {option: value for option, value in options.items() if option in own}


def all_options(name: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """The `options` of a generator, and its defaults for all others.

    Raises DiptychError where it is none that is known.
    """
    arguments = taken_options("generator", name).values()
    return {argument.name: argument.default for argument in arguments} | dict(options)


def taken_options(kind: str, name: str) -> Mapping[str, inspect.Parameter]:
    """The arguments of a network; raises DiptychError where none has the name."""
    return inspect.signature(network_class(kind, name)).parameters


def build_discriminator(name: str = "patchgan", **options: Any) -> nn.Module:
    """A discriminator by name; `options` as for a generator. Raises DiptychError on a wrong one."""
    return _build("discriminator", name, options)


def network_class(kind: str, name: str) -> type[nn.Module]:
    """What the table of that `kind` has under a name; raises DiptychError where it has nothing."""
    if name not in TABLES[kind]:
        raise DiptychError(f"{kind}.name {name!r} is not known: one of {', '.join(TABLES[kind])}")
    return TABLES[kind][name]


def levels_for(crop_size: int) -> int:
    """Levels of a U-Net for square crops: as many halvings as leave a pixel or more, at most 8.

    256 has 8 levels, as all above it, 128 to 255 have 7, 64 to 127 have 6. Raises DiptychError
    below 32: fewer than 5 levels see too little of an image.
    """
    if crop_size < 32:
        raise DiptychError(f"data.crop_size {crop_size} is below 32, the least for a U-Net")
    return min(DEEPEST, crop_size.bit_length() - 1)


def check_receptive_field(receptive_field: int, crop_size: int) -> None:
    """Raise DiptychError where a PatchGAN leaves no logit of a crop, naming the largest that does.

    After n layers of stride 2 the two of stride 1 take off a pixel each.
    """
    fitting = [field for field, n in STRIDED_LAYERS.items() if crop_size // 2**n > 2 or field == 1]
    if receptive_field not in fitting:
        raise DiptychError(
            f"discriminator.receptive_field {receptive_field} is too deep for "
            f"data.crop_size {crop_size}: the largest that fits is {max(fitting)}"
        )


def at_test_time(generator: nn.Module, noisy: bool) -> nn.Module:
    """Put a generator into its way of translating, and return it.

    Normalisation by each image's own statistics; noise (dropout, or the noise beside the source)
    off, or on as the paper tests.
    """
    generator.eval()
    for module in generator.modules():
        if isinstance(module, nn.Dropout | NoiseInput):
            module.training = noisy  # of this module alone, not of what it holds
    return generator


def has_noise(generator: nn.Module) -> bool:
    """Whether noise can change what the generator makes of a source."""
    return any(isinstance(module, nn.Dropout | NoiseInput) for module in generator.modules())


def normalize_by_stored(network: nn.Module) -> bool:
    """Have a network translate by the statistics that it holds; False where it holds none."""
    layers = [module for module in network.modules() if isinstance(module, StoredNormalization)]
    for layer in layers:
        layer.stored = True
    return bool(layers)


def _build(kind: str, name: str, options: dict[str, Any]) -> nn.Module:
    build = network_class(kind, name)
    stored = options.pop("stored_statistics", False)
    try:
        network = build(**options)
    except (TypeError, ValueError, LookupError, RuntimeError) as error:
        reason = str(error).partition("\n")[0]
        stated = ", ".join(f"{option}={value!r}" for option, value in options.items())
        raise DiptychError(f"{kind} {name}: {reason} (given {stated})") from None
    if stored:
        add_stored_statistics(network)
    return network
