from contextlib import nullcontext

import numpy as np
import pytest
import torch
from torch import nn

from diptych import model_file
from diptych.errors import DiptychError
from diptych.fast.quick_twin import QuickNormalization, quick_twin
from diptych.images.domain import Domain, plain
from diptych.model_file import Dataset, Header, Network
from diptych.networks import build_generator, normalize_by_stored
from diptych.networks.padded import normalize_by_picture, only_own
from diptych.pix2pix import Normalization
from diptych.translation import network_translator
from diptych.translation.network_translator import NetworkTranslator
from diptych.translation.precision import difference

OPTIONS = {
    "unet": {"base_channels": 8, "levels": 5},
    "residual": {"base_channels": 8, "blocks": 2},
    "resnet": {"base_channels": 8, "blocks": 2, "stored_statistics": True},
    "resunet": {"base_channels": 8, "blocks": 2},
    "compact": {"base_channels": 16},
}


def generator(name: str = "unet") -> nn.Module:
    torch.manual_seed(0)
    made = build_generator(name, **OPTIONS[name])
    for layer in made.modules():
        if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d):
            nn.init.normal_(layer.weight, 0, 0.05)
    return made


def translator(network: nn.Module | None = None, target: Domain | None = None, **options):
    header = Header(
        generator=Network(name="unet", options=OPTIONS["unet"]),
        size_multiple=32,
        crop_size=(64, 64),
        source=plain("source"),
        target=target or plain("target"),
        test=model_file.TestTime(),
        dataset=Dataset(fingerprint="", pairs={}),
        recipe={},
    )
    made = NetworkTranslator(header, network or generator(), **options)
    made.notes = []
    made.notice = made.notes.append
    return made


@pytest.fixture
def bf16(monkeypatch):
    """As on a processor that computes bfloat16 itself."""
    monkeypatch.setattr(network_translator, "may_be_bf16", lambda target, _: target.is_picture)


def pixels(count: int = 3, side: int = 64) -> np.ndarray:
    small = np.random.default_rng(0).integers(0, 256, (count, side // 8, side // 8, 3), np.uint8)
    return small.repeat(8, 1).repeat(8, 2)


@pytest.mark.parametrize("name", OPTIONS)
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize("side", [64, 72])
def test_a_twin_gives_what_the_network_gives_in_a_batch_or_alone(name, precision, side):
    made = translator(generator(name), precision=precision)
    pictures = pixels(side=side)
    with torch.inference_mode():
        expected = made._whole(pictures, made.generator).astype(float)
    together = made.translate(pictures)
    alone = np.stack([made.apply(picture) for picture in pictures])
    apart = np.abs(together.astype(float) - alone)
    assert apart.max() <= (1 if precision == "fp32" else 3)
    assert (apart > 0).mean() < (0.01 if precision == "fp32" else 0.3)
    assert np.abs(together - expected).mean() < (0.01 if precision == "fp32" else 1)
    assert expected.std() > 5


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_twin_shares_what_is_not_cast(dtype):
    network = generator("resnet")
    twin = quick_twin(network, dtype)
    for layer, other in zip(network.modules(), twin.modules(), strict=True):
        kept = torch.float32 if isinstance(layer, Normalization) else dtype
        for own, its in zip(layer.parameters(False), other.parameters(False), strict=True):
            assert its.dtype is kept
            assert (own.data_ptr() == its.data_ptr()) == (kept is torch.float32)
    assert not any(isinstance(layer, QuickNormalization) for layer in network.modules())


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("mean", [5, 50])
@pytest.mark.parametrize("valid", [None, (1, 1), (40, 64), (64, 64), (128, 128), (300, 300)])
def test_statistics_lose_no_digits(dtype, mean, valid):
    """Of maps whose mean is large beside their deviation; one place alone, and padding left out."""
    side = max(64, *(valid or (0,)))
    torch.manual_seed(0)
    x = (torch.randn(2, 8, side, side) + mean).to(dtype)
    x = x.contiguous(memory_format=torch.channels_last)
    layer = Normalization(8)
    nn.init.normal_(layer.weight)
    nn.init.normal_(layer.bias)
    network = nn.Sequential(layer)
    quick = quick_twin(network, dtype)
    normalize_by_picture(network)
    with torch.inference_mode(), only_own(valid, (side, side)) if valid else nullcontext():
        expected = network.double()(x.double())
        normalized = layer.float() and quick(x)
    assert normalized.dtype == dtype
    apart = (normalized.double() - expected).abs() / (1 + expected.abs())
    assert apart.max() < (6e-5 * mean if dtype is torch.float32 else 1e-2)


def test_stored_statistics_are_used_by_the_twin():
    network = generator("resnet")
    normalize_by_stored(network)
    for layer in network.modules():
        if getattr(layer, "stored", False):
            nn.init.normal_(layer.mean, 0, 0.1)
    x = torch.rand(2, 3, 64, 64)
    with torch.inference_mode():
        expected = network.eval()(x)
        assert (quick_twin(network)(x) - expected).abs().max() < 1e-5
        assert (quick_twin(network, torch.bfloat16)(x.bfloat16()) - expected).abs().mean() < 0.01


@pytest.mark.usefixtures("bf16")
def test_bf16_is_taken_where_it_hardly_differs():
    made = translator(precision="auto")
    made.translate(pixels())
    assert next(made.twin.parameters()).dtype is torch.bfloat16
    assert next(made.generator.parameters()).dtype is torch.float32
    (note,) = made.notes
    assert note.startswith("CPU, ")
    assert "bf16 (differs from fp32 by 0." in note
    made.translate(pixels())
    assert len(made.notes) == 1


@pytest.mark.usefixtures("bf16")
def test_bf16_is_refused_where_it_differs():
    """Large weights at the end amplify what rounding does."""
    network = generator()
    with torch.no_grad():
        network.out.weight.mul_(100)
    made, exact = translator(network, precision="auto"), translator(network)
    assert np.array_equal(made.translate(pixels()), exact.translate(pixels()))
    (note,) = made.notes
    assert "fp32 (bf16 would differ by " in note


def test_the_first_picture_is_compared_as_in_a_batch():
    batches = []

    def quick(pictures: np.ndarray) -> np.ndarray:
        batches.append(pictures.shape)
        return pictures + np.array([3, 99, 99], np.uint8)[: len(pictures), None, None, None]

    mean, little = difference(np.copy, quick, np.zeros((3, 600, 8, 3), np.uint8))
    assert (mean, little) == (3, False)
    assert batches == [(2, 512, 8, 3)]


@pytest.mark.usefixtures("bf16")
def test_noise_and_values_stay_fp32():
    values = Domain(name="depth", kind="values", channels=1, dtype="float32", range=((0, 1),))
    noisy = translator(precision="auto", dropout=True)
    noisy.translate(pixels())
    assert noisy.twin is noisy.generator
    assert noisy.together(8, 8) == 1
    assert noisy.notes[0].endswith("fp32, since noise is on")
    network = build_generator("unet", **OPTIONS["unet"], out_channels=1)
    made = translator(network, values, precision="auto")
    made.translate(pixels())
    assert made.notes[0].endswith(", fp32")
    with pytest.raises(DiptychError, match="--precision bf16: only for pictures"):
        translator(network, values, precision="bf16")
    with pytest.raises(DiptychError, match="--precision bf16: not with noise"):
        translator(precision="bf16", dropout=True)
    with pytest.raises(DiptychError, match="--precision 'half': one of auto, fp32, bf16"):
        translator(precision="half")


def test_batches_are_bounded_by_pixels_and_by_memory(monkeypatch):
    made = translator()
    assert [made.together(side, side) for side in (256, 128, 512, 2000)] == [8, 32, 2, 1]
    monkeypatch.setattr(made, "fits", lambda count, *_: count <= 3)
    assert made.together(256, 256) == 2
