import pytest
import torch
from torch.nn.utils.parametrizations import spectral_norm

from diptych.networks.spectral import SpectralConv2d


@pytest.mark.parametrize(("kernel", "stride", "padding"), [(1, 1, 0), (3, 1, 1), (4, 2, 1)])
def test_its_largest_singular_value_comes_to_one(kernel, stride, padding):
    torch.manual_seed(0)
    layer = SpectralConv2d(6, 10, kernel, stride, padding)
    plain = torch.nn.Conv2d(6, 10, kernel, stride, padding)
    plain.load_state_dict({n: t for n, t in layer.state_dict().items() if n != "left"})
    torches = spectral_norm(plain, n_power_iterations=30)
    x = torch.randn(2, 6, 12, 12)
    for _ in range(60):
        made = layer(x)
    torch.testing.assert_close(made, torches(x), atol=1e-3, rtol=1e-3)
    largest = torch.linalg.matrix_norm(torches.weight.flatten(1), 2)
    assert float(largest.detach()) == pytest.approx(1, abs=1e-3)


def test_weights_learn_and_the_estimate_changes_in_training_alone():
    torch.manual_seed(0)
    layer = SpectralConv2d(4, 5, 3, 1, 1)
    x, before = torch.randn(1, 4, 8, 8), layer.left.clone()
    layer.eval()(x)
    assert torch.equal(layer.left, before)
    layer.train()(x).square().mean().backward()
    assert not torch.equal(layer.left, before)
    assert layer.weight.grad.any()
    # What only scales the weight changes nothing, so the gradient is at right angles to it.
    settled = SpectralConv2d(4, 5, 3, 1, 1)
    for _ in range(200):
        settled(x)
    settled.zero_grad()
    settled(x).square().mean().backward()
    along = (settled.weight.grad * settled.weight).sum()
    assert along.abs() < 1e-3 * settled.weight.grad.norm() * settled.weight.norm()


def test_it_is_in_the_state_and_goes_on_there():
    torch.manual_seed(0)
    one, other = SpectralConv2d(4, 5, 1), SpectralConv2d(4, 5, 1)
    x = torch.randn(1, 4, 3, 3)
    one(x)
    assert one.state_dict().keys() == {"weight", "bias", "left"}
    other.load_state_dict(one.state_dict())
    assert torch.equal(one(x), other(x))


def test_the_value_is_found_in_fp32_whatever_the_layer_computes_in():
    torch.manual_seed(0)
    layer = SpectralConv2d(4, 5, 3, 1, 1).eval()
    x, seen = torch.randn(1, 4, 8, 8), []
    layer._conv_forward = lambda *given: seen.append(given[1]) or torch.nn.functional.conv2d(*given)
    layer(x)
    with torch.autocast("cpu", torch.bfloat16):
        assert layer(x).dtype == torch.bfloat16
    assert torch.equal(*seen)
