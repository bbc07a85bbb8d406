import torch

from diptych.fast.pointwise import PointwiseConv2d, multiply_places
from diptych.networks.efficientnet_lite0 import EfficientNetLite0
from diptych.weights import find_features


def test_products_give_what_convolutions_do():
    network = EfficientNetLite0(find_features())
    pictures = torch.rand(2, 3, 75, 64, generator=torch.Generator().manual_seed(0)) * 2 - 1
    before = network(pictures)
    multiply_places(network)
    assert sum(isinstance(layer, PointwiseConv2d) for layer in network.modules()) > 20
    for layout in (torch.contiguous_format, torch.channels_last):
        for own, other in zip(
            network(pictures.contiguous(memory_format=layout)), before, strict=True
        ):
            torch.testing.assert_close(own, other, rtol=1e-4, atol=1e-4)
