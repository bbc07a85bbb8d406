"""Layers computed again in the backward pass: the same numbers, with less kept for it."""

import pytest
import torch
from torch import Tensor, nn

from diptych.networks import (
    GENERATORS,
    build_discriminator,
    build_generator,
    fitting_options,
)
from diptych.networks.efficientnet_lite0 import EfficientNetLite0
from diptych.networks.frozen_view import FrozenView
from diptych.networks.padded import normalize_by_picture, translate_padded
from diptych.networks.recompute import recompute
from diptych.weights import find_features

SMALL = {"base_channels": 8, "blocks": 4, "levels": 5, "dropout": 0.5}
# A projected discriminator stays as it is: its weights are normalised anew in every pass.
RECOMPUTED = [*GENERATORS, "patchgan", "frozen network"]


def built(name: str, again: bool) -> nn.Module:
    torch.manual_seed(0)
    network: nn.Module
    if name == "frozen network":
        network = FrozenView(EfficientNetLite0(find_features()), 3)
    elif name == "patchgan":
        network = build_discriminator(name, base_channels=32)
    else:
        network = build_generator(name, **fitting_options("generator", name, SMALL, {}))
    if again:
        recompute(network)
    return network


def learned(network: nn.Module, bf16: bool) -> tuple[Tensor, list[Tensor], int]:
    """What it makes, the gradients of all weights and of the input, and the bytes kept for them."""
    kept = {}

    def keep(tensor: Tensor) -> Tensor:
        kept[tensor.data_ptr()] = tensor.nbytes
        return tensor

    channels = network.layers[0].in_channels if hasattr(network, "layers") else 3
    given = torch.rand(2, channels, 64, 64, generator=torch.Generator().manual_seed(1))
    given.requires_grad_()
    torch.manual_seed(2)  # of dropout
    weights = [p for p in network.parameters() if p.requires_grad]
    inner = {p.data_ptr() for p in weights}
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
            made = network(given)
            made = made if isinstance(made, Tensor) else made[0]
        loss = (made.float() - 0.3).square().sum()
    gradients = torch.autograd.grad(loss, [given, *weights])
    return made, list(gradients), sum(n for at, n in kept.items() if at not in inner)


@pytest.mark.parametrize("bf16", [False, True])
@pytest.mark.parametrize("name", RECOMPUTED)
def test_results_and_gradients_are_the_same_and_less_is_kept(name, bf16):
    made, gradients, kept = learned(built(name, again=False), bf16)
    other, others, fewer = learned(built(name, again=True), bf16)
    assert torch.equal(made, other)
    assert all(map(torch.equal, gradients, others))
    assert fewer < 0.8 * kept


@pytest.mark.parametrize("name", RECOMPUTED)
def test_names_of_weights_stay(name):
    assert (
        built(name, again=True).state_dict().keys() == built(name, again=False).state_dict().keys()
    )


def test_a_projected_discriminator_stays_as_it_is():
    """Computed again its spectral norms would come out otherwise, by one step of their search."""
    network = build_discriminator("projected", base_channels=4)
    before = {id(module): module.forward for module in network.modules()}
    recompute(network)
    assert all(module.forward == before[id(module)] for module in network.modules())


def test_the_noise_beside_the_source_is_drawn_once():
    made = []
    for again in (False, True):
        torch.manual_seed(0)
        network = build_generator("unet", noise_channels=2, base_channels=4, levels=5)
        if again:
            recompute(network)
        made.append(learned(network, bf16=False))
    assert torch.equal(made[0][0], made[1][0])
    assert all(map(torch.equal, made[0][1], made[1][1]))


def test_nothing_is_recomputed_where_nothing_is_learned():
    translated = []
    for again in (True, False):
        network = built("unet", again=again).eval()
        normalize_by_picture(network)
        with torch.no_grad():
            translated.append(translate_padded(network, torch.zeros(1, 3, 32, 32), (30, 31)))
    assert torch.equal(*translated)
