"""The frozen network, held against the published weights as they are, nothing folded."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from diptych.networks.efficientnet_lite0 import (
    CHANNELS,
    EPS,
    SEEN,
    STAGES,
    STRIDES,
    EfficientNetLite0,
    FrozenConv2d,
)
from diptych.weights import find_features


@pytest.fixture(scope="module")
def state() -> dict[str, Tensor]:
    return find_features()


@pytest.fixture(scope="module")
def network(state) -> EfficientNetLite0:
    return EfficientNetLite0(state)


def pictures(*size: int) -> Tensor:
    return torch.rand(2, 3, *size, generator=torch.Generator().manual_seed(0)) * 2 - 1


def as_published(state: dict[str, Tensor], x: Tensor) -> list[Tensor]:
    """Convolution, batch normalisation, ReLU6, layer by layer, by the names in the file."""

    def layer(x: Tensor, conv: str, norm: str, stride: int = 1) -> Tensor:
        weight = state[f"{conv}.weight"]
        kernel, groups = weight.shape[-1], x.shape[1] // weight.shape[1]
        for axis in (3, 2):  # zeros before and after: one more after, where they are odd
            side = x.shape[axis]
            around = max(kernel - (side % stride or stride), 0)
            before = x.new_zeros(*x.shape[:axis], around // 2, *x.shape[axis + 1 :])
            after = x.new_zeros(*x.shape[:axis], around - around // 2, *x.shape[axis + 1 :])
            x = torch.cat((before, x, after), axis)
        x = F.conv2d(x, weight, stride=stride, groups=groups)
        named = [state[f"{norm}.{n}"] for n in ("running_mean", "running_var", "weight", "bias")]
        return F.batch_norm(x, *named, eps=EPS)

    x = layer(x, "_conv_stem", "_bn0", 2).clamp(0, 6)
    maps, number = [], 0
    for stage, (expansion, _, blocks, stride, _) in enumerate(STAGES):
        for block in range(blocks):
            at, before = f"_blocks.{number}.", x
            if expansion > 1:
                x = layer(x, f"{at}_expand_conv", f"{at}_bn0").clamp(0, 6)
            x = layer(x, f"{at}_depthwise_conv", f"{at}_bn1", 1 if block else stride).clamp(0, 6)
            x = layer(x, f"{at}_project_conv", f"{at}_bn2")
            if block:
                x = x + before
            number += 1
        if stage in SEEN:
            maps.append(x)
    return maps


@pytest.mark.parametrize("size", [(64, 64), (65, 99), (37, 50)])
@torch.no_grad()
def test_folded_it_gives_what_the_published_weights_give(state, network, size):
    x = pictures(*size)
    for ours, theirs in zip(network(x), as_published(state, x), strict=True):
        assert theirs.std() > 0.1
        torch.testing.assert_close(ours, theirs, atol=1e-3 * float(theirs.std()), rtol=1e-3)


@pytest.mark.parametrize("size", [(32, 32), (224, 160), (33, 47)])
@torch.no_grad()
def test_the_maps_it_gives(network, size):
    maps = network(pictures(*size))
    assert CHANNELS == (24, 40, 112, 320)
    assert STRIDES == (4, 8, 16, 32)
    for each, channels, stride in zip(maps, CHANNELS, STRIDES, strict=True):
        assert each.shape == (2, channels, *(-(-side // stride) for side in size))


@pytest.mark.parametrize(
    ("side", "kernel", "stride", "first"),
    [(8, 3, 2, 0), (7, 3, 2, -1), (8, 5, 2, -1), (7, 5, 2, -2), (6, 3, 1, -1), (5, 5, 1, -2)],
)
def test_what_is_missing_at_the_end_is_padded_first(side, kernel, stride, first):
    """As TensorFlow pads: where the first patch begins tells."""
    layer = FrozenConv2d(1, 1, kernel, stride)
    torch.nn.init.zeros_(layer.bias)
    torch.nn.init.zeros_(layer.weight)
    layer.weight.data[0, 0, kernel // 2, kernel // 2] = 1  # shows the middle of each patch
    x = torch.arange(1.0, side + 1).expand(1, 1, side, side)
    middles = layer(x)[0, 0, 0]
    expected = [first + kernel // 2 + stride * i for i in range(-(-side // stride))]
    assert [int(value) - 1 for value in middles] == expected


def test_it_never_learns_and_pictures_do(network):
    assert not any(p.requires_grad for p in network.parameters())
    x = pictures(32, 32).requires_grad_()
    sum(each.square().mean() for each in network(x)).backward()
    assert x.grad.abs().sum((1, 2, 3)).all()


def test_a_file_of_other_weights_is_refused(state):
    others = {name: tensor for name, tensor in state.items() if "_blocks.15" not in name}
    with pytest.raises(KeyError, match=r"_blocks\.15"):
        EfficientNetLite0(others)
