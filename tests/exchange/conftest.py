"""Networks named and wired as those of pytorch-CycleGAN-and-pix2pix, written anew for the tests."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import nn

NORMS = {
    "batch": nn.BatchNorm2d,
    "instance": nn.InstanceNorm2d,
    "none": lambda channels: nn.Identity(),
}


class Plain(nn.Module):
    """A sequence under a name."""

    def __init__(self, name: str, layers: list[nn.Module]) -> None:
        super().__init__()
        self.name = name
        setattr(self, name, nn.Sequential(*layers))

    def forward(self, x):
        return getattr(self, self.name)(x)


class Added(Plain):
    def forward(self, x):
        return x + super().forward(x)


class Joined(Plain):
    def forward(self, x):
        return torch.cat([x, super().forward(x)], 1)


def unet(norm: str, dropout: bool, levels: int = 6, width: int = 4, cin: int = 3, cout: int = 3):
    bias, make = norm == "instance", NORMS[norm]
    widths = [width * min(2**i, 8) for i in range(levels)]

    def down(i):
        return nn.Conv2d(widths[i - 1] if i else cin, widths[i], 4, 2, 1, bias=bias)

    def up(i, joined=2):
        return nn.ConvTranspose2d(joined * widths[i], widths[i - 1], 4, 2, 1, bias=bias)

    deepest = levels - 1
    layers = [nn.LeakyReLU(0.2, True), down(deepest), nn.ReLU(True), up(deepest, 1)]
    block = Joined("model", [*layers, make(widths[deepest - 1])])
    for i in range(deepest - 1, 0, -1):
        layers = [nn.LeakyReLU(0.2, True), down(i), make(widths[i]), block]
        layers += [nn.ReLU(True), up(i), make(widths[i - 1])]
        if dropout and 4 <= i < deepest:  # all that are 8 times as wide on both sides
            layers.append(nn.Dropout(0.5))
        block = Joined("model", layers)
    last = nn.ConvTranspose2d(2 * widths[0], cout, 4, 2, 1)
    whole = nn.Module()
    whole.model = Plain("model", [down(0), block, nn.ReLU(True), last, nn.Tanh()])
    whole.forward = whole.model.forward
    return whole


def resnet(norm: str, dropout: bool, blocks: int = 2, width: int = 4, cin: int = 3, cout: int = 3):
    bias, make = norm == "instance", NORMS[norm]

    def layer(conv):
        return [conv, make(conv.out_channels), nn.ReLU(True)]

    layers = [nn.ReflectionPad2d(3), *layer(nn.Conv2d(cin, width, 7, bias=bias))]
    for i in (1, 2):
        layers += layer(nn.Conv2d(width * i, 2 * width * i, 3, 2, 1, bias=bias))
    wide = 4 * width
    for _ in range(blocks):
        inside = [nn.ReflectionPad2d(1), *layer(nn.Conv2d(wide, wide, 3, bias=bias))]
        inside += [nn.Dropout(0.5)] if dropout else []
        inside += [nn.ReflectionPad2d(1), *layer(nn.Conv2d(wide, wide, 3, bias=bias))[:2]]
        layers.append(Added("conv_block", inside))
    for i in (2, 1):
        up = nn.ConvTranspose2d(2 * width * i, width * i, 3, 2, 1, output_padding=1, bias=bias)
        layers += layer(up)
    layers += [nn.ReflectionPad2d(3), nn.Conv2d(width, cout, 7), nn.Tanh()]
    return Plain("model", layers)


def patches(norm: str, strided: int = 3, width: int = 4, cin: int = 6):
    bias, make = norm == "instance", NORMS[norm]
    widths = [width * min(2**i, 8) for i in range(strided + 1)]
    layers = [nn.Conv2d(cin, width, 4, 2, 1), nn.LeakyReLU(0.2, True)]
    for i in range(1, strided + 1):
        stride = 2 if i < strided else 1
        layers.append(nn.Conv2d(widths[i - 1], widths[i], 4, stride, 1, bias=bias))
        layers += [make(widths[i]), nn.LeakyReLU(0.2, True)]
    return Plain("model", [*layers, nn.Conv2d(widths[-1], 1, 4, 1, 1)])


def pixels(norm: str, width: int = 4, cin: int = 6):
    bias = norm == "instance"
    layers = [nn.Conv2d(cin, width, 1), nn.LeakyReLU(0.2, True)]
    layers += [nn.Conv2d(width, 2 * width, 1, bias=bias), NORMS[norm](2 * width)]
    layers += [nn.LeakyReLU(0.2, True), nn.Conv2d(2 * width, 1, 1, bias=bias)]
    return Plain("net", layers)


KINDS = {"unet": unet, "resnet": resnet, "patches": patches, "pixels": pixels}


@pytest.fixture(scope="session")
def theirs() -> Callable[..., nn.Module]:
    """Makes a network of theirs by kind, its weights and running statistics random."""

    def make(kind: str, *args, **options) -> nn.Module:
        torch.manual_seed(0)
        network = KINDS[kind](*args, **options)
        for name, tensor in network.state_dict().items():
            if tensor.is_floating_point():
                spread = 0.1 * torch.randn(tensor.shape)
                scale = name.endswith(("running_var", "weight")) and spread.ndim == 1
                tensor.copy_(spread.abs() + 0.5 if scale else spread)
        return network

    return make


@pytest.fixture
def saved(theirs, tmp_path) -> Callable[..., Path]:
    """As `theirs`, saved as that code does."""

    def save(kind: str, *args, **options) -> Path:
        path = tmp_path / f"latest_net_{'G' if kind in {'unet', 'resnet'} else 'D'}.pth"
        torch.save(theirs(kind, *args, **options).state_dict(), path)
        return path

    return save
