"""Training runs: what they leave, stopping and going on, budgets."""

import json
import multiprocessing
import os
import random
import shutil
import signal
import time
from pathlib import Path

import pytest
import torch
from PIL import Image
from safetensors.torch import load_file
from tests.training.small import SIZES, Listener

import diptych
from diptych.config import load_recipe
from diptych.errors import DiptychError
from diptych.evaluation.curves import read_log
from diptych.fast.processor import cpu_has_bf16
from diptych.model_file import read_header, write_model
from diptych.networks import build_generator
from diptych.training.checkpoint import step_of
from diptych.training.plan import as_deep, make_plan
from diptych.training.trackers import Tracker
from diptych.training.train import TrainedRun, train

TINY = SIZES | {
    "train.epochs": 8,
    "train.validate_epochs": 2,
    "train.log_steps": 7,
    "train.checkpoint_steps": 4,
    "train.ema": 0.9,
}


def run(data, out, listener=None, **changes):
    overrides = TINY | {key.replace("__", "."): value for key, value in changes.items()}
    if overrides.get("discriminator.name") == "projected":
        del overrides["discriminator.receptive_field"]
    trackers = [listener] if listener else []
    return train(
        "pix2pix", data=data, out=out, overrides=overrides, device="cpu", trackers=trackers
    )


@pytest.fixture(scope="module")
def whole(drawn_pairs, tmp_path_factory) -> Path:
    """A run that nothing stopped. Do not touch."""
    return run(drawn_pairs, tmp_path_factory.mktemp("whole") / "run").path


@pytest.fixture
def finished(whole, tmp_path) -> Path:
    """A copy of it."""
    return shutil.copytree(whole, tmp_path / "run")


def timeless(log: Path) -> list[dict]:
    """The lines of a log without their times."""
    times = {"seconds", "images_per_second", "waiting"}
    return [{k: v for k, v in entry.items() if k not in times} for entry in read_log(log)]


def same_run(one: Path, other: Path) -> None:
    for name in ("model.safetensors", "latest.safetensors"):
        ours, theirs = load_file(one / name), load_file(other / name)
        assert ours.keys() == theirs.keys()
        for key, tensor in ours.items():
            assert torch.equal(tensor, theirs[key]), f"{name}: {key}"
    assert timeless(one / "log.jsonl") == timeless(other / "log.jsonl")


def test_what_a_run_leaves(made_pairs, tmp_path):
    listener = Listener()
    out = tmp_path / "run"
    result = run(made_pairs, out, listener, data__domains=["outline", "shape"])
    names = {path.name for path in out.iterdir()}
    assert names == {
        "recipe.toml", "model.safetensors", "latest.safetensors", "checkpoints", "log.jsonl",
        "previews", "progress.gif", "report.html", "tensorboard",
    }  # fmt: skip
    assert result.finished
    # Twelve pairs: one to test, one to validate, ten in batches of two.
    assert result.step == 40
    assert listener.steps == list(range(1, 41))
    assert sum("stand in" in note for note in listener.notes) == 2
    assert not any("LPIPS" in note for note in listener.notes), "nothing is chosen by it"
    header = read_header(out / "model.safetensors")
    assert (header.source.name, header.target.name) == ("outline", "shape")
    assert header.generator.options["levels"] == 5
    assert header.dataset.pairs == {"train": 10, "val": 1, "test": 1}
    assert header.scores.keys() == {"l1", "psnr", "ssim", "features"}
    assert load_recipe(str(out / "recipe.toml")).train.ema == 0.9
    validated = [e["step"] for e in read_log(out / "log.jsonl") if "scores" in e]
    assert validated == [0, 10, 20, 30, 40]
    logged = [e["step"] for e in read_log(out / "log.jsonl") if "g_l1" in e]
    assert logged == [7, 14, 21, 28, 35]
    assert sorted(p.name for p in (out / "checkpoints").iterdir()) == [
        "before_decay.pt",
        "step_00000036.pt",
        "step_00000040.pt",
    ]
    with Image.open(out / "progress.gif") as moving:
        assert moving.n_frames == len(validated)
    with Image.open(out / "previews" / "step_00000040.png") as sheet:
        assert sheet.width > 3 * 32
    assert (out / "model.safetensors").stat().st_mode == (out / "recipe.toml").stat().st_mode
    assert "outline" in (out / "report.html").read_text("utf-8")


def test_the_best_model_is_the_one_that_scored_best(made_pairs, tmp_path):
    out = tmp_path / "run"
    run(made_pairs, out, train__keep_best_checkpoint=True)
    scores = {
        e["step"]: e["scores"]["features"]
        for e in read_log(out / "log.jsonl")
        if "scores" in e and e["step"]
    }
    best = read_header(out / "model.safetensors").step
    assert scores[best] == min(scores.values())
    kept = torch.load(out / "checkpoints" / "best.pt", weights_only=True)
    assert kept["training"]["step"] == best


def test_learning_rate_is_constant_then_falls_to_zero(made_pairs, tmp_path):
    run(made_pairs, tmp_path / "run", train__log_steps=1, train__validate_epochs=100)
    rates = [e["rate"] for e in read_log(tmp_path / "run" / "log.jsonl") if "rate" in e]
    assert len(rates) == 40
    assert rates[:21] == [2e-4] * 21
    expected = [2e-4 * (40 - step) / 20 for step in range(21, 40)]
    assert rates[21:] == pytest.approx(expected)


SLOW = pytest.mark.slow


@pytest.mark.parametrize("stop_at", [pytest.param(1, marks=SLOW), 9, pytest.param(20, marks=SLOW)])
def test_ctrl_c_saves_and_the_same_command_goes_on(made_pairs, tmp_path, whole, stop_at):
    class Interrupting(Listener):
        def stepped(self, step, progress, seconds):
            super().stepped(step, progress, seconds)
            if step == stop_at:
                signal.raise_signal(signal.SIGINT)

    stopped = run(made_pairs, tmp_path / "run", Interrupting())
    assert not stopped.finished
    assert stopped.step == stop_at
    listener = Listener()
    assert run(made_pairs, tmp_path / "run", listener).finished
    assert listener.steps[0] == stop_at + 1
    same_run(tmp_path / "run", whole)


@pytest.mark.slow
def test_killed_five_times_ends_bit_identical(made_pairs, tmp_path):
    """`kill -9` at random moments; the weights and the log equal those of an untouched run."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["diptych.training.train"])
    chance = random.Random(0)
    out, whole = tmp_path / "run", tmp_path / "whole"

    overrides = TINY | {"train.log_steps": 1}  # a line for every step: when to kill
    del overrides["discriminator.receptive_field"]  # which the default's does not take

    def start(folder: Path) -> multiprocessing.Process:
        settings = {
            "data": made_pairs,
            "out": folder,
            "overrides": overrides,
            "device": "cpu",
            "threads": 1,
        }
        process = context.Process(target=train, kwargs=settings)
        process.start()
        return process

    untouched = start(whole)
    for after in sorted(chance.sample(range(2, 39), 5)):
        process = start(out)
        while process.is_alive() and steps_made(out) < after:
            time.sleep(0.002)
        time.sleep(chance.random() * 0.02)
        process.kill()
        process.join()
        assert process.exitcode == -signal.SIGKILL
    last = start(out)
    last.join()
    untouched.join()
    assert (last.exitcode, untouched.exitcode) == (0, 0)
    same_run(out, whole)


def steps_made(out: Path) -> int:
    """By the log, which is there as soon as a process makes its first step."""
    return max((e["step"] for e in read_log(out / "log.jsonl")), default=0)


LATER_JUDGED = {
    "generator__name": "resunet",
    "generator__blocks": 1,
    "discriminator__name": "projected",
    "loss__features": 5.0,
    "loss__adversarial_from": 0.5,
    "train__epochs": 4,
    "train__log_steps": 1,
}


@pytest.mark.slow
def test_stopped_around_the_moment_the_discriminator_begins_it_ends_bit_identical(
    made_pairs, tmp_path
):
    """Twenty steps; the eleventh is the first that it judges."""
    run(made_pairs, tmp_path / "whole", **LATER_JUDGED)
    entries = [e for e in read_log(tmp_path / "whole" / "log.jsonl") if "g_l1" in e]
    assert [e["step"] for e in entries if "d_real" in e] == list(range(11, 21))
    assert all("g_features" in e for e in entries)
    for stop_at in (9, 10, 11):

        class Interrupting(Listener):
            def stepped(self, step, progress, seconds, last=stop_at):
                if step == last:
                    signal.raise_signal(signal.SIGINT)

        out = tmp_path / f"stopped {stop_at}"
        assert not run(made_pairs, out, Interrupting(), **LATER_JUDGED).finished
        assert run(made_pairs, out, **LATER_JUDGED).finished
        same_run(out, tmp_path / "whole")


@pytest.mark.slow
def test_a_line_of_the_log_is_a_mean_over_the_steps_that_were_judged(made_pairs, tmp_path):
    """Also where the discriminator began, and where the run was stopped, within that line."""
    run(made_pairs, tmp_path / "each", **LATER_JUDGED)
    each = [e for e in read_log(tmp_path / "each" / "log.jsonl") if "g_l1" in e]

    class Interrupting(Listener):
        def stepped(self, step, progress, seconds):
            if step == 13:
                signal.raise_signal(signal.SIGINT)

    seldom = LATER_JUDGED | {"train__log_steps": 8}
    run(made_pairs, tmp_path / "seldom", Interrupting(), **seldom)
    run(made_pairs, tmp_path / "seldom", **seldom)
    (line,) = (
        e
        for e in read_log(tmp_path / "seldom" / "log.jsonl")
        if e.get("step") == 16 and "g_l1" in e
    )
    for name in ("g_l1", "g_features", "g_adversarial", "d_real", "d_translated"):
        values = [e[name] for e in each if 8 < e["step"] <= 16 and name in e]
        assert len(values) == (8 if name in {"g_l1", "g_features"} else 6)
        assert line[name] == pytest.approx(sum(values) / len(values), abs=2e-6)


def test_a_finished_run_stays_finished(made_pairs, finished):
    before = (finished / "log.jsonl").read_bytes()
    listener = Listener()
    assert run(made_pairs, finished, listener).finished
    assert listener.steps == []
    assert (finished / "log.jsonl").read_bytes() == before


@pytest.mark.slow
def test_more_epochs_go_on_as_if_there_had_been_so_many(made_pairs, finished, tmp_path):
    listener = Listener()
    longer = run(made_pairs, finished, listener, train__epochs=12)
    assert longer.step == 60
    # From before the rate fell, at step 21, and as if it had been so many epochs from the start.
    assert listener.steps == list(range(22, 61))
    assert any("step 21 at a learning rate of 0.0002" in note for note in listener.notes)
    assert any("going on from before the learning rate fell" in note for note in listener.notes)
    twelve = load_file(run(made_pairs, tmp_path / "twelve", train__epochs=12).path / LATEST)
    assert all(
        torch.equal(found, twelve[name]) for name, found in load_file(finished / LATEST).items()
    )


def test_fewer_epochs_are_reached_already(made_pairs, finished):
    listener = Listener()
    assert run(made_pairs, finished, listener, train__epochs=6).finished
    assert listener.steps == []


def test_another_precision_goes_on_and_is_said(made_pairs, tmp_path):
    run(made_pairs, tmp_path / "run", train__precision="fp32", train__epochs=1)
    listener = Listener()
    changes = {"train__epochs": 2, "train__recompute": True}
    run(made_pairs, tmp_path / "run", listener, **changes, train__precision="bf16")
    computed = "bf16" if cpu_has_bf16() else "fp32"
    said = "the run was in fp32 before and goes on in bf16" in listener.notes
    assert said == (computed == "bf16")
    assert listener.steps == list(range(4, 11)), "from before the rate fell"


def test_a_budget_of_steps_comes_before_epochs(made_pairs, tmp_path):
    assert run(made_pairs, tmp_path / "run", train__steps=13).step == 13
    entries = read_log(tmp_path / "run" / "log.jsonl")
    assert [e["step"] for e in entries if "scores" in e] == [0, 10, 13]


def test_another_recipe_in_the_same_directory_is_refused(made_pairs, tmp_path):
    run(made_pairs, tmp_path / "run", train__epochs=1)
    with pytest.raises(DiptychError, match=r"loss\.l1 100\.0 -> 50\.0.*train\.seed 0 -> 1"):
        run(made_pairs, tmp_path / "run", loss__l1=50.0, train__seed=1)
    run(made_pairs, tmp_path / "run", train__epochs=2, train__log_steps=3)


def test_other_pairs_in_the_same_directory_are_refused(made_pairs, tmp_path):
    run(made_pairs, tmp_path / "run", train__epochs=1)
    (made_pairs / "train" / "03.png").unlink()
    with pytest.raises(DiptychError, match="not the pairs"):
        run(made_pairs, tmp_path / "run", train__epochs=2)


def test_a_directory_with_other_things_is_refused(made_pairs, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("precious")
    with pytest.raises(DiptychError, match="not a run"):
        run(made_pairs, tmp_path / "mine")


def test_damaged_latest_checkpoint_falls_back_to_the_one_before(made_pairs, whole, finished):
    latest = finished / "checkpoints" / "step_00000040.pt"
    latest.write_bytes(latest.read_bytes()[:1000])
    listener = Listener()
    run(made_pairs, finished, listener)
    assert listener.steps == [37, 38, 39, 40]
    same_run(finished, whole)


@pytest.mark.slow
def test_minutes_end_in_time_and_the_rate_follows_the_clock(made_pairs, tmp_path):
    listener = Listener()
    begun = time.monotonic()
    result = run(made_pairs, tmp_path / "run", listener, train__minutes=0.1, train__log_steps=1)
    assert result.finished
    assert 5.0 < result.seconds < 6.5
    assert time.monotonic() - begun > 5.0
    rates = [e["rate"] for e in listener.entries if "rate" in e]
    assert rates[0] == 2e-4
    assert rates == sorted(rates, reverse=True)
    assert rates[-1] < 2e-5
    # The same again has nothing to do; more minutes go on.
    again = Listener()
    run(made_pairs, tmp_path / "run", again, train__minutes=0.1)
    assert again.steps == []
    run(made_pairs, tmp_path / "run", again, train__minutes=0.12)
    assert 1 < again.steps[0] <= result.step, "from before the rate fell"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"data.crop_size": 31}, "crop_size 31 is below 32, the least for a U-Net"),
        ({"discriminator.receptive_field": 286}, "the largest that fits is 70"),
        ({"generator.name": "vit"}, "generator.name 'vit' is not known: one of unet"),
        ({"discriminator.name": "x"}, "one of patchgan, projected"),
        (
            {"generator.name": "resunet", "data.crop_size": 48, "data.load_size": 50},
            "crop_size 48 is not a multiple of 32, which this resunet needs",
        ),
        (
            {
                "generator.name": "residual",
                "discriminator.name": "projected",
                "discriminator.receptive_field": 70,
                "data.crop_size": 24,
            },
            "crop_size 24 is below 32, the least for a projected discriminator",
        ),
        (
            {"generator.name": "resunet", "derive.kind": "degrade", "derive.scale": 2},
            "derive.scale 2 does not go with generator.name 'resunet', only with residual",
        ),
        (
            {"discriminator.name": "projected", "discriminator.receptive_field": 34},
            "receptive_field does not go with discriminator.name 'projected', only with patchgan",
        ),
        (
            {"discriminator.name": "projected", "discriminator.statistics": "instance"}
            | {"discriminator.receptive_field": 70},
            "discriminator.statistics does not go with discriminator.name 'projected', only",
        ),
        ({"data.direction": "shape -> outline"}, "a_to_b or b_to_a"),
    ],
)
def test_what_cannot_be_trained_is_refused_before_anything_is_written(
    made_pairs, tmp_path, changes, message
):
    with pytest.raises(DiptychError, match=message):
        train("pix2pix", data=made_pairs, out=tmp_path / "run", overrides=TINY | changes)
    assert not (tmp_path / "run" / "checkpoints").exists()


@pytest.mark.parametrize("adversarial", ["cgan", "gan", "none"])
@pytest.mark.parametrize("skips", [True, False])
def test_every_objective_and_generator_trains(made_pairs, tmp_path, adversarial, skips):
    changes = {"loss.adversarial": adversarial, "generator.skips": skips, "train.epochs": 1}
    result = train(
        "pix2pix", data=made_pairs, out=tmp_path / "run", overrides=TINY | changes, device="cpu"
    )
    entry = next(e for e in read_log(result.path / "log.jsonl") if "scores" in e and e["step"])
    assert 0 < entry["scores"]["l1"] < 1


def test_divergence_is_said_and_nothing_is_lost(made_pairs, tmp_path):
    with pytest.raises(DiptychError, match=r"lower train\.learning_rate"):
        run(made_pairs, tmp_path / "run", train__learning_rate=1e30, train__log_steps=1)


@pytest.mark.slow
def test_validation_leaves_the_noise_of_training_alone(made_pairs, tmp_path):
    """Validating more often, with dropout, does not change what is learned."""
    often = run(made_pairs, tmp_path / "a", train__validate_epochs=1, test__dropout=True)
    seldom = run(made_pairs, tmp_path / "b", train__validate_epochs=8, test__dropout=True)
    ours = load_file(often.path / "latest.safetensors")
    theirs = load_file(seldom.path / "latest.safetensors")
    assert all(torch.equal(tensor, theirs[name]) for name, tensor in ours.items())


def test_the_same_model_is_kept_where_the_weights_of_lpips_are(
    made_pairs, tmp_path, shared_data, monkeypatch, whole
):
    monkeypatch.setenv("DIPTYCH_WEIGHTS", str(shared_data / "weights"))
    with_lpips = run(made_pairs, tmp_path / "run")
    kept, without = (read_header(path / "model.safetensors") for path in (with_lpips.path, whole))
    assert kept.step == without.step
    assert kept.scores.keys() == without.scores.keys() | {"lpips"}


def test_the_pace_is_that_of_steps_not_of_validations(made_pairs, tmp_path):
    class Slow(Listener):
        def validated(self, step, scores, best):
            time.sleep(2 if step == 10 else 0)

    listener = Slow()
    run(made_pairs, tmp_path / "run", listener, train__epochs=3)
    (entry,) = [entry for entry in listener.entries if entry["step"] == 14 and "g_l1" in entry]
    assert entry["images_per_second"] > 7 * 2 / 2
    assert entry["seconds"] > 2


def test_best_so_far_is_told_after_a_resume_as_without_one(made_pairs, tmp_path):
    """The model that is kept is then of steps that are made again."""
    out, keep = tmp_path / "run", {"train__keep_checkpoints": 99}
    first, again = Listener(), Listener()
    run(made_pairs, out, first, **keep)
    assert len(first.best) > 1
    assert read_header(out / "model.safetensors").step == first.best[-1]
    for path in (out / "checkpoints").glob("step_*.pt"):
        if step_of(path) >= first.best[-2]:
            path.unlink()
    kept = load_file(out / "model.safetensors")
    run(made_pairs, out, again, **keep)
    assert again.steps[0] > 1
    assert again.best == [step for step in first.best if step >= again.steps[0]]
    assert len(again.best) > 1
    assert all(torch.equal(kept[k], t) for k, t in load_file(out / "model.safetensors").items())


@pytest.mark.parametrize(
    ("scores", "stays"),
    [
        ({"l1": 0.0, "ssim": 1.0}, False),  # chosen as versions before chose
        ({"l1": 0.0, "ssim": 1.0, "lpips": 0.0}, False),
        ({"l1": 0.3, "ssim": 0.1, "features": 0.0}, True),
        ({"l1": 0.3, "ssim": 0.1, "features": 0.0, "lpips": 0.9}, True),  # its weights have gone
        ({"l1": 0.0, "ssim": 1.0, "features": 2.0}, False),
    ],
)
def test_the_best_so_far_is_held_against_what_chose_it(made_pairs, finished, scores, stays):
    best = finished / "model.safetensors"
    header = read_header(best)
    write_model(best, load_file(best), header.model_copy(update={"step": 1, "scores": scores}))
    run(made_pairs, finished, train__epochs=9)
    assert (read_header(best).step == 1) == stays


@pytest.mark.slow
def test_overfits_four_real_pairs(shared_data, tmp_path):
    """Four real pairs, too few to spare any: they are learned by heart and validate themselves."""
    (tmp_path / "data" / "train").mkdir(parents=True)
    for i in (1, 2, 3, 4):
        real = shared_data / "facades" / "train" / f"{i}.jpg"
        (tmp_path / "data" / "train" / real.name).write_bytes(real.read_bytes())
    result = diptych.train(
        "pix2pix/facades",
        data=tmp_path / "data",
        out=tmp_path / "run",
        overrides={
            "data.load_size": 64,
            "data.crop_size": 64,
            "augment.mirror": False,
            "generator.base_channels": 12,
            "generator.dropout": 0.0,
            "generator.statistics": "image",
            "discriminator.base_channels": 4,
            "train.learning_rate": 2e-3,
            "train.batch_size": 4,
            "train.epochs": 100,
            "train.validate_epochs": 100,
        },
        device="cpu",
    )
    entries = [e for e in read_log(result.path / "log.jsonl") if "scores" in e]
    assert entries[-1]["scores"]["l1"] < 0.25 * entries[0]["scores"]["l1"]


def test_the_log_is_plain_json(made_pairs, tmp_path):
    run(made_pairs, tmp_path / "run", train__epochs=1)
    for line in (tmp_path / "run" / "log.jsonl").read_text().splitlines():
        assert json.loads(line)["step"] >= 0


def test_a_run_goes_on_as_deep_as_it_began(made_pairs):
    """At crops of no power of two U-Nets had fewer levels once."""
    plan = make_plan(load_recipe("pix2pix", TINY | {"data.crop_size": 36}), made_pairs)
    deeper = make_plan(
        load_recipe("pix2pix", TINY | {"data.crop_size": 72, "data.load_size": 72}), made_pairs
    )
    assert (plan.generator_options["levels"], deeper.generator_options["levels"]) == (5, 6)
    for noise in ({}, {"noise_channels": 1}):
        weights = build_generator(**plan.generator_options | noise).state_dict()
        assert as_deep(deeper, weights).generator_options == plan.generator_options


LATEST = "latest.safetensors"
OPEN_ENDED = {
    "data.crop_size": 32,
    "data.load_size": 32,
    "generator.base_channels": 4,
    "generator.blocks": 1,
    "discriminator.base_channels": 2,
    "train.log_steps": 5,
    "train.checkpoint_steps": 7,
}


@pytest.mark.slow
def test_without_a_budget_it_ends_by_itself_and_goes_on_when_stopped(
    made_pairs, tmp_path, monkeypatch
):
    """Phases of a few steps: without D, with it, while the rate falls; stopped in each."""
    monkeypatch.setattr("diptych.training.growth.LEAST", 8)
    monkeypatch.setattr("diptych.training.growth.BETTER", 1.0)  # nothing is ever better
    monkeypatch.setattr("diptych.training.schedule.Schedule.LEAST", 4)

    def learn(out: Path, tracker: Tracker) -> TrainedRun:
        return train(
            data=made_pairs, out=out, overrides=OPEN_ENDED, device="cpu", trackers=[tracker]
        )

    listener = Listener()
    whole = learn(tmp_path / "whole", listener)
    assert whole.finished
    judged = [e["step"] for e in listener.entries if "d_real" in e]
    rates = {e["step"]: e["rate"] for e in listener.entries if "rate" in e}
    assert judged
    assert judged[0] > 8
    assert rates[judged[0]] == 8e-4 > rates[max(rates)]

    class Stopping(Listener):
        def stepped(self, step, progress, seconds):
            super().stepped(step, progress, seconds)
            if len(self.steps) == 9:
                signal.raise_signal(signal.SIGINT)

    steps, finished = [], False
    while not finished:
        listener = Stopping()
        finished = learn(tmp_path / "parts", listener).finished
        steps += listener.steps
    assert steps == list(range(1, whole.step + 1))
    same_run(tmp_path / "parts", tmp_path / "whole")


@pytest.mark.slow
def test_a_model_from_before_the_discriminator_is_not_the_best_of_all(
    made_pairs, tmp_path, monkeypatch
):
    """However much better its score: sharpness that D adds is more than any distance tells."""
    seen: dict = {}  # scores are the worse, the later they are seen

    def worse(scores: dict) -> int:
        return seen.setdefault(tuple(scores.values()), len(seen))

    monkeypatch.setattr("diptych.training.keeper.selection_score", worse)
    changes = {"train.steps": 20, "train.epochs": 1, "train.validate_epochs": 1}
    listener = Listener()
    result = train(
        data=made_pairs,
        out=tmp_path / "run",
        overrides=OPEN_ENDED | changes | {"train.batch_size": 3},
        device="cpu",
        trackers=[listener],
    )
    validated = [entry["step"] for entry in listener.entries if "scores" in entry]
    assert validated == [0, 4, 8, 12, 16, 20]
    assert listener.best == [4, 12]
    assert read_header(result.model).step == 12, "the first with D, which began at 10"


def test_a_directory_whose_name_is_no_text_is_refused(learn, tmp_path):
    """Before anything is learned that could not be read again."""
    with pytest.raises(DiptychError, match="no name in UTF-8, and the library that reads models"):
        learn(out=tmp_path / os.fsdecode(b"\xff"))
    assert [path.name for path in tmp_path.iterdir()] == ["pairs"]


@pytest.mark.slow
def test_a_locale_of_english_letters_trains_in_a_directory_of_any(command, tmp_path):
    locale = {"LC_ALL": "POSIX", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    out = tmp_path / "[/x] é"
    process = command(out=out, env=locale)
    said, errors = process.communicate()
    assert process.returncode == 0, errors
    assert (out / "report.html").is_file()
    assert "no figures for TensorBoard: its library takes no such name as" in said + errors
