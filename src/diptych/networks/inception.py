"""The Inception network that FID and KID are measured with.

Szegedy et al. 2016 ("Rethinking the Inception Architecture for Computer Vision"), as TensorFlow
published it in 2015: means leave the border's padding out, the last block pools by maxima. It never
learns: each batch normalisation is folded into the convolution before it.
"""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from diptych.errors import DiptychError

SIDE = 299  # pixels of the pictures it was trained on
EPS = 1e-3  # of its normalisation
_WEIGHT = ".conv.weight"


class Inception(nn.Module):
    """Features of pictures: `(N, 3, 299, 299)` in [0, 255] to float `(N, 2048)`.

    `state`: weights by the names of the file that torch-fidelity publishes, in its order; a scale
    of the normalisation may be missing, where it is 1. Raises DiptychError where they are another
    network's.
    """

    def __init__(self, state: Mapping[str, Tensor]) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            _conv(3, 32, 3, 2),
            _conv(32, 32, 3, padding=0),
            _conv(32, 64, 3),
            nn.MaxPool2d(3, 2),
            _conv(64, 80),
            _conv(80, 192, 3, padding=0),
            nn.MaxPool2d(3, 2),
            _block_35(192, 32),
            _block_35(256, 64),
            _block_35(288, 64),
            _halve_35(),
            *(_block_17(width) for width in (128, 160, 160, 192)),
            _halve_17(),
            _block_8(1280, _mean()),
            _block_8(2048, nn.MaxPool2d(3, 1, padding=1)),
        )
        self.requires_grad_(False)
        self.eval()
        layers = [layer for layer in self.modules() if isinstance(layer, nn.Conv2d)]
        names = [key.removesuffix(_WEIGHT) for key in state if key.endswith(_WEIGHT)]
        if len(names) != len(layers):
            raise DiptychError(
                f"Inception has {len(layers)} convolutions, and the weights are of {len(names)}: "
                "another network's"
            )
        for layer, name in zip(layers, names, strict=True):
            _fold(layer, state, name)

    def forward(self, pictures: Tensor) -> Tensor:
        """The mean of the last maps over the picture."""
        features: Tensor = self.layers(pictures / 128 - 1).mean((2, 3))
        return features


def _fold(layer: nn.Conv2d, state: Mapping[str, Tensor], name: str) -> None:
    """Weights of a convolution, and the normalisation behind it."""
    try:
        weight = state[f"{name}.conv.weight"].float().reshape(layer.weight.shape)
        shift, mean, variance = (
            state[f"{name}.bn.{part}"].float().reshape(layer.out_channels)
            for part in ("bias", "running_mean", "running_var")
        )
        scale = (variance + EPS).rsqrt() * state.get(f"{name}.bn.weight", torch.ones(()))
    except (KeyError, RuntimeError) as error:
        raise DiptychError(f"Inception: {name}: the weights are another network's") from error
    bias = shift - mean * scale
    layer.load_state_dict({"weight": weight * scale.view(-1, 1, 1, 1), "bias": bias})


class Beside(nn.Module):
    """Branches that see the same, their maps joined."""

    def __init__(self, *branches: nn.Module) -> None:
        super().__init__()
        self.branches = nn.ModuleList(branches)

    def forward(self, x: Tensor) -> Tensor:
        """`(N, C, H, W)` to all branches' channels, in their order."""
        return torch.cat([branch(x) for branch in self.branches], 1)


def _conv(
    cin: int,
    cout: int,
    kernel: int | tuple[int, int] = 1,
    stride: int = 1,
    padding: int | None = None,
) -> nn.Module:
    """A convolution and ReLU; at stride 1 the size stays, unless told otherwise."""
    height, width = (kernel, kernel) if isinstance(kernel, int) else kernel
    around = (height // 2, width // 2) if stride == 1 else (0, 0)
    pad = around if padding is None else (padding, padding)
    conv = nn.Conv2d(cin, cout, (height, width), stride, pad)
    return nn.Sequential(conv, nn.ReLU(inplace=True))


def _row(*layers: nn.Module) -> nn.Module:
    return nn.Sequential(*layers)


def _mean() -> nn.Module:
    return nn.AvgPool2d(3, 1, padding=1, count_include_pad=False)


def _block_35(cin: int, pooled: int) -> nn.Module:
    return Beside(
        _conv(cin, 64),
        _row(_conv(cin, 48), _conv(48, 64, 5)),
        _row(_conv(cin, 64), _conv(64, 96, 3), _conv(96, 96, 3)),
        _row(_mean(), _conv(cin, pooled)),
    )


def _halve_35() -> nn.Module:
    return Beside(
        _conv(288, 384, 3, 2),
        _row(_conv(288, 64), _conv(64, 96, 3), _conv(96, 96, 3, 2)),
        nn.MaxPool2d(3, 2),
    )


def _block_17(width: int) -> nn.Module:
    wide, tall = (1, 7), (7, 1)
    twice = (_conv(width, width, tall), _conv(width, width, wide), _conv(width, width, tall))
    return Beside(
        _conv(768, 192),
        _row(_conv(768, width), _conv(width, width, wide), _conv(width, 192, tall)),
        _row(_conv(768, width), *twice, _conv(width, 192, wide)),
        _row(_mean(), _conv(768, 192)),
    )


def _halve_17() -> nn.Module:
    crossed = (_conv(192, 192, (1, 7)), _conv(192, 192, (7, 1)))
    return Beside(
        _row(_conv(768, 192), _conv(192, 320, 3, 2)),
        _row(_conv(768, 192), *crossed, _conv(192, 192, 3, 2)),
        nn.MaxPool2d(3, 2),
    )


def _block_8(cin: int, pool: nn.Module) -> nn.Module:
    def crossed() -> nn.Module:
        return Beside(_conv(384, 384, (1, 3)), _conv(384, 384, (3, 1)))

    return Beside(
        _conv(cin, 320),
        _row(_conv(cin, 384), crossed()),
        _row(_conv(cin, 448), _conv(448, 384, 3), crossed()),
        _row(pool, _conv(cin, 192)),
    )
