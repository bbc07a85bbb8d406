"""However a training ends, a checkpoint and the latest model are there, and the same goes on."""

import contextlib
import fcntl
import os
import pty
import resource
import shutil
import signal
import subprocess
import sys
import termios
import textwrap

import pytest
import torch
from safetensors.torch import load_file

from diptych.errors import DiptychError
from diptych.evaluation.curves import read_log
from diptych.model_file import read_header
from diptych.training.checkpoint import checkpoints, latest_checkpoint, step_of
from diptych.training.trackers import Tracker

ENDLESS = {"train.epochs": 100_000, "train.validate_epochs": 100_000}


class At(Tracker):
    """Does something after a step."""

    def __init__(self, step, act):
        self.step, self.act = step, act

    def stepped(self, step, progress, seconds):
        if step == self.step:
            self.act()


def left(run) -> int:
    """The step of both that a training leaves."""
    checkpoint = checkpoints(run / "checkpoints")[-1]
    assert read_header(run / "latest.safetensors").step == step_of(checkpoint)
    assert latest_checkpoint(run / "checkpoints")["training"]["step"] == step_of(checkpoint)
    return step_of(checkpoint)


def same(one, other) -> bool:
    ours, theirs = (load_file(run / "latest.safetensors") for run in (one, other))
    scored = [[e for e in read_log(run / "log.jsonl") if "scores" in e] for run in (one, other)]
    scores = [[(e["step"], e["scores"]) for e in entries] for entries in scored]
    return scores[0] == scores[1] and all(torch.equal(ours[n], theirs[n]) for n in ours)


def learned(run) -> bool:
    """Whether some steps are made."""
    return any(entry["step"] for entry in read_log(run / "log.jsonl"))


@pytest.fixture
def whole(learn, tmp_path):
    return learn(out=tmp_path / "whole").path


@pytest.mark.parametrize(
    ("kinds", "step"),
    [
        ([signal.SIGINT], 1),
        ([signal.SIGTERM], 1),
        ([signal.SIGTERM, signal.SIGTERM], 7),
        ([signal.SIGHUP, signal.SIGHUP, signal.SIGTERM], 7),  # a terminal's, its shell's, init's
    ],
)
def test_a_signal_leaves_all_from_the_first_step_on(learn, tmp_path, whole, kinds, step):
    def ask() -> None:
        for kind in kinds:
            signal.raise_signal(kind)

    assert not learn(At(step, ask)).finished
    assert left(tmp_path / "run") == step
    assert learn().finished
    assert same(tmp_path / "run", whole)


def test_a_second_ctrl_c_insists(learn, tmp_path):
    def ask() -> None:
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        learn(At(3, ask))
    assert left(tmp_path / "run") == 0


def test_a_terminal_that_goes_ends_nothing_where_that_is_to_be_ignored(learn):
    """As by `nohup`."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        assert learn(At(3, lambda: signal.raise_signal(signal.SIGHUP))).finished
    finally:
        signal.signal(signal.SIGHUP, before)


def test_a_tracker_whose_reader_has_gone_misses_nothing_for_the_others(learn, tmp_path, whole):
    class Piped(Tracker):
        def validated(self, step, scores, best):
            if step == 10:
                raise BrokenPipeError(32, "Broken pipe")

    with pytest.raises(DiptychError, match="ended at step 10: Broken pipe; the same command goes"):
        learn(Piped())
    assert left(tmp_path / "run") == 10
    assert learn().finished
    assert same(tmp_path / "run", whole)


def test_any_other_error_between_steps_leaves_all_too(learn, tmp_path):
    def fail() -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        learn(At(3, fail))
    assert left(tmp_path / "run") == 3


def test_where_the_disk_is_full_a_line_says_so_and_what_was_kept_is_whole(learn, tmp_path, whole):
    """Nothing can be written from the eighth step on."""
    run, limits = tmp_path / "run", resource.getrlimit(resource.RLIMIT_FSIZE)

    def fill() -> None:
        size = (run / "log.jsonl").stat().st_size
        resource.setrlimit(resource.RLIMIT_FSIZE, (size + 20, limits[1]))

    try:
        with pytest.raises(DiptychError, match=r"log\.jsonl: cannot be written: File too large"):
            learn(At(8, fill), changes={"train.checkpoint_steps": 5})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert [step_of(path) for path in checkpoints(run / "checkpoints")] == [0, 5]
    assert read_header(run / "latest.safetensors").step == 0
    assert [*run.rglob("*.tmp*")] == []
    assert (run / "log.jsonl").read_bytes().endswith(b"}\n"), "no line is half there"
    assert learn().finished
    assert same(run, whole)


def test_an_older_checkpoint_makes_room_for_the_next(tmp_path):
    """On a disk that holds two and a half of them."""
    code = f"""
    import errno, torch
    from pathlib import Path
    from diptych.errors import DiptychError
    from diptych.training.checkpoint import checkpoints, latest_checkpoint, save_checkpoint
    folder = Path({str(tmp_path)!r}) / "disk"
    for step in range(1, 5):
        state = {{"training": {{"step": step, "weights": torch.full((100_000,), float(step))}}}}
        state |= {{"fingerprint": "", "log_bytes": 0}}
        save_checkpoint(folder, state, step, keep=2)
    assert latest_checkpoint(folder)["training"]["step"] == 4
    state["training"]["weights"] = torch.zeros(300_000)
    try:
        save_checkpoint(folder, state, 5, keep=2)
    except DiptychError as error:
        assert "step_00000005.pt: cannot be written: No space left on device" in str(error), error
        assert error.__cause__.errno == errno.ENOSPC
    print([path.name for path in checkpoints(folder)], latest_checkpoint(folder) is not None)
    """
    (tmp_path / "disk").mkdir()
    line = f'mount -t tmpfs -o size=1000k tmpfs {tmp_path}/disk && exec {sys.executable} -c "$0"'
    unshare = shutil.which("unshare")
    small = unshare and subprocess.run([unshare, "-rm", "true"], check=False).returncode == 0
    if not small:
        pytest.skip("needs leave to mount a small disk")
    ended = subprocess.run(
        [unshare, "-rm", "sh", "-c", line, textwrap.dedent(code)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.stdout.strip() == "['step_00000004.pt'] True", ended.stderr


def test_a_reader_that_goes_ends_a_training_whole(command, until, tmp_path):
    """As in `diptych train ... | head`."""
    run = tmp_path / "run"
    process = command(changes=ENDLESS)
    until(lambda: learned(run))
    process.stdout.close()
    assert process.wait(timeout=300) == 1
    assert left(run) > 0
    assert "Traceback" not in process.stderr.read()


def test_a_terminal_that_goes_ends_a_training_whole(command, until, tmp_path):
    run = tmp_path / "run"
    terminal, own = pty.openpty()

    def control() -> None:
        os.setsid()
        fcntl.ioctl(own, termios.TIOCSCTTY, 0)

    process = command(
        changes=ENDLESS, stdin=own, stdout=own, stderr=own, preexec_fn=control, close_fds=True
    )
    os.close(own)
    os.set_blocking(terminal, False)

    def trained() -> bool:
        with contextlib.suppress(BlockingIOError):
            os.read(terminal, 1 << 16)  # or it waits for us
        return learned(run)

    until(trained)
    os.close(terminal)
    process.wait(timeout=300)
    assert left(run) > 0
