"""Two processes bring a source in shares and train on it: every pair once, also over resumes."""

import json
import os
import signal
import subprocess
import sys
from collections import Counter, defaultdict
from pathlib import Path

import pytest
from tests.data.kept.test_keeping import ALL, numbers_in, write_dataset, write_shards
from tests.training.small import SIZES

from diptych.training.bringing import bring
from diptych.training.together import Processes

# `diptych train`, whose processes write down which examples they bring and which pairs they learn
# from, by what these show; one is killed when so many of its own were brought.
PROGRAM = """
import json, os, signal, sys
from pathlib import Path
from diptych.commands.app import main
from diptych.data.batches import Batches
from diptych.data.kept import block

block.MOST = 4
said = Path(os.environ["SAID"]).open("a", buffering=1)
dies_at = int(os.environ["DIES_AT"])
add, at, brought = block.BlockWriter.add, Batches.at, 0

def tell(**words):
    said.write(json.dumps(words | {"process": os.getpid()}) + "\\n")

def add_and_tell(writer, example, where):
    global brought
    add(writer, example, where)
    tell(brought=where)
    brought += 1
    if brought == dies_at:
        os.kill(os.getpid(), signal.SIGKILL)

def at_and_tell(batches, step):
    batch = at(batches, step)
    if batch.share is None or batch.share.counts:
        shown = ((batch.source[:, 0, 0, 0] + 1) * 127.5).round().int().tolist()
        tell(step=step, learned=shown)
    return batch

block.BlockWriter.add, Batches.at = add_and_tell, at_and_tell
main()
"""
KEYS = SIZES | {
    "data.load_size": 32,
    "data.direction": "a -> b",
    "augment.mirror": False,
    "train.batch_size": 6,
    "train.epochs": 0,
    "train.steps": 40,
    "train.log_steps": 1,
    "train.precision": "fp32",
}


@pytest.fixture
def command(tmp_path):
    """Start it on `data`; gives the process and what its processes have written."""
    (tmp_path / "program.py").write_text(PROGRAM)
    processes = []

    def started(data: str, *words: str, steps: int, dies_at: int = 0):
        said = tmp_path / f"said{len(processes)}.jsonl"
        sets = [f"--set={k}={json.dumps(v)}" for k, v in (KEYS | {"train.steps": steps}).items()]
        line = ["train", "pix2pix", f"--data={data}", f"--out={tmp_path / 'run'}", "--device=cpu"]
        process = subprocess.Popen(
            [sys.executable, str(tmp_path / "program.py"), *line, *sets, *words],
            env=os.environ
            | {"SAID": str(said), "DIES_AT": str(dies_at)}
            | {"OMP_NUM_THREADS": "1", "COLUMNS": "200"},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        processes.append(process)
        return process, said

    yield started
    for process in processes:
        process.kill()
        process.communicate()


def entries(said: Path, kind: str) -> list[dict]:
    return [entry for entry in map(json.loads, said.read_text().splitlines()) if kind in entry]


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["shards", "stream"])
def test_every_pair_comes_once_an_epoch_over_two_processes_and_resumes(
    kind, command, tmp_path, until
):
    where = tmp_path / "data"
    data = str(write_shards(where, 4)) if kind == "shards" else write_dataset(where)
    pairs = 100 if kind == "shards" else len(ALL)
    # Both are killed while they bring the pairs, when each has brought eleven.
    process, first = command(data, "--devices=2", steps=1000, dies_at=11)
    process.communicate(timeout=300)
    assert process.returncode != 0
    # The same goes on with the rest, and trains until it is told to stop.
    process, second = command(data, "--devices=2", steps=1000)
    until(lambda: process.poll() or (second.is_file() and len(entries(second, "learned")) > 30))
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=300)
    assert process.returncode == 130, errors
    # And to its end alone.
    process, third = command(data, steps=40)
    _, errors = process.communicate(timeout=300)
    assert process.returncode == 0, errors
    assert not entries(third, "brought")

    # Whole blocks, of four, are not brought again; both processes have brought some each time.
    for said in (first, second):
        assert len({entry["process"] for entry in entries(said, "brought")}) == 2
    before = Counter(entry["process"] for entry in entries(first, "brought"))
    whole = sum(count // 4 * 4 for count in before.values())
    assert len(entries(second, "brought")) == pairs - whole
    (table,) = Path(os.environ["DIPTYCH_CACHE"]).glob("kept/*/pairs.jsonl")
    assert numbers_in(table) == list(range(pairs))

    # What each step learned from, of all processes together.
    learned = defaultdict(list)
    for said in (second, third):
        for entry in entries(said, "learned"):
            learned[entry["step"]] += entry["learned"]
    trained = [number for number in range(pairs) if number in set().union(*learned.values())]
    steps_per_epoch = -(-len(trained) // 6)
    assert len(trained) > 0.8 * pairs  # the others are held out
    epochs = 40 // steps_per_epoch
    assert epochs >= 2
    for epoch in range(epochs):
        steps = range(epoch * steps_per_epoch, (epoch + 1) * steps_per_epoch)
        assert sorted(number for step in steps for number in learned[step]) == trained


def test_one_process_brings_all(tmp_path):
    data = str(write_shards(tmp_path / "data"))
    counted: list[tuple[int, int]] = []
    table = bring(data, Processes(), lambda *count: counted.append(count))
    assert numbers_in(table) == ALL
    assert counted == [*((n + 1, 0) for n in ALL), (len(ALL), len(ALL))]
    assert bring(data, Processes()) == table
    assert bring(tmp_path / "pairs", Processes()) == tmp_path / "pairs"
