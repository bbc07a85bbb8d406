"""The step as one graph, by a stand-in that captures nothing: what is replayed, and when not."""

import re

import pytest
import torch

from diptych.config import load_recipe
from diptych.data.batches import Batch
from diptych.training import state as states
from diptych.training.engine import start_engine
from diptych.training.graphed import GraphedStep
from diptych.training.state import TrainingState

OPTIONS = {"in_channels": 3, "out_channels": 3, "base_channels": 4, "levels": 5}
SMALL = {"discriminator.base_channels": 4, "discriminator.receptive_field": 16}
FIRST = GraphedStep.WARM_UP + 1  # the step that is made both ways


class Eager:
    """Does the work where a device would replay it; counts how often."""

    def __init__(self):
        self.asides = self.captures = self.replays = 0

    def aside(self, work):
        self.asides += 1
        return work()

    def capture(self, work):
        self.captures += 1
        kept = {}

        def replay():
            self.replays += 1
            for name, loss in work().items():  # always to the same place, as a graph does
                kept.setdefault(name, loss).copy_(loss)
            return kept

        return replay


class Failing(Eager):
    def capture(self, work):
        raise RuntimeError("operation not permitted when stream is capturing\nat some line")


class Idle(Eager):
    """Its graph does nothing, and gives the losses of one step."""

    def capture(self, work):
        made = work()
        return lambda: made


class Deaf(Eager):
    """Its graph does not read the batch it is given."""

    def capture(self, work):
        other = work.__closure__
        assert other is not None
        given = next(c.cell_contents for c in other if isinstance(c.cell_contents, Batch))

        def replay():
            given.source.zero_()
            given.target.zero_()
            return work()

        return replay


class Noisy(Eager):
    """Its graph draws other noise."""

    def capture(self, work):
        def replay():
            torch.rand(1)
            return work()

        return replay


def begun(monkeypatch, device=None, notes=None, **changes) -> TrainingState:
    """A state on the CPU; with a device to replay, as it would be on CUDA."""

    class Stepper(GraphedStep):
        def __init__(self, *given):
            super().__init__(*given, device=device)

    monkeypatch.setattr(states, "makes_graphs", lambda *_: device is not None)
    monkeypatch.setattr(states, "GraphedStep", Stepper)
    recipe = load_recipe("pix2pix", SMALL | changes)
    engine, _ = start_engine("cpu", "fp32")
    return TrainingState(recipe, OPTIONS, engine, note=([] if notes is None else notes).append)


def batch(step: int, count: int = 2, masked: bool = False) -> Batch:
    source, target = torch.rand(
        2, count, 3, 32, 32, generator=torch.Generator().manual_seed(step)
    ) * 2 - 1  # fmt: skip
    return Batch(source, target, target > -0.5 if masked else None)


def learn(
    state: TrainingState, steps: int, odd: bool = False, of: int = 0
) -> list[dict[str, float]]:
    """Steps with a falling rate; where `odd`, the fifth batch is smaller and the sixth masked.

    Losses are read at the end, when later steps have long been made.
    """
    losses = []
    for step in range(state.step, steps):
        small, masked = odd and step == 4, odd and step == 5
        state.set_rate(2e-3 * (1 - step / (of or steps)))
        losses.append(state.learn(batch(step, 1 if small else 2, masked)))
    return [{name: float(loss) for name, loss in each.items()} for each in losses]


def same(ours: list[dict[str, float]], theirs: list[dict[str, float]]) -> None:
    """A rate in float32 and one in float64 round a step otherwise, and no more."""
    assert len(ours) == len(theirs)
    for own, other in zip(ours, theirs, strict=True):
        assert own == pytest.approx(other, rel=1e-4)


@pytest.mark.parametrize("odd", [False, True])
@pytest.mark.parametrize("adversarial", ["cgan", "none"])
def test_replayed_steps_are_the_plain_ones(monkeypatch, odd, adversarial):
    changes, notes, device = {"loss.adversarial": adversarial}, [], Eager()
    plain = begun(monkeypatch, **changes)
    expected = learn(plain, 8, odd)
    graphed = begun(monkeypatch, device, notes, **changes)
    assert graphed.settles == FIRST + 1
    same(learn(graphed, 8, odd), expected)
    assert graphed.step == 8
    assert not notes
    assert (device.asides, device.captures) == (GraphedStep.WARM_UP, 1)
    assert device.replays == 8 - GraphedStep.WARM_UP - 2 * odd
    for ours, theirs in zip(
        graphed.generator.parameters(), plain.generator.parameters(), strict=True
    ):
        torch.testing.assert_close(ours, theirs, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize(
    ("device", "says"),
    [
        (Failing, "operation not permitted when stream is capturing$"),
        (Idle, "came out"),
        (Deaf, "came out as"),
        (Noisy, "came out"),
    ],
)
def test_a_graph_that_does_otherwise_is_not_used(monkeypatch, device, says):
    notes = []
    plain, fallen = begun(monkeypatch), begun(monkeypatch, device(), notes)
    torch.manual_seed(5)
    expected = learn(plain, 6)
    torch.manual_seed(5)
    same(learn(fallen, 6), expected)
    (note,) = notes
    assert note.startswith("training without a CUDA graph, which did not work here: ")
    assert re.search(says, note)


def test_a_shape_is_usual_once_it_was_seen_often(monkeypatch):
    """A run that goes on in the middle of an epoch may begin with its smaller last batch."""
    device = Eager()
    state = begun(monkeypatch, device)
    for step, count in enumerate([1, 2, 2, 1, 2, 2, 2]):
        state.learn(batch(step, count))
    assert (device.asides, device.captures, device.replays) == (2 + 3, 1, 2)
    state.learn(batch(7, 1))
    assert device.replays == 2


FROZEN = {"loss.features": 5.0, "discriminator.name": "projected"}


def test_the_discriminator_may_begin_later_and_keeps_its_spectral_norms(monkeypatch):
    """From there on another graph; it begins where the plain step began, to the last buffer."""
    all_losses, device, notes = [], Eager(), []
    states_made = []
    for given in ((), (device, notes)):
        state, losses = begun(monkeypatch, *given, **FROZEN), []
        for step in range(12):
            state.set_rate(2e-3)
            state.judge(step >= 6)
            losses.append({n: float(loss) for n, loss in state.learn(batch(step)).items()})
        all_losses.append(losses)
        states_made.append(state)
    same(all_losses[1], all_losses[0])
    assert not notes
    plain, graphed = states_made
    assert (device.asides, device.captures) == (2 * GraphedStep.WARM_UP, 2)
    kept = [dict(state.discriminator.named_buffers()) for state in (plain, graphed)]
    for name, buffer in kept[1].items():
        torch.testing.assert_close(buffer, kept[0][name], atol=1e-4, rtol=1e-3)


@pytest.mark.parametrize("before", [True, False])
@pytest.mark.parametrize("after", [True, False])
def test_a_checkpoint_goes_on_with_a_graph_or_without(monkeypatch, tmp_path, before, after):
    whole = begun(monkeypatch)
    expected = learn(whole, 9)
    state = begun(monkeypatch, Eager() if before else None)
    learn(state, 5, of=9)
    torch.save(state.state_dict(), tmp_path / "state.pt")
    kept = torch.load(tmp_path / "state.pt", weights_only=True)
    for name in ("generator_optimizer", "discriminator_optimizer"):
        (group,) = kept[name]["param_groups"]
        assert isinstance(group["lr"], float)
        assert not group["capturable"]
    device = Eager()
    again = begun(monkeypatch, device if after else None)
    learn(again, 4, of=9)  # steps, and a graph, that the checkpoint undoes
    again.load_state_dict(kept)
    same(learn(again, 9), expected[5:])
    assert device.captures == (2 if after else 0)
    rates = [optimizer.param_groups[0]["lr"] for optimizer in again.optimizers]
    assert all(isinstance(rate, torch.Tensor) == after for rate in rates)
