"""Checkpoints: all that training needs to go on as if it had never stopped."""

import math
import re
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import torch

from diptych.errors import DiptychError, DiskFullError, reason_of
from diptych.tensor_file import in_words
from diptych.training.out_of_memory import is_out_of_memory
from diptych.version import __version__
from diptych.whole_file import whole_file

# The best model's, and the one from before the rate fell, from where a longer run goes on.
Apart = Literal["best", "before_decay"]
FORMAT = 1  # of what is in one; those from before it was written there are of the first
KEYS = {"training", "fingerprint", "log_bytes"}  # that every checkpoint has
NAME = re.compile(r"step_(\d+)\.pt")


def save_checkpoint(folder: Path, state: dict[str, Any], step: int, keep: int) -> None:
    """Write `step_N.pt` whole; of the others stay `keep`, this one counted, from before it.

    Those of later steps are of a way that was left: training went back and came here anew.
    """
    path = folder / f"step_{step:08d}.pt"
    try:
        _write(path, state)
    except DiskFullError:
        older = checkpoints(folder)[:-1]
        if not older:
            raise
        for other in older:  # make room; the latest stays until there is a later one
            other.unlink()
        _write(path, state)
    paths = checkpoints(folder)
    here = paths.index(path) + 1
    for other in (*paths[: max(here - keep, 0)], *paths[here:]):
        other.unlink()


def save_checkpoint_apart(folder: Path, state: dict[str, Any], name: Apart) -> None:
    """Write one whole that is kept apart from the latest."""
    _write(folder / f"{name}.pt", state)


def _write(path: Path, state: dict[str, Any]) -> None:
    with whole_file(path) as aside, aside.open("wb") as file:
        try:
            torch.save({"format": FORMAT, **state}, file)
        except RuntimeError as error:  # in which torch hides what the system said
            raise error.__context__ if isinstance(error.__context__, OSError) else error from None


def checkpoints(folder: Path) -> list[Path]:
    """All checkpoints, the latest last."""
    paths = [path for path in folder.glob("step_*.pt") if NAME.fullmatch(path.name)]
    return sorted(paths, key=step_of)


def step_of(path: Path) -> int:
    """The step of a checkpoint."""
    return int(path.stem.partition("_")[2])


def latest_checkpoint(
    folder: Path, up_to: float = math.inf, note: Callable[[str], object] = lambda _: None
) -> dict[str, Any] | None:
    """The latest checkpoint, of a step `up_to` that, that can be read, on the CPU; None for none.

    Nothing in the file is executed; `note` hears of those that are damaged. Raises DiptychError
    where there are some and none can be read.
    """
    paths = [path for path in checkpoints(folder) if step_of(path) <= up_to]
    for path in reversed(paths):
        try:
            return _read(path)
        except _Damaged as fault:
            note(f"{path}: damaged ({fault}); the one before it serves")
    if paths:
        raise DiptychError(
            f"{folder}: no checkpoint can be read; begin another run with the model, by "
            f"--init-from {folder.parent} and a new --out, or remove {folder.parent} to start anew"
        )
    return None


def checkpoint_apart(
    folder: Path, name: Apart, note: Callable[[str], object] = lambda _: None
) -> dict[str, Any] | None:
    """One that is kept apart; None where it is not there, or damaged, of which `note` hears."""
    path = folder / f"{name}.pt"
    if not path.is_file():
        return None
    try:
        return _read(path)
    except _Damaged as fault:
        note(f"{path}: damaged ({fault}); passed over")
        return None


class _Damaged(Exception):  # noqa: N818 - another serves
    """Says in what a checkpoint is not as it was written."""


def _read(path: Path) -> dict[str, Any]:
    """Raises _Damaged where it is not as it was written."""
    try:
        with zipfile.ZipFile(path) as parts:
            changed = parts.testzip()  # which torch does not look at
        if changed is not None:
            raise _Damaged(f"{changed} has changed")
        state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
        if not state.keys() >= KEYS:
            raise _Damaged("no checkpoint of a run")
        version = state.pop("format", 1)
        if version > FORMAT:
            raise DiptychError(
                f"{path}: checkpoint format {in_words(version)}, newer than this diptych "
                f"{__version__} reads ({FORMAT}): pip install --upgrade diptych"
            )
    except (_Damaged, DiptychError):
        raise
    except Exception as error:  # whatever a stranger's bytes, or a disk's, lead to
        if is_out_of_memory(error):
            raise
        raise _Damaged(reason_of(error)) from error
    return state


def random_state() -> dict[str, torch.Tensor]:
    """The states of torch's random numbers: the noise of dropout."""
    states = {"cpu": torch.get_rng_state()}
    if torch.cuda.is_available():
        states["cuda"] = torch.cuda.get_rng_state()
    if torch.backends.mps.is_available():
        states["mps"] = torch.mps.get_rng_state()
    return states


def restore_random_state(states: dict[str, torch.Tensor]) -> None:
    """Go on with the noise where it was."""
    torch.set_rng_state(states["cpu"])
    if "cuda" in states and torch.cuda.is_available():
        torch.cuda.set_rng_state(states["cuda"])
    if "mps" in states and torch.backends.mps.is_available():
        torch.mps.set_rng_state(states["mps"])
