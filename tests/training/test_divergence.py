"""Losses and weights that are no numbers: steps skipped, the way back, and nothing sound lost."""

import math

import pytest
import torch
from safetensors.torch import load_file

from diptych.data.batches import Batches
from diptych.errors import DiptychError
from diptych.evaluation.curves import read_log, remarks
from diptych.training.checkpoint import checkpoints
from diptych.training.soundness import Diverged, check_finite
from diptych.training.trackers import Tracker


def all_finite(run) -> bool:
    """Whether whatever a run keeps can be used."""
    for path in run.glob("*.safetensors"):
        check_finite(load_file(path))
    for path in (run / "checkpoints").iterdir():
        check_finite(torch.load(path, weights_only=True))
    return True


def weights(run):
    return load_file(run / "latest.safetensors")


def same(ours, theirs) -> bool:
    return all(torch.equal(tensor, theirs[name]) for name, tensor in ours.items())


def test_what_is_not_finite_is_named_however_deep_it_lies():
    sound = {"a": {"b": torch.ones(2), "n": torch.tensor([3])}, "step": 4, "c": torch.zeros(())}
    check_finite(sound)
    check_finite({})
    for wrong in (math.nan, math.inf, -math.inf):
        tensor = torch.ones(5)
        tensor[3] = wrong
        with pytest.raises(Diverged, match=r"a\.b is not finite"):
            check_finite({"a": {"b": tensor}, "c": torch.zeros(())})


@pytest.mark.parametrize("log_steps", [1, 100])
def test_a_rate_that_is_too_high_is_lowered_from_the_last_sound_checkpoint(
    learn, listener, log_steps
):
    """Found by the losses of the log, or, between its lines, before something is kept."""
    changes = {"train.learning_rate": 1e12, "train.log_steps": log_steps}
    result = learn(listener, changes=changes)
    assert result.finished
    notes = listener.said("training diverged by step")
    assert "back to step 0, at a learning rate of 3.33e+11" in notes[0]
    assert all_finite(result.path)
    steps = [entry["step"] for entry in read_log(result.path / "log.jsonl") if "scores" in entry]
    assert steps == [0, 10, 20], "nothing of the way that was left"


def test_where_no_rate_helps_it_ends_with_a_line_and_all_that_is_kept_is_sound(learn, listener):
    with pytest.raises(DiptychError, match=r"lowered 4 times: lower train\.learning_rate") as end:
        learn(listener, changes={"train.learning_rate": 1e30, "train.log_steps": 1})
    assert "\n" not in str(end.value)
    assert len(listener.said("training diverged by step")) == 4


class Poison(Tracker):
    """Spoils a weight of a network after some steps."""

    def __init__(self, *steps, network="generator"):
        self.steps, self.network = list(steps), network  # as often as each is there

    def begin(self, beginning):
        self.state = beginning.save_model.__self__.state

    def stepped(self, step, progress, seconds):
        if step in self.steps:
            self.steps.remove(step)
            with torch.no_grad():
                next(getattr(self.state, self.network).parameters())[0] = math.nan


@pytest.mark.parametrize("keep", [1, 2])
def test_a_longer_run_that_diverges_loses_nothing_of_the_one_before(learn, keep):
    changes = {
        "train.keep_checkpoints": keep,
        "train.checkpoint_steps": 1,
        "train.validate_epochs": 1,
    }
    run = learn(changes=changes | {"train.epochs": 2}).path
    kept = weights(run), checkpoints(run / "checkpoints")
    with pytest.raises(DiptychError, match="not finite"):
        learn(Poison(*[*range(20)] * 9), changes=changes)
    assert all_finite(run)
    assert same(kept[0], weights(run))
    assert kept[1] == checkpoints(run / "checkpoints")


def test_from_a_checkpoint_that_leads_astray_it_goes_to_the_one_before(learn, listener):
    """And on from there, as far as it was to go."""
    result = learn(listener, Poison(9, 9, 17), changes={"train.checkpoint_steps": 4})
    assert result.finished
    notes = listener.said("training diverged by step")
    assert [note.partition("back to ")[2].partition(",")[0] for note in notes] == [
        "step 8",
        "step 4",
        "step 16",
    ]
    assert all_finite(result.path)
    # The report tells of the last one; the others are of ways that were left.
    told = [one for one in remarks(result.path / "log.jsonl") if "diverged" in one.words]
    assert told[-1].words == notes[-1]


def test_a_discriminator_without_numbers_is_seen_before_its_decisions_are_written(learn, listener):
    changes = {"train.checkpoint_steps": 4, "train.validate_epochs": 1}
    result = learn(listener, Poison(10, network="discriminator"), changes=changes)
    assert result.finished
    (note,) = listener.said("training diverged by step")
    assert "back to step 8" in note
    for entry in read_log(result.path / "log.jsonl"):
        assert all(math.isfinite(mean) for mean in entry.get("taken_for_real", {}).values())


def test_a_pair_without_numbers_costs_its_own_step_alone(learn, listener, monkeypatch, tmp_path):
    take, spoiled = Batches.at, {3, 8}

    def at(batches, step):
        batch = take(batches, step)
        if step in spoiled:
            batch.source[0, 0, 0, 0] = math.nan
        return batch

    monkeypatch.setattr(Batches, "at", at)
    changes = {"train.validate_epochs": 1, "train.checkpoint_steps": 4}
    result = learn(listener, changes=changes)
    assert (result.finished, listener.steps) == (True, list(range(1, 21)))
    (note,) = listener.said("not finite")
    assert note.startswith("losses of 1 of the steps up to 5 were not finite: skipped")
    assert all_finite(result.path)
    lines = [entry for entry in listener.entries if "g_l1" in entry]
    assert [entry["step"] for entry in lines] == [5, 10, 15, 20]
    assert all(math.isfinite(entry["g_l1"]) for entry in lines)
