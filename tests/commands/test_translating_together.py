"""Several processes translate a folder: the same pictures, told of once; what if one is lost."""

import signal
import subprocess
from pathlib import Path

import pytest
from tests.launchers import TORCHRUN, slurm_tasks
from tests.translation.jobs.of_files import (
    end,
    files_of,
    kill,
    make_folder,
    make_model,
    start,
    until,
)

FAILED = "failed: {}: not a picture that can be read\n"


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> Path:
    return make_model(tmp_path_factory.mktemp("model") / "model.safetensors")


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return make_folder(tmp_path_factory.mktemp("pictures") / "in", 130)


@pytest.fixture(scope="module")
def alone(model, folder) -> dict[str, bytes]:
    """What the plain command makes."""
    out = folder.parent / "alone"
    status, words, _ = end(start(model, folder, "--out", out))
    assert (status, words.endswith(FAILED.format(folder / "010x.png"))) == (1, True)
    made = files_of(out)
    assert len(made) == 130
    return made


def others_of(process: subprocess.Popen) -> list[int]:
    words = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text("ascii")
    return [int(word) for word in words.split()]


def test_two_processes_make_the_same_pictures_and_one_tells_of_them(model, folder, alone, tmp_path):
    out = tmp_path / "out"
    status, words, errors = end(start(model, folder, "--out", out, "--devices=2"))
    assert (status, errors) == (1, "")
    note, *told = words.splitlines(keepends=True)
    assert note.startswith("note: CPU, 1 thread, ")
    assert told == [f"130 translated to {out}\n", FAILED.format(folder / "010x.png")]
    assert files_of(out) == alone


@pytest.mark.slow
@pytest.mark.parametrize("starter", ["torchrun", "slurm"])
def test_others_may_start_them(starter, model, folder, alone, tmp_path):
    out = tmp_path / "out"
    if starter == "torchrun":
        _, words, _ = end(start(model, folder, "--out", out, before=TORCHRUN))
    else:
        tasks = [
            start(model, folder, "--out", out, "--devices=2", "--nodes=1", **task)
            for task in slurm_tasks()
        ]
        (status, words, _), other = map(end, tasks)
        assert status == 1
        assert other == (0, "", "")
    assert words.count("130 translated to ") == 1
    assert words.count("failed: ") == 1
    assert files_of(out) == alone


@pytest.mark.slow
def test_where_one_is_killed_the_others_finish_and_the_same_command_does_the_rest(model, tmp_path):
    folder = make_folder(tmp_path / "in", 400)
    end(start(model, folder, "--out", tmp_path / "alone"))
    out = tmp_path / "out"
    process = start(model, folder, "--out", out, "--devices=2")
    until(lambda: out.is_dir() and len(list(out.iterdir())) > 10)
    (other,) = others_of(process)
    kill(other)
    status, _, errors = end(process)
    assert status == 2
    assert errors == (
        "diptych: number 1, killed by signal 9, of the 2 processes that translate together has "
        "ended: the same command does the rest\n"
    )
    made = files_of(out)
    own = 6 * 32 + (401 - 12 * 32) - 1  # the first's groups, but for the file that is no picture
    assert own <= len([name for name in made if not Path(name).name.startswith(".")]) < 400
    status, words, _ = end(start(model, folder, "--out", out, "--devices=2"))
    assert status == 1
    assert "already there and kept" in words
    alone = files_of(tmp_path / "alone")
    made = files_of(out)
    assert {name: made[name] for name in alone} == alone
    rest = set(made) - set(alone)
    assert all(Path(name).name.startswith(".") for name in rest), "what the killed one was writing"


@pytest.mark.slow
def test_an_interrupt_leaves_whole_files(model, tmp_path):
    folder, out = make_folder(tmp_path / "in", 400), tmp_path / "out"
    process = start(model, folder, "--out", out, "--devices=2")
    until(lambda: out.is_dir() and len(list(out.iterdir())) > 10)
    others = others_of(process)
    process.send_signal(signal.SIGINT)
    status, words, errors = end(process)
    assert (status, errors) == (130, "")
    assert words.startswith("note: ")
    assert words.count("\n") == 1, "no summary"
    until(lambda: not any(Path(f"/proc/{other}").exists() for other in others))
    assert 10 < len(list(out.rglob("*.png"))) < 400
    assert not list(out.rglob(".*"))


def test_what_is_wrong_is_said_once(model, tmp_path):
    process = start(model, tmp_path / "nowhere", "--out", tmp_path, "--devices=2")
    said = f"{tmp_path / 'nowhere'}: no such file or folder, and no pattern that matches any"
    assert end(process) == (2, "", f"diptych: {said}\n")
