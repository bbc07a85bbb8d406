"""Devices and precision through the engine."""

import pytest
import torch
from torch import nn

from diptych.config import load_recipe
from diptych.data.batches import Batch
from diptych.errors import DiptychError
from diptych.fast import processor
from diptych.training.engine import Engine, FabricEngine, makes_graphs, start_engine
from diptych.training.state import TrainingState

OPTIONS = {"in_channels": 3, "out_channels": 3, "base_channels": 4, "levels": 5}
SMALL = {"discriminator.base_channels": 4, "discriminator.receptive_field": 16}


def has_bf16(monkeypatch, known: bool | None) -> None:
    """A processor that is known to have it, or not, or of which nothing is known."""
    monkeypatch.setattr(
        processor, "cpu_has_bf16", lambda unknown=True: unknown if known is None else known
    )


def test_the_line_says_what_is_used():
    engine, line = start_engine("cpu", "fp32", threads=1)
    assert engine.device == torch.device("cpu")
    assert line == "CPU, 1 threads, fp32, channels-last, fused Adam"
    assert start_engine("cpu", "fp32", threads=1, recompute=True)[1] == f"{line}, recomputing"


@pytest.mark.parametrize(
    ("precision", "known", "computed"),
    [
        ("bf16", True, "bf16"),
        ("bf16", None, "bf16"),
        ("bf16", False, "fp32 (this processor only emulates bf16, which is slower)"),
        ("auto", True, "bf16"),
        ("auto", None, "fp32"),
        ("auto", False, "fp32"),
        ("fp32", True, "fp32"),
    ],
)
def test_the_precision_is_that_of_the_processor(monkeypatch, precision, known, computed):
    has_bf16(monkeypatch, known)
    engine, line = start_engine("cpu", precision, threads=1)
    assert line == f"CPU, 1 threads, {computed}, channels-last, fused Adam"
    assert engine.precision == computed[:4]
    layer, dtypes = nn.Conv2d(3, 3, 1), []
    layer.register_forward_hook(lambda _m, _i, output: dtypes.append(output.dtype))
    assert engine.setup(layer)(torch.zeros(1, 3, 2, 2)).dtype == torch.float32
    assert dtypes == [torch.bfloat16 if computed == "bf16" else torch.float32]


def test_graphs_are_for_cuda_where_nothing_is_recomputed():
    assert makes_graphs(torch.device("cuda", 0), recompute=False)
    assert not makes_graphs(torch.device("cuda", 0), recompute=True)
    assert not makes_graphs(torch.device("cpu"), recompute=False)


def test_what_there_is_not_is_refused():
    with pytest.raises(DiptychError, match="one of auto, cpu, cuda, mps"):
        start_engine("tpu")
    if not torch.cuda.is_available():
        with pytest.raises(DiptychError, match="--device cuda: not to be had"):
            start_engine("cuda")


def test_bf16_computes_in_bf16_and_keeps_weights_in_fp32(monkeypatch):
    has_bf16(monkeypatch, known=True)
    recipe = load_recipe("pix2pix", {"train.precision": "bf16"} | SMALL)
    engine, _ = start_engine("cpu", "bf16")
    state = TrainingState(recipe, OPTIONS, engine)
    seen = set()
    for module in [*state.generator.modules(), *state.discriminator.modules()]:
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
            module.register_forward_hook(lambda _m, _i, output: seen.add(output.dtype))
    source, target = torch.rand(2, 2, 3, 32, 32) * 2 - 1
    before = state.generator.out.weight.clone()
    losses = state.learn(Batch(source, target))
    assert seen == {torch.bfloat16}
    assert {loss.dtype for loss in losses.values()} == {torch.float32}
    parameters = [*state.generator.parameters(), *state.discriminator.parameters()]
    assert {p.dtype for p in parameters} == {torch.float32}
    assert not torch.equal(before, state.generator.out.weight)


def test_bf16_and_fp32_agree_about_the_losses(monkeypatch):
    has_bf16(monkeypatch, known=True)
    losses = {}
    for precision in ("fp32", "bf16"):
        recipe = load_recipe("pix2pix", SMALL)
        engine, _ = start_engine("cpu", precision)
        state = TrainingState(recipe, OPTIONS | {"dropout": 0.0}, engine)
        generator = torch.Generator().manual_seed(0)
        source, target = torch.rand(2, 2, 3, 32, 32, generator=generator) * 2 - 1
        losses[precision] = state.learn(Batch(source, target))
    for name, loss in losses["fp32"].items():
        assert float(losses["bf16"][name]) == pytest.approx(float(loss), rel=0.02)


def test_layers_that_are_recomputed_learn_the_same():
    weights = []
    for recompute in (False, True):
        recipe = load_recipe("pix2pix", {"train.recompute": recompute} | SMALL)
        state = TrainingState(recipe, OPTIONS, start_engine("cpu", "fp32")[0])
        for _ in range(2):
            source, target = (
                torch.rand(2, 2, 3, 32, 32, generator=torch.Generator().manual_seed(0)) * 2 - 1
            )
            state.learn(Batch(source, target))
        weights.append(state.state_dict())
    for network in ("generator", "discriminator"):
        ours, theirs = (each[network] for each in weights)
        assert ours.keys() == theirs.keys()
        assert all(torch.equal(ours[name], theirs[name]) for name in ours)


def test_what_a_run_was_computed_in_is_kept_and_another_is_said(monkeypatch):
    has_bf16(monkeypatch, known=True)
    recipe, notes, kept = load_recipe("pix2pix", SMALL), [], {}
    for precision in ("bf16", "fp32"):
        state = TrainingState(recipe, OPTIONS, start_engine("cpu", precision)[0], note=notes.append)
        kept[precision] = state.state_dict()
        assert kept[precision]["precision"] == precision
    state.load_state_dict(kept["fp32"])
    assert not notes
    state.load_state_dict(kept["bf16"])
    assert notes == ["the run was in bf16 before and goes on in fp32"]


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_on_either_engine_the_steps_are_the_same(precision):
    losses, weights = {}, {}
    for kind in (Engine, FabricEngine):
        recipe = load_recipe("pix2pix", SMALL)
        state = TrainingState(recipe, OPTIONS, kind(torch.device("cpu"), precision))
        generator = torch.Generator().manual_seed(0)
        source, target = torch.rand(2, 2, 3, 32, 32, generator=generator) * 2 - 1
        losses[kind] = [state.learn(Batch(source, target)) for _ in range(3)]
        weights[kind] = state.generator.state_dict()
    assert losses[Engine] == losses[FabricEngine]
    for name, tensor in weights[Engine].items():
        assert torch.equal(tensor, weights[FabricEngine][name]), name


def test_other_devices_than_the_processor_have_the_engine_of_many(monkeypatch):
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    monkeypatch.setattr(FabricEngine, "__init__", Engine.__init__)
    engine, line = start_engine("mps", "fp32")
    assert isinstance(engine, FabricEngine)
    assert (engine.device.type, line) == ("mps", "MPS, fp32, fused Adam")
