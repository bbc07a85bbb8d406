"""LPIPS v0.1: how different two pictures look to a person, as a differentiable distance.

Zhang et al., "The Unreasonable Effectiveness of Deep Features as a Perceptual Metric", CVPR 2018.
The networks are plain feature stacks; their weights are handed over (``diptych.weights`` finds
them), under torchvision's and LPIPS's published names.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Literal, Self

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from diptych.errors import DiptychError

Backbone = Literal["alex", "vgg"]

# The normalisation LPIPS was calibrated with: ImageNet's, restated for values in [-1, 1].
_SHIFT = (-0.030, -0.088, -0.188)
_SCALE = (0.458, 0.448, 0.450)


def _conv(cin: int, cout: int, kernel: int = 3, stride: int = 1) -> list[nn.Module]:
    return [nn.Conv2d(cin, cout, kernel, stride, min(kernel // 2, 2)), nn.ReLU(inplace=True)]


def _alexnet() -> nn.Sequential:
    pool = nn.MaxPool2d(3, stride=2)
    first = [*_conv(3, 64, 11, stride=4), pool, *_conv(64, 192, 5), pool]
    return nn.Sequential(*first, *_conv(192, 384), *_conv(384, 256), *_conv(256, 256))


def _vgg16() -> nn.Sequential:
    layers: list[nn.Module] = []
    channels = 3
    for width, depth in ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3)):
        if layers:
            layers.append(nn.MaxPool2d(2))
        for _ in range(depth):
            layers += _conv(channels, width)
            channels = width
    return nn.Sequential(*layers)


# What builds the network, the layers that are compared, and the least height and width that leave
# something after the pooling.
_STACKS: dict[Backbone, tuple[Callable[[], nn.Sequential], tuple[int, ...], int]] = {
    "alex": (_alexnet, (1, 4, 7, 9, 11), 31),
    "vgg": (_vgg16, (3, 8, 15, 22, 29), 16),
}


class LPIPS(nn.Module):
    """Learned perceptual distance: 0 for identical pictures, about 0.7 for unrelated ones.

    The parameters are frozen and the module always stays in evaluation mode, so it can sit in a
    training step as a loss: gradients reach the pictures only.

    Args:
        backbone: ``"alex"`` (fast, the usual metric) or ``"vgg"`` (VGG16, the usual loss).
        features: ImageNet weights by torchvision's names, ``features.N.weight`` and ``.bias``;
            other keys are ignored. Half precision is cast up to float32.
        heads: LPIPS v0.1's linear heads, ``linK.model.1.weight``.

    Attributes:
        min_size: the least height and width it accepts, in pixels: 31 (alex), 16 (vgg).

    Raises:
        DiptychError: a weight is missing or has another network's shape.
    """

    def __init__(
        self, backbone: Backbone, features: Mapping[str, Tensor], heads: Mapping[str, Tensor]
    ) -> None:
        super().__init__()
        self.backbone = backbone
        build, self._taps, self.min_size = _STACKS[backbone]
        # "meta": no random initialisation, which would cost time and move the caller's RNG state.
        with torch.device("meta"):
            self.features = build()
        weights = {
            key: _pick(features, f"features.{key}", planned.shape)
            for key, planned in self.features.state_dict().items()
        }
        self.features.load_state_dict(weights, assign=True)
        self.heads = nn.ParameterList(
            _pick(heads, f"lin{k}.model.1.weight", (1, len(weights[f"{tap - 1}.weight"]), 1, 1))
            for k, tap in enumerate(self._taps)
        )
        self._shift = nn.Buffer(torch.tensor(_SHIFT).view(3, 1, 1), persistent=False)
        self._scale = nn.Buffer(torch.tensor(_SCALE).view(3, 1, 1), persistent=False)
        self.requires_grad_(False)
        self.eval()

    def train(self, mode: bool = True) -> Self:  # noqa: ARG002
        """Stay in evaluation mode, whatever the module it is part of does."""
        return super().train(False)

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        """Distance of each pair: ``(N, 3, H, W)`` twice, in [-1, 1], to ``(N,)``.

        Raises:
            DiptychError: the shapes differ, are not ``(N, 3, H, W)``, or lie below ``min_size``.
        """
        self._check(x, y)
        return self.between(self.maps(x), self.maps(y))

    def maps(self, x: Tensor) -> list[Tensor]:
        """What `between` compares, of ``(N, 3, H, W)`` in [-1, 1]: kept, it is found once."""
        return list(self._unit(x))

    def between(self, x: Sequence[Tensor], y: Sequence[Tensor]) -> Tensor:
        """Distance of each pair, ``(N,)``, of whose pictures these are the maps."""
        layers = zip(x, y, self.heads, strict=True)
        return torch.stack(
            [(head * (fx - fy).square()).sum(1).mean((1, 2)) for fx, fy, head in layers]
        ).sum(0)

    def _unit(self, x: Tensor) -> Iterator[Tensor]:
        """Yield the features of each tapped layer, scaled to unit length at every position."""
        x = (x - self._shift) / self._scale
        for index, layer in enumerate(self.features):
            x = layer(x)
            if index in self._taps:
                # float32 under autocast too: squares of small half-precision numbers vanish.
                yield F.normalize(x.float(), dim=1, eps=1e-10)

    def _check(self, x: Tensor, y: Tensor) -> None:
        if x.shape != y.shape or x.ndim != 4 or x.shape[1] != 3:
            raise DiptychError(
                "LPIPS compares two batches of one shape (N, 3, H, W); "
                f"these are {tuple(x.shape)} and {tuple(y.shape)}"
            )
        if min(x.shape[2:]) < self.min_size:
            height, width = x.shape[2:]
            raise DiptychError(
                f"LPIPS ({self.backbone}) needs pictures of {self.min_size} x {self.min_size} "
                f"pixels or more; these are {width} x {height} (width x height)"
            )


def _pick(weights: Mapping[str, Tensor], key: str, shape: tuple[int, ...]) -> Tensor:
    """Return ``weights[key]`` in float32, or say what is wrong with it."""
    if key not in weights:
        raise DiptychError(f"LPIPS: the weights have no {key!r}; are they another network's?")
    if weights[key].shape != shape:
        raise DiptychError(
            f"LPIPS: {key!r} should have the shape {tuple(shape)} and has "
            f"{tuple(weights[key].shape)}; are the weights another network's?"
        )
    return weights[key].float()
