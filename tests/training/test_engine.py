"""Devices and precision through the engine."""

import pytest
import torch
from torch import nn

from diptych.config import load_recipe
from diptych.errors import DiptychError
from diptych.pix2pix import train_step
from diptych.training import engine
from diptych.training.engine import start_engine
from diptych.training.state import TrainingState

OPTIONS = {"in_channels": 3, "out_channels": 3, "base_channels": 4, "levels": 5}
SMALL = {"discriminator.base_channels": 4, "discriminator.receptive_field": 16}


def test_the_line_says_what_is_used(monkeypatch):
    fabric, line = start_engine("cpu", "fp32", threads=1)
    assert fabric.device == torch.device("cpu")
    assert line == "CPU, 1 threads, fp32"
    monkeypatch.setattr(engine, "cpu_has_bf16", lambda: False)
    fabric, line = start_engine("cpu", "bf16")
    assert fabric._precision.precision == "32-true"
    assert "only emulates bf16" in line
    monkeypatch.setattr(engine, "cpu_has_bf16", lambda: True)
    fabric, line = start_engine("cpu", "bf16")
    assert fabric._precision.precision == "bf16-mixed"
    assert line.endswith("bf16")


def test_what_there_is_not_is_refused():
    with pytest.raises(DiptychError, match="one of auto, cpu, cuda, mps"):
        start_engine("tpu")
    if not torch.cuda.is_available():
        with pytest.raises(DiptychError, match="--device cuda: not to be had"):
            start_engine("cuda")


def test_bf16_computes_in_bf16_and_keeps_weights_in_fp32(monkeypatch):
    monkeypatch.setattr(engine, "cpu_has_bf16", lambda: True)
    recipe = load_recipe("pix2pix", {"train.precision": "bf16"} | SMALL)
    fabric, _ = start_engine("cpu", "bf16")
    state = TrainingState(recipe, OPTIONS, fabric)
    seen = set()
    for module in [*state.network.modules(), *state.judge.modules()]:
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
            module.register_forward_hook(lambda _m, _i, output: seen.add(output.dtype))
    source, target = torch.rand(2, 2, 3, 32, 32) * 2 - 1
    before = state.network.out.weight.clone()
    losses = train_step(
        state.generator, state.discriminator, state.optimizers, source, target,
        backward=fabric.backward,
    )  # fmt: skip
    assert seen == {torch.bfloat16}
    assert {loss.dtype for loss in losses.values()} == {torch.float32}
    parameters = [*state.network.parameters(), *state.judge.parameters()]
    assert {p.dtype for p in parameters} == {torch.float32}
    assert not torch.equal(before, state.network.out.weight)


def test_bf16_and_fp32_agree_about_the_losses(monkeypatch):
    monkeypatch.setattr(engine, "cpu_has_bf16", lambda: True)
    losses = {}
    for precision in ("fp32", "bf16"):
        recipe = load_recipe("pix2pix", SMALL)
        fabric, _ = start_engine("cpu", precision)
        state = TrainingState(recipe, OPTIONS | {"dropout": 0.0}, fabric)
        generator = torch.Generator().manual_seed(0)
        source, target = torch.rand(2, 2, 3, 32, 32, generator=generator) * 2 - 1
        losses[precision] = train_step(
            state.generator, state.discriminator, state.optimizers, source, target,
            backward=fabric.backward,
        )  # fmt: skip
    for name, loss in losses["fp32"].items():
        assert float(losses["bf16"][name]) == pytest.approx(float(loss), rel=0.02)
