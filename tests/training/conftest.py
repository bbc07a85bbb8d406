"""Runs that take a second or two."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.training.small import SIZES, Listener

from diptych.training.trackers import Tracker
from diptych.training.train import TrainedRun, train

TINY = SIZES | {
    "train.epochs": 4,  # of five steps
    "train.validate_epochs": 2,
    "train.log_steps": 5,
}


@pytest.fixture
def listener() -> Listener:
    return Listener()


@pytest.fixture
def tiny() -> dict:
    """A recipe's keys."""
    return dict(TINY)


@pytest.fixture
def learn(made_pairs, tmp_path) -> Callable[..., TrainedRun]:
    """Train on twelve made-up pairs in `run`."""

    def learned(
        *trackers: Tracker, out: Path = tmp_path / "run", recipe="pix2pix", changes=None, **options
    ) -> TrainedRun:
        overrides = TINY | (changes or {})
        options = {"data": made_pairs, "device": "cpu", "trackers": trackers} | options
        return train(recipe, out=out, overrides=overrides, **options)

    return learned


@pytest.fixture
def command(made_pairs, tmp_path) -> Iterator[Callable[..., subprocess.Popen]]:
    """Start `diptych train` on the same pairs in `run`, as a process that ends with the test."""
    processes = []

    def started(*words: str, out: Path = tmp_path / "run", changes=None, **options):
        keys = TINY | (changes or {})
        sets = [f"--set={key}={json.dumps(value)}" for key, value in keys.items()]
        line = ["train", "pix2pix", f"--data={made_pairs}", f"--out={out}", "--device=cpu", *sets]
        options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True} | options
        before = options.pop("before", [])
        process = subprocess.Popen(
            [*before, sys.executable, "-m", "diptych", *line, *words],
            env=os.environ | options.pop("env", {}) | {"OMP_NUM_THREADS": "1", "COLUMNS": "200"},
            **options,
        )
        processes.append(process)
        return process

    yield started
    for process in processes:
        process.kill()
        process.communicate()


@pytest.fixture
def until() -> Callable[[Callable[[], object]], None]:
    """Wait until something is so."""

    def wait(so: Callable[[], object], seconds: float = 300) -> None:
        end = time.monotonic() + seconds
        while not so():
            assert time.monotonic() < end, "it never came"
            time.sleep(0.02)

    return wait
