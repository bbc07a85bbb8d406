"""Two processes train as one: the same steps, shared out; and what comes when one is lost."""

import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from tests.launchers import TORCHRUN, slurm_tasks
from tests.training.small import SIZES

import diptych
from diptych.batch_share import Share
from diptych.config import load_recipe
from diptych.data.batches import Batches
from diptych.data.crops import Rectangles
from diptych.data.pairs import COLOURS
from diptych.errors import DiptychError
from diptych.evaluation.curves import read_log
from diptych.model_file import read_header
from diptych.training.checkpoint import checkpoints, latest_checkpoint
from diptych.training.starting import start_processes
from diptych.training.together import Processes, check_shares

# With dropout and batch statistics, as the paper's recipe has them; the last batch is of one pair.
STEPS = {
    "train.precision": "fp32",
    "train.epochs": 0,
    "train.steps": 50,
    "train.log_steps": 1,
    "train.validate_epochs": 8,
    "train.batch_size": 4,
    "generator.statistics": "batch",
    "discriminator.statistics": "batch",
}
ENDLESS = STEPS | {"train.steps": 100_000}
TOGETHER = "--devices=2"


def trained(process: subprocess.Popen) -> str:
    out, errors = process.communicate(timeout=300)
    assert process.returncode == 0, errors
    return out


def state_of(run) -> dict:
    return latest_checkpoint(run / "checkpoints")["training"]


def steps_of(run) -> dict[int, list[float]]:
    """The losses of every step."""
    return {
        entry["step"]: [entry[key] for key in sorted(entry) if key[:2] in {"g_", "d_"}]
        for entry in read_log(run / "log.jsonl")
        if "g_l1" in entry
    }


def assert_same(run, other, tolerance: float = 1e-3) -> None:
    """Losses of all steps, weights, random numbers, and scores in validation."""
    torch.testing.assert_close(steps_of(run), steps_of(other), rtol=0, atol=tolerance)
    ours, theirs = state_of(run), state_of(other)
    for part in ("generator", "discriminator"):
        torch.testing.assert_close(ours[part], theirs[part], rtol=tolerance, atol=tolerance)
    assert torch.equal(ours["random"]["cpu"], theirs["random"]["cpu"])
    scores = [
        [e["scores"] for e in read_log(r / "log.jsonl") if "scores" in e] for r in (run, other)
    ]
    for here, there in zip(*scores, strict=True):
        assert here == pytest.approx(there, rel=0.02)


def test_two_processes_with_half_a_batch_are_one_with_the_whole(command, learn, tmp_path):
    out = trained(command(TOGETHER, changes=STEPS))
    assert "2 processes" in out
    assert out.count("Finished: 50 steps") == 1  # one speaks
    alone = learn(out=tmp_path / "alone", changes=STEPS).path
    assert_same(tmp_path / "run", alone)


@pytest.mark.slow
@pytest.mark.parametrize("start", [["torchrun"], ["slurm"]])
def test_others_may_start_them(start, command, learn, tmp_path):
    changes = STEPS | {"train.steps": 10}
    if start == ["torchrun"]:
        trained(command(changes=changes, before=TORCHRUN))
    else:
        tasks = [
            command(TOGETHER, "--nodes=1", changes=changes, env=task) for task in slurm_tasks()
        ]
        said = [trained(task) for task in tasks]
        assert "Finished" in said[0]
        assert not said[1]
    assert_same(tmp_path / "run", learn(out=tmp_path / "alone", changes=changes).path)


@pytest.mark.slow
def test_each_process_may_have_its_share_in_parts(command, learn, made_pairs, tmp_path):
    """Of the last batch of an epoch, which is of three pairs, one and two: in one part and two."""
    (made_pairs / "train" / "00.png").unlink()
    changes = STEPS | {"train.batch_size": 6, "train.steps": 10}
    changes |= {"generator.statistics": "image", "discriminator.statistics": "image"}
    trained(command(TOGETHER, changes=changes | {"train.accumulate": 2}))
    alone = learn(out=tmp_path / "alone", changes=changes)
    assert read_header(alone.model).dataset.pairs["train"] % 6 == 3
    assert_same(tmp_path / "run", alone.path)


@pytest.mark.slow
def test_a_run_goes_on_with_another_number_of_processes(command, learn, tmp_path, until):
    """Stopped wherever it is, two processes, one, and two again come to what one comes to."""
    log, step = tmp_path / "run" / "log.jsonl", 0
    for words, more in (([TOGETHER], 10), ([], 10)):
        step += more
        process = command(*words, changes=STEPS)
        until(lambda step=step: log.is_file() and max(steps_of(log.parent), default=0) >= step)
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)
        assert process.returncode in {0, 130}
    trained(command(TOGETHER, changes=STEPS))
    assert_same(tmp_path / "run", learn(out=tmp_path / "alone", changes=STEPS).path)


@pytest.mark.slow
def test_a_polite_kill_of_the_first_leaves_all(command, tmp_path, until):
    run = tmp_path / "run"
    process = command(TOGETHER, changes=ENDLESS)
    until(lambda: (run / "log.jsonl").is_file() and len(steps_of(run)) > 3)
    process.send_signal(signal.SIGTERM)
    out, errors = process.communicate(timeout=60)
    assert process.returncode == 130, errors
    assert "all is saved" in out
    assert not errors
    assert state_of(run)["step"] >= 4
    assert (run / "latest.safetensors").is_file()


@pytest.mark.slow
@pytest.mark.parametrize("who", ["other", "first"])
def test_a_process_that_dies_ends_the_others_and_the_same_command_goes_on(
    who, command, learn, tmp_path, until
):
    run = tmp_path / "run"
    changes = STEPS | {"train.checkpoint_steps": 5}
    process = command(TOGETHER, changes=changes | {"train.steps": 100_000})
    until(lambda: len(checkpoints(run / "checkpoints")) > 1)
    (other,) = children(process.pid)
    os.kill(other if who == "other" else process.pid, signal.SIGKILL)
    _, errors = process.communicate(timeout=60)
    until(lambda: not alive(other))
    if who == "other":
        assert process.returncode == 2
        assert errors == (
            "diptych: number 1, killed by signal 9, of the 2 processes that train together has "
            "ended: the same command goes on from the last checkpoint\n"
        )
    step = state_of(run)["step"]
    out = trained(command(TOGETHER, changes=changes | {"train.steps": step + 10}))
    assert f"going on from step {step:,}" in out
    assert state_of(run)["step"] == step + 10


@pytest.mark.slow
def test_what_is_wrong_is_said_once(command, made_pairs):
    for words, changes, said in [
        (
            [TOGETHER],
            {"train.batch_size": 3},
            "train.batch_size 3 is no multiple of the 2 processes",
        ),
        ([TOGETHER, "--data=nowhere"], {}, "nowhere"),
    ]:
        process = command(*words, changes=changes)
        out, errors = process.communicate(timeout=60)
        assert process.returncode == 2, out
        assert errors.count("\n") == 1
        assert said in errors


def children(process: int) -> list[int]:
    words = Path(f"/proc/{process}/task/{process}/children").read_text("ascii")
    return [int(word) for word in words.split()]


def alive(process: int) -> bool:
    with contextlib.suppress(OSError):
        words = Path(f"/proc/{process}/stat").read_text("ascii")
        return words.rpartition(")")[2].split()[0] not in "ZX"
    return False


KEYS = SIZES | {
    "train.batch_size": 4,
    "data.crop_size": 8,
    "data.load_size": 10,
    "augment.rotation": 20,
    "augment.scale": [1, 1.2],
    "augment.colour": 0.3,
}


@pytest.mark.parametrize("processes", [2, 3])
@pytest.mark.parametrize("derived", [False, True])
def test_shares_of_a_batch_are_the_pictures_that_one_process_has(processes, derived):
    changes = {"derive.kind": "degrade", "derive.noise": [1, 9]} if derived else {}
    pictures = np.random.default_rng(0).integers(0, 256, (10, 12, 12, 3), np.uint8)
    sources = pictures if derived else 255 - pictures
    domains = (COLOURS, COLOURS)
    whole = Batches(
        Rectangles(sources, pictures, (8, 8)), domains, load_recipe("pix2pix", KEYS | changes)
    )
    shares = [whole.shared_out(number, processes) for number in range(processes)]
    for step in range(6):  # two epochs, whose last batch is of two pairs
        batch, parts = whole.at(step), [share.at(step) for share in shares]
        counted = [part for part in parts if part.share.counts]
        assert torch.equal(torch.cat([part.source for part in counted]), batch.source)
        assert torch.equal(torch.cat([part.target for part in counted]), batch.target)
        assert sum(part.share.weight for part in parts) == pytest.approx(1)


@pytest.mark.parametrize("processes", [1, 2, 5, 8])
def test_every_pair_comes_once_in_an_epoch_over_all_processes(processes):
    pictures = np.arange(21, dtype=np.uint8)[:, None, None, None] * np.ones((1, 8, 8, 3), np.uint8)
    keys = SIZES | {"train.batch_size": 8, "data.crop_size": 8, "data.load_size": 8}
    whole = Batches(
        Rectangles(pictures, pictures, (8, 8)), (COLOURS, COLOURS), load_recipe("pix2pix", keys)
    )
    shares = [whole.shared_out(number, processes) for number in range(processes)]
    for epoch in range(2):
        seen = []
        for step in range(epoch * 3, epoch * 3 + 3):
            for share in shares:
                rows = share.at(step).share or Share.whole(0)
                if processes == 1 or rows.counts:
                    seen += share.pictures_at(step)[1][:, 0, 0, 0].tolist()
        assert sorted(seen) == list(range(21))


def test_alone_there_is_nobody_to_ask():
    alone = start_processes(torch.device("cpu"))
    assert alone.first
    assert not alone.any(False)
    assert alone.by_first(lambda: 1) == alone.in_turn(lambda: 1) == 1
    assert alone.by_each(lambda: 1) == [1]


def test_devices_that_are_not_there_are_a_line():
    with pytest.raises(DiptychError, match=r"--devices 2: this machine has 1 \(mps\)"):
        start_processes(torch.device("mps"), 2)


@pytest.mark.parametrize("words", [["-c"], []])
def test_a_script_that_is_no_file_cannot_be_run_by_others(words):
    program = (
        "import torch; from diptych.training.starting import start_processes\n"
        "start_processes(torch.device('cpu'), 2)\n"
    )
    ran = subprocess.run(
        [sys.executable, *words, *([program] if words else [])],
        input="" if words else program,
        check=False,
        capture_output=True,
        text=True,
        timeout=120,
        env=os.environ | {"PYTHONPATH": str(Path(diptych.__file__).parents[1])},
    )
    assert ran.returncode == 1
    assert "this one came through a pipe, -c or a console: put it into a file" in ran.stderr


def test_a_batch_is_shared_out_evenly():
    together = Processes()
    together.count = 3
    check_shares(6, together)
    with pytest.raises(
        DiptychError, match=r"train\.batch_size 4 is no multiple of the 3 processes"
    ):
        check_shares(4, together)
