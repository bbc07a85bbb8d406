import pytest
import torch

from diptych.fast.padded_kernels import PaddedKernelConv2d, pad_kernels
from diptych.networks.efficientnet_lite0 import EfficientNetLite0
from diptych.weights import find_features


@pytest.mark.parametrize("size", [(64, 64), (75, 64), (33, 50), (61, 47)])
def test_padded_kernels_give_what_padded_pictures_do(size):
    network = EfficientNetLite0(find_features())
    pictures = torch.rand(2, 3, *size, generator=torch.Generator().manual_seed(0)) * 2 - 1
    before = network(pictures)
    pad_kernels(network)
    assert sum(isinstance(layer, PaddedKernelConv2d) for layer in network.modules()) == 5
    for own, other in zip(network(pictures), before, strict=True):
        torch.testing.assert_close(own, other, rtol=1e-5, atol=1e-5)


def test_what_is_continued_by_its_edge_is_left_alone():
    network = EfficientNetLite0(find_features(), padding_mode="replicate")
    pad_kernels(network)
    assert not any(isinstance(layer, PaddedKernelConv2d) for layer in network.modules())
