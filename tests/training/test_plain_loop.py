"""What makes training fast changes none of its results."""

import sys
from pathlib import Path

import pytest
import torch

from diptych.config import load_recipe
from diptych.data.batches import Batch
from diptych.training.engine import Engine
from diptych.training.state import TrainingState

sys.path.append(str(Path(__file__).parents[2] / "benchmarks"))
import plain_loop

STEPS, SIDE = 20, 64
SETTINGS = {
    "generator.dropout": 0,
    "generator.statistics": "batch",  # as the plain loop, which is the paper
    "discriminator.statistics": "batch",
    "discriminator.base_channels": 8,
}


# In float32 Adam, which divides by the size of gradients, makes the smallest rounding large.
@pytest.mark.parametrize(
    ("batch", "dtype", "tolerance", "apart"),
    [
        (1, torch.float64, 1e-6, 1e-4),
        pytest.param(3, torch.float64, 1e-6, 1e-4, marks=pytest.mark.slow),
        pytest.param(1, torch.float32, 1e-2, 1, marks=pytest.mark.slow),
    ],
)
def test_losses_and_weights_are_those_of_the_plain_loop(batch, dtype, tolerance, apart):
    """Without dropout: in another memory layout its random numbers fall on other places."""
    torch.manual_seed(0)
    g, d = plain_loop.generator(base=16, levels=6, dropout=0), plain_loop.discriminator(base=8)
    plain_loop.initialise(g)
    plain_loop.initialise(d)
    plain = plain_loop.Pix2Pix(g.to(dtype), d.to(dtype))

    options = {
        "base_channels": 16,
        "levels": 6,
        "dropout": 0.0,
        "in_channels": 3,
        "out_channels": 3,
    }
    state = TrainingState(load_recipe("pix2pix", SETTINGS), options, Engine(torch.device("cpu")))
    assert state.discriminator is not None
    state.generator.to(dtype)
    state.discriminator.to(dtype)
    pairs = [
        weights
        for theirs, ours in ((g, state.generator), (d, state.discriminator))
        for weights in zip(theirs.parameters(), ours.parameters(), strict=True)
    ]
    with torch.no_grad():
        for theirs, ours in pairs:
            ours.copy_(theirs)
    before = [theirs.detach().clone() for theirs, _ in pairs]

    random = torch.Generator().manual_seed(1)
    for _ in range(STEPS):
        pictures = torch.rand(2, batch, 3, SIDE, SIDE, generator=random, dtype=dtype) * 2 - 1
        expected = plain.step(*pictures, log_every=1000)
        found = state.learn(Batch(*pictures))
        for name, loss in expected.items():
            assert float(found[name]) == pytest.approx(float(loss.detach()), rel=tolerance), name
    for (theirs, ours), begun in zip(pairs, before, strict=True):
        moved = (theirs - begun).norm()
        assert moved > 0
        assert (theirs - ours).norm() <= apart * moved
