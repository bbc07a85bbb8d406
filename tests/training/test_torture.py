"""`kill -9` at random moments: nothing half-written is read as whole, and the end is the same.

Three kills by default; `make torture` has fifty.
"""

import os
import random
import signal
import subprocess
import time
import tomllib
from pathlib import Path

import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from diptych.evaluation.curves import read_log
from diptych.model_file import read_model
from diptych.training.checkpoint import checkpoint_apart, checkpoints, latest_checkpoint, step_of

KILLS = int(os.environ.get("DIPTYCH_KILLS", "3"))
TIMES = {"seconds", "images_per_second", "waiting"}  # in a line of the log


def steps_made(run: Path) -> int:
    return max((entry["step"] for entry in read_log(run / "log.jsonl")), default=0)


def check_whole(run: Path) -> None:
    """Whatever has its name is all there."""
    for name in ("model.safetensors", "latest.safetensors"):
        if (run / name).exists():
            read_model(run / name)
    damaged: list[str] = []
    for path in checkpoints(run / "checkpoints"):
        latest_checkpoint(run / "checkpoints", step_of(path), damaged.append)
    for name in ("best", "before_decay"):
        checkpoint_apart(run / "checkpoints", name, damaged.append)
    assert damaged == []
    if (run / "recipe.toml").exists():
        tomllib.loads((run / "recipe.toml").read_text("utf-8"))
    for path in (*(run / "previews").glob("step_*.png"), *run.glob("progress.gif")):
        with Image.open(path) as picture:
            picture.load()


def outcome(run: Path) -> tuple:
    """All that must be the same, times left out."""
    log = [
        {key: value for key, value in entry.items() if key not in TIMES}
        for entry in read_log(run / "log.jsonl")
    ]
    previews = {path.name: path.read_bytes() for path in (run / "previews").iterdir()}
    best = torch.load(run / "checkpoints" / "best.pt", weights_only=True)["training"]["step"]
    return log, previews, (run / "recipe.toml").read_text(), best


@pytest.mark.slow
def test_killed_at_random_moments_it_ends_bit_identical(command, tmp_path):
    chance, steps = random.Random(KILLS), 60 * KILLS
    changes = {
        "train.steps": steps,
        "train.validate_epochs": 0,
        "train.validation_pairs": 1,
        "train.checkpoint_steps": 7,
        "train.keep_best_checkpoint": True,
        "train.log_steps": 1,
        "train.ema": 0.9,
    }

    def start(name: str) -> subprocess.Popen:
        cache = {"DIPTYCH_CACHE": str(tmp_path / f"cache of {name}")}
        with (tmp_path / "said").open("w") as said:
            streams = {"stdout": said, "stderr": said}
            return command(out=tmp_path / name, changes=changes, env=cache, **streams)

    run, begun = tmp_path / "killed", time.monotonic()
    untouched = start("untouched")
    while not steps_made(tmp_path / "untouched"):
        time.sleep(0.02)
    startup = time.monotonic() - begun
    assert untouched.wait() == 0
    kills = 0
    while kills < KILLS:
        process, before = start("killed"), steps_made(run)
        if chance.random() < 0.25:  # while it reads, decodes, claims, or makes its first steps
            time.sleep(chance.uniform(0.3, 1.2) * startup)
        else:
            while process.poll() is None and steps_made(run) <= before:
                time.sleep(0.01)
            time.sleep(chance.random())
        process.kill()
        process.wait()
        check_whole(run)
        if process.returncode == 0:
            break
        assert process.returncode == -signal.SIGKILL, (tmp_path / "said").read_text()
        kills += 1
    last = start("killed")
    assert last.wait() == 0, (tmp_path / "said").read_text()
    print(f"{kills} kills in {time.monotonic() - begun:.0f} s, {steps} steps")  # noqa: T201
    assert kills >= KILLS / 2
    for name in ("model.safetensors", "latest.safetensors"):
        ours, theirs = (load_file(tmp_path / each / name) for each in ("killed", "untouched"))
        assert ours.keys() == theirs.keys()
        assert all(torch.equal(tensor, theirs[key]) for key, tensor in ours.items()), name
    for ours, theirs in zip(outcome(run), outcome(tmp_path / "untouched"), strict=True):
        assert ours == theirs
    assert [*run.rglob(".*.tmp*")] == []
    assert not (run / "training.lock").exists()
