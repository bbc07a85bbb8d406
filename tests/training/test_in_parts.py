"""A batch in parts: the step is that of the whole, however often memory is short on the way."""

import pytest
import torch
from tests.training.small import SIZES

from diptych.batch_share import Share
from diptych.config import load_recipe
from diptych.data.batches import Batch
from diptych.errors import DiptychError
from diptych.networks import told_look
from diptych.networks.frozen_view import FrozenView
from diptych.training.engine import Engine
from diptych.training.state import TrainingState
from diptych.training.whole_batch import do_as_in

PAIRS, SIDE = 6, 32  # of a batch, pixels
PLAIN = SIZES | {"train.precision": "fp32", "train.batch_size": PAIRS}
RECIPES = {
    # dropout, noise, a discriminator that sees the pair
    "pix2pix": {"discriminator.statistics": "image"},
    # a look that is told, other colours, spectral norms, an average
    "diptych": {"generator.look": "told", "augment.target_colours": 0.5},
    "no discriminator": {"loss.adversarial": "none"},
}
OWN = pytest.param("diptych", marks=pytest.mark.slow)  # a frozen network in float64


@pytest.fixture(autouse=True)
def exactly(monkeypatch):
    """In float64, where rounding does not grow; the frozen network too."""

    def maps(self, pictures):
        return self.double()._maps(pictures)

    pooled = told_look.pooled
    monkeypatch.setattr(FrozenView, "forward", maps)
    monkeypatch.setattr(told_look, "pooled", lambda encoded: pooled(encoded).double())
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


def begun(name: str, accumulate: int = 1, notes: list | None = None) -> TrainingState:
    changes = PLAIN | RECIPES[name] | {"train.accumulate": accumulate}
    options = {"in_channels": 3, "out_channels": 3, "base_channels": 4}
    if name == "diptych":
        changes.pop("discriminator.receptive_field")
        options |= {"look_numbers": 6, "blocks": 1}
    else:
        options |= {"levels": 5, "noise_channels": 1, "statistics": "image"}
    recipe = load_recipe("diptych" if name == "diptych" else "pix2pix", changes)
    note = ([] if notes is None else notes).append
    return TrainingState(recipe, options, Engine(torch.device("cpu")), note=note)


def batches(count: int) -> list[Batch]:
    """The last one is smaller, and has places without data."""
    random = torch.Generator().manual_seed(0)
    made = []
    for size in [PAIRS] * (count - 1) + [PAIRS - 1]:
        source, target = torch.rand(2, size, 3, SIDE, SIDE, generator=random) * 2 - 1
        made.append(Batch(source, target))
    known = torch.ones_like(target, dtype=torch.bool)
    known[0, :, :9] = False
    made[-1] = made[-1]._replace(known=known)
    return made


def learned(state: TrainingState, count: int = 4) -> list[dict[str, torch.Tensor]]:
    """The losses of some steps, in the first of which the discriminator waits."""
    losses = []
    for step, batch in enumerate(batches(count)):
        state.judge(step > 0)
        losses.append(state.learn(batch))
        state.update_average()
    return losses


def everything(state: TrainingState) -> dict[str, torch.Tensor]:
    parts = {"generator": state.generator, "discriminator": state.discriminator}
    tensors = {
        f"{name}.{key}": tensor.clone()
        for name, network in parts.items()
        if network is not None
        for key, tensor in network.state_dict().items()
    }
    average = {} if state.ema is None else dict(state.ema.average)
    return tensors | average | {"random": torch.get_rng_state()}


@pytest.mark.parametrize("name", ["pix2pix", "no discriminator", OWN])
@pytest.mark.parametrize("parts", [2, 4])
def test_losses_weights_and_random_numbers_are_those_of_the_whole_batch(name, parts):
    whole = begun(name)
    losses, weights = learned(whole), everything(whole)
    parted = begun(name, parts)
    torch.testing.assert_close(learned(parted), losses, rtol=1e-7, atol=1e-9)
    torch.testing.assert_close(everything(parted), weights, rtol=1e-6, atol=1e-9)


class Short:
    """Memory that does not suffice in some calls of a network, whole batches being in it."""

    def __init__(self, network: torch.nn.Module, calls: set[int], largest: int = PAIRS) -> None:
        self.calls, self.largest, self.seen = calls, largest, 0
        network.register_forward_pre_hook(self._look)

    def _look(self, _network, inputs):
        self.seen += 1
        if self.seen in self.calls or len(inputs[0]) > self.largest:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20 GiB")


# Of a step: when G translates, as D judges targets, translated pictures, and those for G.
@pytest.mark.parametrize("name", ["pix2pix", OWN])
@pytest.mark.parametrize(
    ("network", "call"), [("generator", 1), *(("discriminator", call) for call in (1, 2, 3))]
)
def test_a_step_that_memory_does_not_suffice_for_is_made_in_twice_the_parts(name, network, call):
    whole = begun(name)
    losses, weights = learned(whole), everything(whole)
    notes: list[str] = []
    state = begun(name, notes=notes)
    as_on_cuda(state)
    Short(getattr(state, network), {call})
    for here, there in zip(learned(state), losses, strict=True):
        torch.testing.assert_close(here, {key: there[key] for key in here}, rtol=1e-7, atol=1e-9)
    torch.testing.assert_close(everything(state), weights, rtol=1e-6, atol=1e-9)
    assert "\n".join(notes) == (
        "out of memory: a batch is computed in 2 parts from here on (--set train.accumulate=2 does "
        "so from the first step on)"
    )


def as_on_cuda(state: TrainingState) -> None:
    """Retrying, which a processor does not."""
    state._in_parts.retry = state._in_more_parts
    for network in filter(None, (state.generator, state.discriminator)):
        do_as_in(state._in_parts.whole, network)


def test_it_goes_down_to_single_pairs_and_no_further():
    notes: list[str] = []
    state = begun("pix2pix", notes=notes)
    as_on_cuda(state)
    Short(state.generator, set(), largest=1)
    learned(state, 1)
    assert [note.split()[8] for note in notes] == ["2", "4", "8"]  # of six pairs
    before = everything(state)
    Short(state.generator, set(), largest=0)
    with pytest.raises(torch.OutOfMemoryError):
        state.learn(batches(2)[0])
    after = everything(state)
    assert all(torch.equal(value, after[key]) for key, value in before.items() if key != "random")


def test_a_processor_does_not_try_again():
    state = begun("pix2pix")
    Short(state.generator, {1})
    with pytest.raises(torch.OutOfMemoryError):
        learned(state)


def test_a_part_whose_objective_is_not_finite_skips_the_step_of_all():
    state = begun("pix2pix", 2)
    batch = batches(2)[0]
    state.judge(True)
    batch.target[-1] = torch.nan
    before = {key: value for key, value in everything(state).items() if key != "random"}
    losses = state.learn(batch)
    assert not losses["g_l1"].isfinite()
    after = everything(state)
    assert all(torch.equal(value, after[key]) for key, value in before.items())


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"train.accumulate": 3}, "accumulate 3 is more parts than batch_size 2 has pairs"),
        (
            {"train.accumulate": 2},
            "train.accumulate does not go with statistics of the batch, for a part has others",
        ),
    ],
)
def test_what_does_not_go_together_is_a_line(learn, changes, words):
    batch = {"generator.statistics": "batch"}
    with pytest.raises(DiptychError, match=words):
        learn(changes=batch | changes)


@pytest.mark.parametrize("processes", [1, 2, 3, 7])
@pytest.mark.parametrize("total", [1, 2, 5, 64])
def test_shares_are_the_whole_batch_without_repeats_or_holes(total, processes):
    shares = [Share.of_process(total, number, processes) for number in range(processes)]
    places = [n for share in shares if share.counts for n in range(total)[share.rows]]
    assert places == list(range(total))
    assert sum(share.weight for share in shares) == pytest.approx(1)
    assert all(share.stop > share.start for share in shares)  # each has something to compute
    for share in shares:
        for most in (1, 2, 100):
            parts = share.parts(most)
            rows = [n for part in parts for n in range(total)[part.rows]]
            assert rows == list(range(total)[share.rows])
            assert len(parts) == min(most, len(rows))
