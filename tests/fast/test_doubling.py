"""Doubling layers that are merged give what plain ones give."""

import copy

import pytest
import torch

from diptych.fast.doubling import MergedDouble, MergedFinish, merge_doubling
from diptych.networks.resunet import ResidualUNet


@pytest.mark.parametrize("channels", [(3, 3), (1, 2)])
def test_results_and_gradients_are_those_of_the_plain_network(channels):
    torch.manual_seed(0)
    plain = ResidualUNet(*channels, base_channels=4, blocks=1).double()
    fast = copy.deepcopy(plain)
    merge_doubling(fast)
    assert sum(isinstance(layer, MergedDouble) for layer in fast.modules()) == 4
    assert isinstance(fast.out, MergedFinish)
    assert fast.state_dict().keys() == plain.state_dict().keys()
    source = torch.randn(2, channels[0], 96, 64, dtype=torch.float64)
    results = [network(source) for network in (plain, fast)]
    torch.testing.assert_close(*results, atol=1e-10, rtol=1e-10)
    for result in results:
        result.square().sum().backward()
    for ours, theirs in zip(fast.parameters(), plain.parameters(), strict=True):
        torch.testing.assert_close(ours.grad, theirs.grad, atol=1e-8, rtol=1e-8)
