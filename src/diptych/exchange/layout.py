"""Where the layers of our networks lie in those of pytorch-CycleGAN-and-pix2pix.

One table for each network, in the order in which that code lists its layers; import and export
both walk it.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from diptych.networks import build_discriminator, build_generator
from diptych.networks.unfilled import unfilled
from diptych.pix2pix import STRIDED_LAYERS

# What a normalisation holds, by its names there and here.
NORMALIZATION = {
    "weight": "weight",
    "bias": "bias",
    "running_mean": "mean",
    "running_var": "variance",
}
COUNT = "num_batches_tracked"  # there, and of no use here


class Layer(NamedTuple):
    """A convolution and the normalisation after it, by the names there and here."""

    theirs: str
    ours: str
    their_norm: str = ""  # none follows
    our_norm: str = ""
    joined: bool = False  # reads a skip beside the layer below: there the skip comes first


class Entry(NamedTuple):
    """One tensor of a checkpoint."""

    theirs: str
    ours: str | None  # None: nothing here answers to it
    shape: tuple[int, ...]
    joined: bool = False

    def to_ours(self, tensor: Tensor) -> Tensor:
        """The tensor as it lies here; the same again leads back."""
        return torch.cat(tensor.chunk(2)[::-1]) if self.joined else tensor

    def initial(self) -> Tensor:
        """What stands there where nothing here answers to it."""
        if self.theirs.endswith(COUNT):
            return torch.zeros(self.shape, dtype=torch.int64)
        ones = self.theirs.endswith("running_var")
        return torch.ones(self.shape) if ones else torch.zeros(self.shape)


def entries(name: str, options: Mapping[str, Any]) -> list[Entry]:
    """All tensors of a network there, in that code's order; `options` are those of our network.

    With batch normalisation they have running statistics, whether ours stores them or not; with
    instance normalisation, biases that it takes away again.
    """
    with unfilled():
        network = (build_discriminator if name == "patchgan" else build_generator)(name, **options)
    own = {key: tuple(tensor.shape) for key, tensor in network.state_dict().items()}
    instance = options.get("statistics") == "instance"
    tensors = []
    for layer in _layers(name, options, network):
        shape = own[f"{layer.ours}.weight"]
        tensors.append(Entry(f"{layer.theirs}.weight", f"{layer.ours}.weight", shape, layer.joined))
        bias = f"{layer.ours}.bias"
        if bias in own:
            tensors.append(Entry(f"{layer.theirs}.bias", bias, own[bias]))
        elif instance and layer.their_norm:
            transposed = isinstance(network.get_submodule(layer.ours), nn.ConvTranspose2d)
            tensors.append(Entry(f"{layer.theirs}.bias", None, (shape[1 if transposed else 0],)))
        channels = own.get(f"{layer.our_norm}.weight")
        if channels is None:
            continue
        for theirs, ours in NORMALIZATION.items():
            key = f"{layer.our_norm}.{ours}"
            stored = key if key in own else None
            tensors.append(Entry(f"{layer.their_norm}.{theirs}", stored, channels))
        tensors.append(Entry(f"{layer.their_norm}.{COUNT}", None, ()))
    return tensors


def _layers(name: str, options: Mapping[str, Any], network: nn.Module) -> list[Layer]:
    if name == "unet":
        return _unet(options["levels"])
    if name == "resnet":
        return _resnet(options["blocks"], dropout=bool(options["dropout"]))
    return _patchgan(options["receptive_field"], network)


def _normed(within: str, place: int, ours: str, joined: bool = False) -> Layer:
    """A convolution at a place of a sequence there, and its normalisation at the next."""
    theirs, their_norm = f"{within}.{place}", f"{within}.{place + 1}"
    return Layer(theirs, f"{ours}.conv", their_norm, f"{ours}.norm", joined)


def _unet(levels: int) -> list[Layer]:
    """Each block holds its layer down, the blocks below, and its layer up."""
    deepest = levels - 1
    inside = ["model.model.1.model" + ".3.model" * level for level in range(deepest)]
    lowest = inside[-1]
    return [
        Layer("model.model.0", "down.0.conv"),
        *(_normed(block, 1, f"down.{level}") for level, block in enumerate(inside[:-1], 1)),
        Layer(f"{lowest}.1", f"down.{deepest}.conv"),
        _normed(lowest, 3, "up.0"),
        *(_normed(block, 5, f"up.{i}", joined=True) for i, block in enumerate(inside[-2::-1], 1)),
        Layer("model.model.3", "out", joined=True),
    ]


def _resnet(blocks: int, dropout: bool) -> list[Layer]:
    """One sequence; within a block dropout, where there is some, moves the second layer by one."""
    inside = [
        _normed(f"model.{10 + i}.conv_block", place, f"blocks.{i}.{name}")
        for i in range(blocks)
        for place, name in ((1, "first"), (6 if dropout else 5, "second"))
    ]
    after = 10 + blocks
    return [
        _normed("model", 1, "first"),
        _normed("model", 4, "down.0"),
        _normed("model", 7, "down.1"),
        *inside,
        _normed("model", after, "up.0"),
        _normed("model", after + 3, "up.1"),
        Layer(f"model.{after + 7}", "out"),
    ]


def _patchgan(receptive_field: int, network: nn.Module) -> list[Layer]:
    """The same sequence as ours, under another name where every layer sees one pixel."""
    root = "model" if STRIDED_LAYERS[receptive_field] else "net"
    sequence = network.get_submodule("layers")
    assert isinstance(sequence, nn.Sequential)  # noqa: S101 - for the type checker
    places = [i for i, module in enumerate(sequence) if isinstance(module, nn.Conv2d)]
    return [
        Layer(f"{root}.{i}", f"layers.{i}", f"{root}.{i + 1}", f"layers.{i + 1}")
        if 0 < i < places[-1]
        else Layer(f"{root}.{i}", f"layers.{i}")
        for i in places
    ]
