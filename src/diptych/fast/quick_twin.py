"""A network's quick twin, for whole pictures: the same weights, the same results but for rounding.

The network itself stays as it is, for pictures in parts, for export and for training.
"""

import copy
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from diptych.fast.matrix_convolution import halves, multiply_small_maps
from diptych.networks.statistics import StoredNormalization
from diptych.pix2pix import Normalization, Size

# Up to so many places torch's batch normalisation sums a map to 5e-5 of its deviation or better.
SUMMED = 2**16


class QuickNormalization(StoredNormalization):
    """`StoredNormalization`, or a plain one, in one pass over a map, of float32 or bfloat16.

    Scale, shift and statistics are float32 in either case.
    """

    def forward(self, x: Tensor, valid: Size | None = None) -> Tensor:
        """Normalise `(N, C, H, W)`; see `Normalization`."""
        if self.statistics == "none":
            return x
        if getattr(self, "stored", False):
            return F.batch_norm(x, self.mean, self.variance, self.weight, self.bias, eps=self.eps)
        summed = _summed(x, valid)
        if summed and x.device.type == "cpu":
            return self._of_each(x)
        one = self._of_all if summed else partial(self._exactly, valid=valid)
        made = [one(picture) for picture in torch.split(x, 1)]
        return made[0] if len(made) == 1 else torch.cat(made)

    def _of_each(self, x: Tensor) -> Tensor:
        """Whole pictures by their own statistics, on the processor."""
        x = x.contiguous(memory_format=torch.channels_last)  # torch takes `out` wrongly with views
        made = torch.empty_like(x)
        for one, own in zip(torch.split(x, 1), torch.split(made, 1), strict=True):
            mean, deviation = self.weight.new_empty(2, x.shape[1])
            torch.native_batch_norm(
                *(one, self.weight, self.bias, None, None, True, 0.0, self.eps),
                out=(own, mean, deviation),
            )
        return made

    def _exactly(self, x: Tensor, valid: Size | None) -> Tensor:
        inside = x if valid is None else x[..., : valid[0], : valid[1]]
        variance, mean = torch.var_mean(inside.float(), dim=(0, 2, 3), correction=0)
        return F.batch_norm(x, mean, variance, self.weight, self.bias, eps=self.eps)


def _summed(x: Tensor, valid: Size | None) -> bool:
    """Whether torch's own sums over a map serve: all of it counts, and it is not too large."""
    size = tuple(x.shape[-2:])
    return (valid is None or valid == size) and 1 < size[0] * size[1] <= SUMMED


class FewChannels(nn.ConvTranspose2d):
    """A 4x4 transposed convolution of stride 2 and padding 1 that makes few channels.

    Computed as a 2x2 convolution to 2x2 pixels at a time, of which kernels for so few channels make
    more; `weight` is `(4 C_out, C_in, 2, 2)`. The outermost pixels, beyond the map, are cut off.
    """

    def forward(self, x: Tensor, output_size: list[int] | None = None) -> Tensor:  # noqa: ARG002
        """`(N, C_in, H, W)` to `(N, C_out, 2H, 2W)`."""
        made = F.conv2d(x, self.weight, self.bias, padding=1)
        return F.pixel_shuffle(made, 2)[..., 1:-1, 1:-1]


FEW = 4


def _make_few_channels(network: nn.Module) -> None:
    """Make a `FewChannels` of every layer that doubles to so few."""
    for layer in network.modules():
        if isinstance(layer, nn.ConvTranspose2d) and layer.out_channels <= FEW and halves(layer):
            _rearrange(layer)


def _rearrange(layer: nn.ConvTranspose2d) -> None:
    cin, cout = layer.weight.shape[:2]
    # A pixel of the result is reached from 2x2 places: by every other row and column of the kernel.
    blocks = layer.weight.view(cin, cout, 2, 2, 2, 2).flip(2, 4).permute(1, 3, 5, 0, 2, 4)
    weight = blocks.reshape(4 * cout, cin, 2, 2).to(memory_format=torch.channels_last)
    layer.weight = nn.Parameter(weight, requires_grad=False)
    if layer.bias is not None:
        layer.bias = nn.Parameter(layer.bias.repeat_interleave(4), requires_grad=False)
    layer.__class__ = FewChannels


def quick_twin(network: nn.Module, dtype: torch.dtype = torch.float32) -> nn.Module:
    """A twin in `dtype` to translate with; weights of that type, and all else, are shared.

    It stays as the network is now: training or not, noisy or not, and of these weights.
    """
    twin = _twin(network, dtype)
    if all(parameter.device.type == "cpu" for parameter in twin.parameters()):
        _make_few_channels(twin)
        multiply_small_maps(twin)
    return twin


def _twin(module: nn.Module, dtype: torch.dtype) -> nn.Module:
    twin = copy.copy(module)
    twin._modules = {
        name: None if child is None else _twin(child, dtype)
        for name, child in module._modules.items()
    }
    if isinstance(twin, Normalization):
        twin.__class__ = QuickNormalization
    else:
        twin._parameters = {
            name: None if own is None else nn.Parameter(own.to(dtype), requires_grad=False)
            for name, own in module._parameters.items()
        }
    return twin
