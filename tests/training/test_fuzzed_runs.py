"""What lies in a run directory, as a crash or a stranger leaves it: read, or told in a line."""

import io
import json
from pathlib import Path

import pytest
import torch
from hypothesis import strategies as st
from tests.fuzz import JSON, altered, damaged, fuzzed, give

from diptych.config import load_recipe, to_toml
from diptych.errors import DiptychError
from diptych.evaluation.curves import read_log, run_curves
from diptych.training.begun_with import initial_again
from diptych.training.checkpoint import latest_checkpoint
from diptych.training.lock import Lock
from diptych.training.run_directory import RunDirectory

WRITTEN = Path(__file__).parents[1] / "written_before"
LOG = [
    {"step": 0, "scores": {"features": 0.5}, "seconds": 1.0},
    {"step": 5, "epoch": 1, "g_l1": 0.3, "rate": 2e-4, "seconds": 2.0},
    {"step": 10, "scores": {"features": 0.4}, "seconds": 3.0},
]
LINES = "".join(json.dumps(entry) + "\n" for entry in LOG).encode()


def checkpoint() -> bytes:
    file = io.BytesIO()
    training = {"step": 7, "weights": torch.arange(20.0), "sums": {}, "rates": (1, 2.5, None)}
    torch.save({"training": training, "fingerprint": "0", "log_bytes": 3}, file)
    return file.getvalue()


@fuzzed(content=damaged([checkpoint(), checkpoint()[:-100] + bytes(100)]))
def test_checkpoints(content, tmp_path):
    (tmp_path / "step_00000007.pt").write_bytes(content)
    notes: list[str] = []
    give(lambda: latest_checkpoint(tmp_path, note=notes.append), names=tmp_path)
    assert not any("\n" in note for note in notes)


@fuzzed(content=damaged([LINES, LINES + bytes(30), LINES.decode().encode("utf-16")]))
def test_logs(content, tmp_path):
    path = tmp_path / "log.jsonl"
    path.write_bytes(content)
    give(lambda: read_log(path))
    give(lambda: run_curves(path))


@fuzzed(entries=altered([LOG]))
def test_entries_of_logs(entries, tmp_path):
    path = tmp_path / "log.jsonl"
    lines = entries if isinstance(entries, list) else [entries]
    path.write_text("\n".join(json.dumps(line) for line in lines))
    give(lambda: run_curves(path))


@fuzzed(content=damaged([to_toml(load_recipe()).encode()]))
def test_recipes(content, tmp_path):
    run = RunDirectory(tmp_path / "run")
    run.path.mkdir(exist_ok=True)
    run.recipe.write_bytes(content)
    give(run.begun, names=run.recipe)


@fuzzed(draw=st.data())
def test_what_it_began_with(draw, tmp_path):
    file, model = tmp_path / "begun_with.json", WRITTEN / "format_3.safetensors"
    kept = {"model": str(model), "fingerprint": "0" * 16, "header": {}, "discriminator": None}
    text = json.dumps(draw.draw(altered([kept], JSON)))
    file.write_bytes(draw.draw(st.just(text.encode()) | damaged([text.encode()])))
    give(lambda: initial_again(model, file, lambda _: None))
    run = RunDirectory(tmp_path)
    run.recipe.write_text(to_toml(load_recipe()))
    give(lambda: run.check(load_recipe()), names=tmp_path)


@fuzzed(content=st.binary(max_size=60) | JSON.map(lambda value: json.dumps(value).encode()))
def test_locks(content, tmp_path):
    """Whatever it holds, it has no owner who lives here, and none who gives a sign."""
    lock = Lock(tmp_path / "training.lock")
    lock.path.write_bytes(content)
    lock._gives_a_sign = lambda *_: False
    give(lock.take)
    lock.close()


@pytest.mark.parametrize("line", [b"\xff", bytes(30), b"null", b'{"scores": 1}', b'{"step": "x"}'])
def test_lines_of_a_log_found_before(line, tmp_path):
    path = tmp_path / "log.jsonl"
    path.write_bytes(LINES + line + b"\n")
    assert read_log(path) == LOG


def test_a_recipe_found_before(tmp_path):
    run = RunDirectory(tmp_path)
    run.recipe.write_bytes(b"\x80")
    with pytest.raises(DiptychError, match=r"recipe\.toml: not valid TOML"):
        run.begun()


@pytest.mark.parametrize("content", [b"[]", b"\xff", b"1"])
def test_what_it_began_with_found_before(content, tmp_path):
    run = RunDirectory(tmp_path)
    run.recipe.write_text(to_toml(load_recipe()))
    run.begun_with.write_bytes(content)
    with pytest.raises(DiptychError, match=r"begun_with\.json: damaged"):
        run.check(load_recipe())
