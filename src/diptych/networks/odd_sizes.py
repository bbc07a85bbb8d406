"""U-Nets on crops that are no power of two: maps of odd sides are made even, and cut back.

By reflection, as a picture is that is padded to be translated, so that a network is trained on what
it will see.
"""

import torch
from torch import Tensor, nn
from torch.nn.functional import relu

from diptych.pix2pix import UNetGenerator


class OddUNet(UNetGenerator):
    """A `UNetGenerator` for any height and width; equal to it where no map is odd."""

    def forward(self, source: Tensor) -> Tensor:
        """Translate `(N, C_in, H, W)` to `(N, C_out, H, W)`, both in [-1, 1]."""
        x, encoded, sizes = source, [], []
        for layer in self.down:
            sizes.append(x.shape[-2:])
            x = layer(_even(x))
            encoded.append(x)
        encoded.pop()
        for layer in self.up:
            x, skip = _cut(layer(x), sizes.pop()), encoded.pop()
            if self.skips:
                x = torch.cat((x, skip), dim=1)
        return torch.tanh(_cut(self.out(relu(x)), sizes.pop()))


def take_any_size(network: nn.Module) -> None:
    """Let the U-Net in a network take any size, with the weights it has."""
    for module in network.modules():
        if type(module) is UNetGenerator:
            module.__class__ = OddUNet


def misfit(generator: nn.Module, size: tuple[int, int]) -> str:
    """Why a generator cannot be trained at a size, in words; empty where it can.

    U-Nets need sides of their multiple or more, all others multiples.
    """
    multiple: int = generator.size_multiple  # type: ignore[assignment]
    if any(isinstance(module, UNetGenerator) for module in generator.modules()):
        return f"below {multiple}" if min(size) < multiple else ""
    return f"not a multiple of {multiple}" if any(side % multiple for side in size) else ""


def _even(x: Tensor) -> Tensor:
    """Where rows or columns are odd in number, one more: that before the last, if there is one."""
    for axis in (2, 3):
        side = x.shape[axis]
        if side % 2:
            x = torch.cat((x, x.narrow(axis, max(side - 2, 0), 1)), axis)
    return x


def _cut(x: Tensor, size: torch.Size) -> Tensor:
    return x[..., : size[0], : size[1]]
