"""What a frozen classifier sees in a picture: the maps of EfficientNet-Lite0 at four sizes.

Tan and Le 2019 ("EfficientNet"), table 1, without squeeze-and-excitation and with ReLU6, as their
Lite variant for phones has it. It never learns: each batch normalisation is folded into the
convolution before it. 2.9 M parameters, 0.13 G multiply-adds at 128x128.
"""

from collections.abc import Mapping
from typing import Literal

import torch.nn.functional as F
from torch import Tensor, nn

# Of each stage: expansion, channels, blocks, stride of the first, kernel.
STAGES = (
    (1, 16, 1, 1, 3),
    (6, 24, 2, 2, 3),
    (6, 40, 2, 2, 5),
    (6, 80, 3, 2, 3),
    (6, 112, 3, 1, 5),
    (6, 192, 4, 2, 5),
    (6, 320, 1, 1, 3),
)
SEEN = (1, 2, 4, 6)  # the last stage of each size from a quarter on
CHANNELS = tuple(STAGES[stage][1] for stage in SEEN)  # of the maps
STRIDES = (4, 8, 16, 32)
STEM = 32  # channels
Padding = Literal["zeros", "replicate"]
EPS = 1e-3  # of its batch normalisation


class FrozenConv2d(nn.Conv2d):
    """A convolution with TensorFlow's padding: of what is missing, the odd pixel comes after.

    By zeros as it was trained, or, with `padding_mode` "replicate", by the edge.
    """

    def forward(self, x: Tensor) -> Tensor:
        """`(N, C, H, W)` to `(N, C_out, ceil(H / stride), ceil(W / stride))`."""
        kernel, stride = self.kernel_size[0], self.stride[0]
        if self.padding_mode == "replicate":  # of sides that are multiples of the stride
            missing = kernel - stride
            before, after = missing // 2, missing - missing // 2
            if missing > 0:
                x = F.pad(x, (before, after, before, after), mode="replicate")
            return F.conv2d(x, self.weight, self.bias, stride, groups=self.groups)
        (top, bottom), (left, right) = (_missing(side, kernel, stride) for side in x.shape[-2:])
        if (top, left) == (bottom, right):  # no copy
            return F.conv2d(x, self.weight, self.bias, stride, (top, left), groups=self.groups)
        padded = F.pad(x, (left, right, top, bottom))
        return F.conv2d(padded, self.weight, self.bias, stride, groups=self.groups)


def _missing(side: int, kernel: int, stride: int) -> tuple[int, int]:
    missing = max((-(-side // stride) - 1) * stride + kernel - side, 0)
    return missing // 2, missing - missing // 2


def _relu6(x: Tensor) -> Tensor:
    return F.relu6(x, inplace=True)  # of a convolution's result, which nothing else needs


class InvertedResidual(nn.Module):
    """Widens by 1x1, looks around channel by channel, narrows by 1x1; beside a shortcut."""

    def __init__(
        self, cin: int, cout: int, expansion: int, kernel: int, stride: int, padding_mode: Padding
    ) -> None:
        super().__init__()
        wide = cin * expansion
        self.expand = FrozenConv2d(cin, wide, 1) if expansion > 1 else None
        self.around = FrozenConv2d(
            wide, wide, kernel, stride, groups=wide, padding_mode=padding_mode
        )
        self.narrow = FrozenConv2d(wide, cout, 1)
        self.shortcut = stride == 1 and cin == cout

    def forward(self, x: Tensor) -> Tensor:
        """`(N, C, H, W)` to `(N, C_out, H / stride, W / stride)`."""
        wide = x if self.expand is None else _relu6(self.expand(x))
        narrow: Tensor = self.narrow(_relu6(self.around(wide)))
        return x + narrow if self.shortcut else narrow


class EfficientNetLite0(nn.Module):
    """The maps of the frozen network, the `maps` largest of them.

    Weights by the names of its published PyTorch file; without a `state` they are to be loaded.
    """

    def __init__(
        self,
        state: Mapping[str, Tensor] | None = None,
        maps: int = len(SEEN),
        padding_mode: Padding = "zeros",
    ) -> None:
        super().__init__()
        self.stem = FrozenConv2d(3, STEM, 3, 2, padding_mode=padding_mode)
        stages, cin = [], STEM
        for expansion, cout, blocks, stride, kernel in STAGES[: SEEN[maps - 1] + 1]:
            stage = nn.Sequential()
            for block in range(blocks):
                step = 1 if block else stride
                stage.append(InvertedResidual(cin, cout, expansion, kernel, step, padding_mode))
                cin = cout
            stages.append(stage)
        self.stages = nn.ModuleList(stages)
        if state is not None:
            self.load_published(state)
        self.requires_grad_(False)

    def forward(self, pictures: Tensor) -> list[Tensor]:
        """`(N, 3, H, W)` in [-1, 1] to maps of CHANNELS channels at the STRIDES."""
        x = _relu6(self.stem(pictures))
        maps = []
        for number, stage in enumerate(self.stages):
            x = stage(x)
            if number in SEEN:
                maps.append(x)
        return maps

    def load_published(self, state: Mapping[str, Tensor]) -> None:
        """Take the weights over, each normalisation folded into the convolution before it."""
        _fold(self.stem, state, "_conv_stem", "_bn0")
        blocks = [module for module in self.modules() if isinstance(module, InvertedResidual)]
        for number, block in enumerate(blocks):
            at = f"_blocks.{number}."
            if block.expand is not None:
                _fold(block.expand, state, f"{at}_expand_conv", f"{at}_bn0")
            _fold(block.around, state, f"{at}_depthwise_conv", f"{at}_bn1")
            _fold(block.narrow, state, f"{at}_project_conv", f"{at}_bn2")


def _fold(conv: nn.Conv2d, state: Mapping[str, Tensor], name: str, norm: str) -> None:
    scale = state[f"{norm}.weight"] / (state[f"{norm}.running_var"] + EPS).sqrt()
    weight = state[f"{name}.weight"] * scale.view(-1, 1, 1, 1)
    bias = state[f"{norm}.bias"] - state[f"{norm}.running_mean"] * scale
    conv.load_state_dict({"weight": weight, "bias": bias})
