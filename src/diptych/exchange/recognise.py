"""What network a checkpoint of pytorch-CycleGAN-and-pix2pix is, by its tensors alone."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from diptych.errors import DiptychError
from diptych.exchange.foreign_checkpoint import EXPECTED
from diptych.exchange.layout import COUNT, entries
from diptych.model_file import Network
from diptych.pix2pix import STRIDED_LAYERS

State = Mapping[str, Tensor]

DOWN = re.compile(r"model\.model\.1\.model(\.3\.model)*\.1\.weight")  # of a U-Net
BLOCK = re.compile(r"model\.\d+\.conv_block\.1\.weight")  # of a ResNet
DROPOUT = 0.5  # wherever that code has some


def recognise_generator(state: State, path: Path, dropout: bool | None = None) -> Network:
    """The generator that the tensors are, with our options.

    No tensor tells whether a U-Net has dropout: `dropout` says it, and by default it has with batch
    normalisation (pix2pix, there) and not with instance normalisation (CycleGAN). Raises
    DiptychError where the tensors are no such generator, or tell otherwise than `dropout`.
    """
    names = set(state)
    inner = "model.model.1.model.1"
    if f"{inner}.weight" in names:
        levels = sum(1 for name in names if DOWN.fullmatch(name)) + 1
        # That code keeps dropout off the lowest block and off those that narrow.
        layers = list(range(1, levels - 4))
        noisy = f"{inner}.bias" not in names if dropout is None else dropout
        network = _network(
            "unet",
            state,
            inner,
            _channels(state, "model.model.0", "model.model.3", path, transposed=True),
            levels=levels,
            skips=True,
            dropout=DROPOUT if noisy and layers else 0.0,
            dropout_layers=layers,
        )
    elif any(BLOCK.fullmatch(name) for name in names):
        blocks = sum(1 for name in names if BLOCK.fullmatch(name))
        # Dropout moves the second convolution to where its normalisation would be.
        second = state.get("model.10.conv_block.6.weight")
        noisy = second is not None and second.ndim == 4
        if dropout not in (None, noisy):
            has = "dropout" if noisy else "no dropout"
            raise DiptychError(f"{path}: its tensors tell that it has {has}: leave the option out")
        network = _network(
            "resnet",
            state,
            "model.4",
            _channels(state, "model.1", f"model.{17 + blocks}", path),
            blocks=blocks,
            dropout=DROPOUT if noisy else 0.0,
        )
    elif {"model.0.weight", "net.0.weight"} & names:
        raise DiptychError(
            f"{path}: a discriminator: give the generator first, and this one by --discriminator"
        )
    else:
        raise _another_model(state, path)
    _check(state, network, path)
    return network


def recognise_discriminator(state: State, path: Path) -> Network:
    """The discriminator that the tensors are, with our options; raises DiptychError otherwise."""
    root = next((root for root in ("model", "net") if f"{root}.0.weight" in state), None)
    if root is None:
        raise _another_model(state, path, "latest_net_D.pth")
    layers = sum(1 for tensor in state.values() if tensor.ndim == 4)
    strided = layers - 2 if root == "model" else 0
    field = {count: field for field, count in STRIDED_LAYERS.items()}.get(strided)
    if field is None or (root == "model" and not strided):
        raise DiptychError(f"{path}: a discriminator of {strided} strided layers; 1 to 5 are known")
    channels = _channels(state, f"{root}.0", f"{root}.0", path)
    del channels["out_channels"]
    network = _network("patchgan", state, f"{root}.2", channels | {"receptive_field": field})
    _check(state, network, path)
    return network


def _network(
    name: str, state: State, inner: str, channels: dict[str, int], **options: Any
) -> Network:
    """With the normalisation that its `inner` layers have: only instance leaves them a bias."""
    if any(key.endswith("running_mean") for key in state):
        options |= {"statistics": "batch", "stored_statistics": True}
    else:
        options["statistics"] = "instance" if f"{inner}.bias" in state else "none"
    return Network(name=name, options=options | channels)


def _channels(
    state: State, first: str, last: str, path: Path, transposed: bool = False
) -> dict[str, int]:
    """Channels in, of the first layer, and out, by the weights of the first and last layers."""
    ends = [state.get(f"{layer}.weight") for layer in (first, last)]
    shapes = [weights.shape for weights in ends if weights is not None and weights.ndim == 4]
    if len(shapes) < 2:
        raise _another_model(state, path)
    return {
        "in_channels": shapes[0][1],
        "base_channels": shapes[0][0],
        "out_channels": shapes[1][1 if transposed else 0],
    }


def _check(state: State, network: Network, path: Path) -> None:
    """Every tensor is there in its shape, and no other."""
    expected = {entry.theirs: entry.shape for entry in entries(network.name, network.options)}
    shapes = {name: tuple(tensor.shape) for name, tensor in state.items()}
    for name in [*expected, *shapes]:
        optional = name.endswith(COUNT) and name not in shapes  # before torch 0.4.1
        if expected.get(name) != shapes.get(name) and not optional:
            raise DiptychError(
                f"{path}: nearly a {network.name} of that code, but {name} is "
                f"{shapes.get(name, 'missing')}, expected {expected.get(name, 'nothing')}"
            )


def _another_model(state: State, path: Path, name: str = "latest_net_G.pth") -> DiptychError:
    few = ", ".join(list(state)[:3])
    expected = EXPECTED.replace("latest_net_G.pth", name)
    return DiptychError(f"{path}: another model (its tensors are {few}, ...); give {expected}")
