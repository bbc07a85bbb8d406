"""Convolutions by fewer products: torch's own numbers."""

import copy

import pytest
import torch
from torch import nn

from diptych.fast import winograd
from diptych.fast.matrix_convolution import (
    MatrixConv2d,
    MatrixConvTranspose2d,
    multiply_small_maps,
)
from diptych.fast.quick_twin import quick_twin
from diptych.fast.winograd import (
    WinogradConv2d,
    WinogradConvTranspose2d,
    filter_minimally,
)
from diptych.networks import build_generator

KINDS = {nn.Conv2d: WinogradConv2d, nn.ConvTranspose2d: WinogradConvTranspose2d}


def both(kind, channels=(3, 5), bias=True, dtype=torch.float64) -> tuple[nn.Module, nn.Module]:
    """A layer of torch's, and ours of the same weights."""
    torch.manual_seed(0)
    layer = kind(*channels, 4, 2, 1, bias=bias).to(dtype, memory_format=torch.channels_last)
    ours = copy.deepcopy(layer)
    multiply_small_maps(ours)
    filter_minimally(ours)
    return layer, ours


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("size", [(4, 4), (8, 4), (12, 20)])
@torch.inference_mode()
def test_equals_torchs_layers(kind, bias, size, monkeypatch):
    monkeypatch.setattr(winograd, "WEIGHTS", 0)
    monkeypatch.setattr(winograd, "PLACES", (0, 2**20))
    layer, ours = both(kind, bias=bias)
    assert type(ours) is KINDS[kind]
    x = torch.randn(2, 3, *size, dtype=torch.float64)
    expected = layer(x)
    assert torch.allclose(ours(x[:1]), expected[:1], rtol=1e-12, atol=1e-12), "one goes otherwise"
    assert ours.factors is None
    for other in (MatrixConv2d, MatrixConvTranspose2d):
        monkeypatch.setattr(other, "forward", None)
    for _ in range(2):
        made = ours(x)
        torch.testing.assert_close(made, expected, rtol=1e-12, atol=1e-12)
    assert ours.factors is not None


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("size", [(6, 8), (5, 8), (8, 5), (3, 3)])
@torch.inference_mode()
def test_sides_that_do_not_fall_into_tiles_go_as_before(kind, size, monkeypatch):
    monkeypatch.setattr(winograd, "WEIGHTS", 0)
    monkeypatch.setattr(winograd, "PLACES", (0, 2**20))
    layer, ours = both(kind)
    x = torch.randn(2, 3, *size, dtype=torch.float64)
    torch.testing.assert_close(ours(x), layer(x), rtol=1e-12, atol=1e-12)


@torch.inference_mode()
def test_it_is_taken_where_it_pays_and_rounds_little_more():
    for kind, few, many, side in (
        (nn.Conv2d, (64, 128), (128, 256), 32),
        (nn.ConvTranspose2d, (256, 64), (512, 128), 16),
    ):
        assert type(both(kind, few)[1]) is not KINDS[kind]
        layer, ours = both(kind, many, bias=False, dtype=torch.bfloat16)
        assert type(ours) is KINDS[kind]
        x = torch.randn(2, many[0], side, side).relu().to(torch.bfloat16)
        exact = layer.float()(x.float())
        apart = ((ours(x) - exact).square().mean() / exact.square().mean()).sqrt()
        assert ours.factors is not None
        assert apart < 0.01  # torch's layers: 0.002
        ours.factors = None
        ours(x[..., : side // 2, : side // 2])
        ours(x.repeat(9, 1, 2, 2))
        assert ours.factors is None, "small maps and large ones go as before"


@torch.inference_mode()
def test_the_twin_in_bf16_works_so(monkeypatch):
    monkeypatch.setattr(winograd, "WEIGHTS", 0)
    monkeypatch.setattr(winograd, "PLACES", (64, 2**20))
    network = build_generator("unet", base_channels=8, levels=4).eval()
    pictures = torch.rand(2, 3, 64, 64) * 2 - 1
    twin = quick_twin(network, torch.bfloat16)
    apart = twin(pictures.bfloat16()).float() - network(pictures)
    assert apart.abs().mean() < 0.01
    taken = [layer for layer in twin.modules() if getattr(layer, "factors", None) is not None]
    assert {type(layer) for layer in taken} == set(KINDS.values())
    assert not any(hasattr(layer, "factors") for layer in quick_twin(network).modules())
