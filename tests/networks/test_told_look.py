"""Overall colours told to a generator, or foretold by it."""

import pytest
import torch
from torch import Tensor

from diptych.networks import build_generator
from diptych.networks.padded import only_own
from diptych.networks.told_look import look_of, looks_in, pooled

NUMBERS = 6


SMALL = {"resunet": {"base_channels": 4, "blocks": 1}, "compact": {"base_channels": 8}}


@pytest.fixture(params=SMALL)
def generator(request) -> torch.nn.Module:
    torch.manual_seed(0)
    network = build_generator(request.param, look_numbers=NUMBERS, **SMALL[request.param])
    ((_, look),) = looks_in(network)
    torch.nn.init.normal_(look.foretelling)
    look.least.fill_(-100)
    look.most.fill_(100)
    return network


def pictures(*shape: int) -> Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(1)) * 2 - 1


def test_a_look_is_means_then_deviations():
    x = pictures(2, 3, 4, 6)
    look = look_of(x)
    torch.testing.assert_close(look[:, :3], x.mean((2, 3)))
    torch.testing.assert_close(look[:, 3:], x.std((2, 3), correction=0))


def test_only_what_is_known_counts():
    x, known = pictures(1, 2, 4, 4), torch.ones(1, 2, 4, 4, dtype=torch.bool)
    known[:, :, 2:] = False
    known[:, 1] = False
    look = look_of(x, known)
    torch.testing.assert_close(look[0, 0], x[0, 0, :2].mean())
    torch.testing.assert_close(look[0, 2], x[0, 0, :2].std(correction=0))
    assert look[0, [1, 3]].tolist() == [0, 0], "a channel without data is nothing, and no NaN"


@torch.no_grad()
def test_what_nobody_says_is_foretold(generator):
    source, untold = pictures(2, 3, 32, 64), torch.full((2, NUMBERS), torch.nan)
    foretold = generator.look.foretold(generator.encoded(source)[-1])
    assert foretold.std(0).min() > 0, "each source another"
    results = [generator(source), generator(source, untold), generator(source, foretold)]
    assert all(torch.equal(results[0], result) for result in results[1:])
    half = foretold.clone()
    half[:, 0] = torch.nan
    assert torch.equal(generator(source, half), results[0])
    told = foretold.clone()
    told[:, 0] += 1
    assert (generator(source, told) - results[0]).abs().mean() > 1e-3


@torch.no_grad()
def test_what_is_foretold_stays_within_what_was_seen(generator):
    generator.look.least.fill_(-0.1)
    generator.look.most.fill_(0.2)
    foretold = generator.look.foretold(100 * pictures(8, 32, 2, 2))
    assert (foretold.min(), foretold.max()) == (torch.tensor(-0.1), torch.tensor(0.2))


def test_padding_foretells_nothing():
    maps = pictures(1, 5, 3, 4)
    with only_own((48, 64), (96, 128)):
        torch.testing.assert_close(pooled(maps), maps[:, :, :2, :2].mean((2, 3)))


def test_training_is_told_no_look_exactly(generator):
    targets = pictures(1000, 3, 4, 4)
    generator.look.deviation.fill_(0.5)
    apart = generator.look.told(targets) - look_of(targets)
    assert apart.std() == pytest.approx(0.05, rel=0.1)
    assert apart.mean() == pytest.approx(0, abs=0.005)


def test_all_of_it_learns_but_what_is_measured(generator):
    generator(pictures(2, 3, 32, 32), pictures(2, NUMBERS)).square().mean().backward()
    assert all(p.grad is not None and p.grad.any() for p in generator.parameters())
    names = dict(generator.named_parameters())
    assert not any(name in names for name in ("look.mean", "look.foretelling", "look.least"))
