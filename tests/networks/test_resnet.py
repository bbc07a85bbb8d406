import pytest
import torch
from torch import nn

from diptych.config import load_recipe
from diptych.errors import DiptychError
from diptych.networks import build_generator
from diptych.networks.multiply_adds import parameters
from diptych.networks.resnet import ResNetGenerator
from diptych.training.plan import make_plan


def small(**options) -> ResNetGenerator:
    torch.manual_seed(0)
    network = ResNetGenerator(**{"base_channels": 4, "blocks": 2, "dropout": 0.0, **options})
    nn.init.normal_(network.out.weight, 0, 0.3)
    return network


def test_its_parameters_are_those_that_cyclegan_has():
    """11.378 M with 9 blocks, as that code prints, and 7.838 M with 6, less what has no effect."""
    biases = 64 + 128 + 256 + 128 + 64  # of convolutions before instance normalisation
    for blocks, millions in ((9, 11.378), (6, 7.838)):
        count = parameters(ResNetGenerator(blocks=blocks, statistics="instance"))
        assert round((count + biases + 2 * 256 * blocks) / 1e6, 3) == millions


@pytest.mark.parametrize("size", [(4, 4), (4, 8), (8, 4), (12, 20), (64, 64)])
def test_any_multiple_of_four_comes_out_as_large_and_teaches(size):
    """Also one whose bottleneck is a single pixel, which has nothing to reflect."""
    network = small(statistics="none" if size == (4, 4) else "batch")
    source = torch.rand(2, 3, *size, requires_grad=True)
    made = network(source)
    assert made.shape == (2, 3, *size)
    assert made.abs().max() <= 1
    made.square().sum().backward()
    assert all(parameter.grad is not None for parameter in network.parameters())
    assert (source.grad != 0).any((0, 1)).all(), "every pixel counts"


def test_its_edges_are_reflections():
    """A flat picture stays flat up to its edges: no zeros come in from outside."""
    network = small(statistics="none")
    with torch.no_grad():
        for layer in (network.first.conv, network.blocks[0].first.conv, network.out):
            layer.weight.abs_()
        seen = []
        for layer in (network.first, network.blocks[0].first):
            layer.register_forward_hook(lambda _, __, made: seen.append(made))
        network(torch.full((1, 3, 32, 32), 0.7))
    assert seen[0].std((2, 3)).max() < 1e-6


def test_a_crop_that_it_cannot_take_is_one_line(made_pairs):
    recipe = load_recipe(
        "pix2pix",
        {
            "data.load_size": 42,
            "data.crop_size": 42,
            "generator.name": "resnet",
            "generator.base_channels": 4,
            "discriminator.receptive_field": 16,
        },
    )
    with pytest.raises(DiptychError, match="crop_size 42 is not a multiple of 4, which this res"):
        make_plan(recipe, made_pairs)


def test_dropout_lies_in_every_block():
    network = build_generator("resnet", base_channels=4, blocks=3)
    assert sum(isinstance(module, nn.Dropout) for module in network.modules()) == 3
    source = torch.rand(1, 3, 16, 16)
    assert not torch.equal(network(source), network(source))
    assert torch.equal(network.eval()(source), network(source))
