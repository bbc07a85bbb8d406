"""Normalisation picture by picture: the paper's own numbers, forward and backward."""

import copy

import pytest
import torch
from torch import Tensor, nn

from diptych.fast.split_normalization import normalize_one_by_one
from diptych.networks import build_generator, normalize_by_stored
from diptych.networks.stored_statistics import add_stored_statistics
from diptych.pix2pix import Normalization


def learned(layer: nn.Module, x: Tensor) -> list[Tensor]:
    """What a layer makes, and all gradients of a function that treats every number otherwise."""
    x = x.clone().requires_grad_()
    normalized = layer(x)
    weights = torch.linspace(-1, 1, normalized.numel(), dtype=x.dtype).view(normalized.shape)
    learning = [parameter for parameter in layer.parameters() if parameter.requires_grad]
    return [normalized, *torch.autograd.grad((normalized * weights).sum(), [x, *learning])]


@pytest.mark.parametrize("statistics", ["batch", "image", "instance"])
@pytest.mark.parametrize("stored", [False, True])
@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("count", [1, 3])
def test_equals_the_papers(statistics, stored, training, count):
    torch.manual_seed(0)
    network = nn.Sequential(Normalization(5, statistics))
    for parameter in network.parameters():
        nn.init.normal_(parameter)
    if stored:
        add_stored_statistics(network)
    network.double().train(training)
    ours = copy.deepcopy(network)
    normalize_one_by_one(ours)
    assert list(ours.state_dict()) == list(network.state_dict())
    assert type(ours[0]) is not type(network[0])
    x = torch.randn(count, 5, 6, 7, dtype=torch.float64) * 3 + 1
    for mine, papers in zip(learned(ours, x), learned(network, x), strict=True):
        torch.testing.assert_close(mine, papers, rtol=1e-12, atol=1e-12)


def test_stored_statistics_are_still_used_where_they_are_asked_for():
    network = nn.Sequential(Normalization(3))
    add_stored_statistics(network)
    normalize_one_by_one(network.eval())
    x = torch.randn(2, 3, 4, 4) * 3 + 1
    own = network(x)
    assert normalize_by_stored(network)
    torch.testing.assert_close(network(x), x, atol=1e-4, rtol=0)
    assert (own - x).abs().max() > 0.5


def test_weights_and_other_layers_are_left_as_they_are():
    network = build_generator("unet", base_channels=4, levels=5, statistics="none")
    classes = [type(layer) for layer in network.modules()]
    normalize_one_by_one(network)
    assert [type(layer) for layer in network.modules()] == classes
    network = build_generator("unet", base_channels=4, levels=5)
    weights = list(network.parameters())
    normalize_one_by_one(network)
    assert all(a is b for a, b in zip(network.parameters(), weights, strict=True))
