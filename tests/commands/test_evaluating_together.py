"""Several processes score the pairs of a split: the same scores, told of once."""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from tests.launchers import TORCHRUN
from tests.translation.jobs.of_files import FACTS, make_model, make_pairs

from diptych.evaluation.evaluate import evaluate, joined
from diptych.translation.loading import load

PAIRS = 70  # two groups and a few: a third of the shares of three has less


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> Path:
    return make_model(tmp_path_factory.mktemp("model") / "model.safetensors")


@pytest.fixture(scope="module")
def pairs(tmp_path_factory) -> Path:
    return make_pairs(tmp_path_factory.mktemp("scored") / "pairs", PAIRS)


@pytest.mark.parametrize("count", [1, 2, 3, 5])
def test_shares_come_to_what_all_come_to(count, model, pairs):
    translator = load(model, device="cpu")
    whole = evaluate(translator, pairs, size=64)
    shares = [
        evaluate(translator, pairs, size=64, share=(number, count)) for number in range(count)
    ]
    assert sum(len(share.images) for share in shares) == PAIRS
    together = joined(shares)
    assert [*together.images] == [*whole.images]
    assert together.scores == whole.scores
    assert together.baselines == whole.baselines
    assert together.gains == whole.gains
    assert together.notes == whole.notes


def scored(model: Path, pairs: Path, file: Path, *words: str, before: Sequence[str] = ()) -> str:
    """What `diptych evaluate` says, on the processor."""
    program = [*before, sys.executable, "-m", "diptych", "evaluate", model, "--data", pairs]
    return subprocess.check_output(
        [*program, "--size=64", "--device=cpu", "--json", file, *words],
        env=os.environ | FACTS,
        timeout=300,
        text=True,
    )


@pytest.mark.slow
def test_two_processes_score_as_one_and_one_tells_of_it(model, pairs, tmp_path):
    alone = scored(model, pairs, tmp_path / "alone.json")
    told = scored(model, pairs, tmp_path / "both.json", "--devices=2")
    assert told == alone
    one, two = (json.loads((tmp_path / f"{n}.json").read_text()) for n in ("alone", "both"))
    assert [*two["images"]] == [*one["images"]]
    for name, interval in one["scores"].items():
        assert two["scores"][name] == pytest.approx(interval, rel=1e-5), name


@pytest.mark.slow
def test_torchrun_may_start_them(model, pairs, tmp_path):
    alone = scored(model, pairs, tmp_path / "alone.json")
    assert alone in scored(model, pairs, tmp_path / "both.json", before=TORCHRUN)


def test_what_one_process_must_do_is_said(model, pairs, run, tmp_path):
    words = ["evaluate", model, "--data", pairs, "--devices", "2", "--report", tmp_path / "page"]
    status, _, error = run(*words)
    assert status == 2
    assert "--report" in error
    assert "one process" in error
