import copy

import pytest
import torch

from diptych.networks import build_generator
from diptych.networks.compact import Depthwise, merge_branches
from diptych.networks.multiply_adds import multiply_adds, parameters


def compact(**options):
    torch.manual_seed(0)
    return build_generator("compact", **{"base_channels": 8, **options})


def test_it_costs_a_twentieth_of_the_papers_u_net():
    u_net, small = build_generator("unet"), build_generator("compact")
    assert multiply_adds(u_net, 3, (256, 256)) > 20 * multiply_adds(small, 3, (256, 256))
    assert parameters(u_net) > 45 * parameters(small)


def test_what_a_layer_of_branches_computes_is_their_sum():
    layer = Depthwise(6).double()
    x = torch.randn(2, 6, 9, 7, dtype=torch.float64)
    expected = sum(branch(x) for branch in layer.branches)
    torch.testing.assert_close(layer(x), expected)
    torch.testing.assert_close(layer.merged()(x), expected)


def test_merged_it_translates_alike_and_costs_as_much():
    network = compact().double().eval()
    merged = copy.deepcopy(network)
    merge_branches(merged)
    assert not any(isinstance(layer, Depthwise) for layer in merged.modules())
    assert parameters(merged) < parameters(network)
    assert multiply_adds(merged.float(), 3, (64, 64)) == multiply_adds(
        copy.deepcopy(network).float(), 3, (64, 64)
    )
    source = torch.rand(2, 3, 64, 96, dtype=torch.float64) * 2 - 1
    torch.testing.assert_close(merged.double()(source), network(source), atol=1e-6, rtol=0)


@pytest.mark.parametrize("size", [(32, 32), (64, 96)])
def test_every_weight_learns(size):
    network = compact()
    source = torch.rand(1, 3, *size) * 2 - 1
    made = network(source)
    assert made.shape == source.shape
    assert made.abs().max() <= 1
    made.square().mean().backward()
    assert all(p.grad is not None and p.grad.any() for p in network.parameters())
