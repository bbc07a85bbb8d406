"""`kill -9` at random moments: nothing half-written is read as whole, and the end is the same.

Three kills by default; `make torture` has fifty.
"""

import contextlib
import json
import os
import random
import select
import signal
import subprocess
import sys
import time
import tomllib
from pathlib import Path

import pytest
import torch
from PIL import Image
from safetensors.torch import load_file
from tests.training.conftest import TINY

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


# A process with everything imported forks for each run: to import it fifty times takes minutes.
CODE = """
import json, os, sys
import torch.utils.tensorboard, lightning_fabric, pydantic, rich.progress, PIL.ImageFilter
import diptych.training.train, diptych.training.finish, diptych.commands.train_command
from diptych.commands.app import main
for line in sys.stdin:
    asked = json.loads(line)
    child = os.fork()
    if not child:
        said = os.open(asked["said"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(said, 1)
        os.dup2(said, 2)
        os.environ.update(asked["environment"])
        sys.argv = ["diptych", *asked["words"]]
        main()
        sys.exit(0)
    print(child, flush=True)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


class Forking:
    """One run after the other, each a process of its own."""

    def __init__(self) -> None:
        self.server = subprocess.Popen(
            [sys.executable, "-c", CODE],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=os.environ | {"OMP_NUM_THREADS": "1", "COLUMNS": "200"},
        )
        self.child: int | None = None

    def start(self, words: list[str], environment: dict[str, str], said: Path) -> None:
        asked = {"words": words, "environment": environment, "said": str(said)}
        self.server.stdin.write(json.dumps(asked).encode() + b"\n")
        self.server.stdin.flush()
        self.child = int(self.server.stdout.readline())

    def runs(self) -> bool:
        return not select.select([self.server.stdout], [], [], 0)[0]

    def wait(self) -> int:
        """Its exit status."""
        self.child = None
        return int(self.server.stdout.readline())

    def kill(self) -> int:
        """Its exit status: it may have ended before."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.child, signal.SIGKILL)
        return self.wait()

    def close(self) -> None:
        if self.child is not None:
            self.kill()
        self.server.kill()
        self.server.communicate()


@pytest.mark.slow
def test_killed_at_random_moments_it_ends_bit_identical(made_pairs, tmp_path, capsys):
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
    sets = [f"--set={key}={json.dumps(value)}" for key, value in (TINY | changes).items()]

    def start(name: str) -> None:
        cache = {"DIPTYCH_CACHE": str(tmp_path / f"cache of {name}")}
        line = ["train", "pix2pix", f"--data={made_pairs}", f"--out={tmp_path / name}"]
        forking.start([*line, "--device=cpu", *sets], cache, tmp_path / "said")

    run, untouched, said = (tmp_path / name for name in ("killed", "untouched", "said"))
    kills, first = 0, time.monotonic()
    with contextlib.closing(Forking()) as forking:
        start("untouched")
        begun = time.monotonic()
        while not steps_made(untouched):
            time.sleep(0.02)
        startup = time.monotonic() - begun
        assert forking.wait() == 0, said.read_text()
        while kills < KILLS:
            before = steps_made(run)
            start("killed")
            if chance.random() < 0.25:  # while it reads, decodes, claims, or makes its first steps
                time.sleep(chance.uniform(0.1, 1.2) * startup)
            else:
                while forking.runs() and steps_made(run) <= before:
                    time.sleep(0.01)
                time.sleep(chance.random())
            status = forking.kill()
            check_whole(run)
            if status == 0:
                break
            assert status == -signal.SIGKILL, said.read_text()
            kills += 1
        start("killed")
        assert forking.wait() == 0, said.read_text()
    with capsys.disabled() if KILLS > 3 else contextlib.nullcontext():
        print(f"{kills} kills in {time.monotonic() - first:.0f} s, {steps} steps")  # noqa: T201
    assert kills >= KILLS / 2
    for name in ("model.safetensors", "latest.safetensors"):
        ours, theirs = (load_file(folder / name) for folder in (run, untouched))
        assert ours.keys() == theirs.keys()
        assert all(torch.equal(tensor, theirs[key]) for key, tensor in ours.items()), name
    for ours, theirs in zip(outcome(run), outcome(untouched), strict=True):
        assert ours == theirs
    assert [*run.rglob(".*.tmp*")] == []
    assert not (run / "training.lock").exists()
