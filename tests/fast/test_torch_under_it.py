"""What each file of `fast` takes for granted of torch: a test that fails names what has changed."""

import copy
import inspect
import platform

import pytest
import torch
from torch import nn

from diptych.fast.adam import Adam
from diptych.fast.matrix_convolution import MatrixConv2d, MatrixConvTranspose2d
from diptych.fast.quick_twin import FewChannels, QuickNormalization
from diptych.fast.split_normalization import SplitNormalization
from diptych.pix2pix import Normalization


def test_adam_gathers_what_its_kernel_works_on_in_lists(monkeypatch):
    gathered = list(inspect.signature(torch.optim.Adam._init_group).parameters)
    assert gathered[1:6] == ["group", "params_with_grad", "grads", "exp_avgs", "exp_avg_sqs"], (
        "fast/adam.py: torch.optim.Adam._init_group fills other lists than it did: look at its own"
    )
    weight = nn.Parameter(torch.randn(8, 6, 4, 4).to(memory_format=torch.channels_last))
    weight.grad = torch.randn_like(weight)
    handed = []
    functions = inspect.getmodule(torch.optim.Adam)
    monkeypatch.setattr(functions, "adam", lambda *lists, **_: handed.extend(lists[:4]))
    Adam([weight], fused=True).step()
    assert [tuple(one.shape) for (one,) in handed] == [(8, 4, 4, 6)] * 4, (
        "fast/adam.py: torch's Adam no longer steps on the lists that _init_group fills, so that "
        "channels-last weights are copied again"
    )


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_batch_normalisation_writes_into_its_place(dtype):
    x = torch.randn(1, 5, 6, 7).to(dtype).contiguous(memory_format=torch.channels_last)
    weight, bias, mean, deviation = torch.rand(4, 5)
    place = torch.empty_like(x)
    memory = place.data_ptr()
    with torch.inference_mode():
        torch.native_batch_norm(
            *(x, weight, bias, None, None, True, 0.0, 1e-5), out=(place, mean, deviation)
        )
    expected = nn.functional.batch_norm(x.float(), None, None, weight, bias, training=True)
    assert place.data_ptr() == memory
    apart = (place.float() - expected).abs().max()
    assert apart < (1e-5 if dtype is torch.float32 else 0.05), (
        "fast/quick_twin.py: torch.native_batch_norm(out=...) no longer writes the normalised "
        f"picture into out, in {dtype} with statistics in float32"
    )


@pytest.mark.parametrize(
    ("layer", "swapped"),
    [
        (nn.Conv2d(3, 4, 4, 2, 1), MatrixConv2d),
        (nn.ConvTranspose2d(3, 4, 4, 2, 1), MatrixConvTranspose2d),
        (nn.ConvTranspose2d(3, 4, 4, 2, 1), FewChannels),
        (Normalization(3), SplitNormalization),
        (Normalization(3), QuickNormalization),
    ],
    ids=lambda value: getattr(value, "__name__", type(value).__name__),
)
def test_a_layers_class_can_be_swapped_in_place(layer, swapped, monkeypatch):
    names, weights = list(layer.state_dict()), list(layer.parameters())
    monkeypatch.setattr(swapped, "forward", lambda _, x: ("swapped", x))
    layer.__class__ = swapped
    assert layer(1) == ("swapped", 1), f"torch no longer calls the forward of {swapped.__name__}"
    assert list(layer.state_dict()) == names
    assert all(a is b for a, b in zip(layer.parameters(), weights, strict=True)), (
        f"fast: a layer that becomes a {swapped.__name__} no longer keeps its weights"
    )


def test_a_copied_module_has_parts_and_weights_of_its_own():
    """`quick_twin` hangs other parts and weights into copies."""
    network = nn.Sequential(nn.Conv2d(3, 4, 1))
    twin = copy.copy(network)
    twin._modules = {"0": copy.copy(network[0])}
    twin[0]._parameters = dict.fromkeys(network[0]._parameters)
    assert network[0].weight is not None, (
        "fast/quick_twin.py: a shallow copy of a torch module no longer keeps its parts in "
        "_modules and its weights in _parameters"
    )
    assert twin[0].weight is None


def test_torch_says_whether_the_processor_has_bf16():
    if platform.machine() not in {"x86_64", "AMD64", "aarch64", "arm64"}:
        pytest.skip("torch tells of these processors")
    capabilities = torch.cpu.get_capabilities()
    assert {"avx512_bf16", "amx_bf16", "bf16"} & capabilities.keys(), (
        "fast/processor.py: torch.cpu.get_capabilities names bfloat16 otherwise than it did"
    )
