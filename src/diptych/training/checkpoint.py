"""Checkpoints: all that training needs to go on as if it had never stopped."""

import errno
import math
import re
from pathlib import Path
from pickle import UnpicklingError
from typing import Any, Literal

import torch

from diptych.errors import DiptychError
from diptych.whole_file import whole_file

# The best model's, and the one from before the rate fell, from where a longer run goes on.
Apart = Literal["best", "before_decay"]
FULL = {errno.ENOSPC, errno.EDQUOT}
NAME = re.compile(r"step_(\d+)\.pt")


def save_checkpoint(folder: Path, state: dict[str, Any], step: int, keep: int) -> None:
    """Write `step_N.pt` whole; of the others stay `keep`, this one counted, from before it.

    Those of later steps are of a way that was left: training went back and came here anew.
    """
    path = folder / f"step_{step:08d}.pt"
    try:
        _write(path, state)
    except DiptychError as error:
        older = checkpoints(folder)[:-1]
        if not older or getattr(error.__cause__, "errno", None) not in FULL:
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
            torch.save(state, file)
        except RuntimeError as error:  # in which torch hides what the system said
            raise error.__context__ if isinstance(error.__context__, OSError) else error from None


def checkpoints(folder: Path) -> list[Path]:
    """All checkpoints, the latest last."""
    paths = [path for path in folder.glob("step_*.pt") if NAME.fullmatch(path.name)]
    return sorted(paths, key=step_of)


def step_of(path: Path) -> int:
    """The step of a checkpoint."""
    return int(path.stem.partition("_")[2])


def latest_checkpoint(folder: Path, up_to: float = math.inf) -> dict[str, Any] | None:
    """The latest checkpoint, of a step `up_to` that, that can be read, on the CPU; None for none.

    Nothing in the file is executed. Raises DiptychError where there are some and none can be read.
    """
    paths = [path for path in checkpoints(folder) if step_of(path) <= up_to]
    for path in reversed(paths):
        if (state := _read(path)) is not None:
            return state
    if paths:
        raise DiptychError(f"{folder}: no checkpoint can be read; remove the folder to start anew")
    return None


def checkpoint_apart(folder: Path, name: Apart) -> dict[str, Any] | None:
    """One that is kept apart; None where it is not there, or cannot be read."""
    return _read(folder / f"{name}.pt")


def _read(path: Path) -> dict[str, Any] | None:
    """None where it was damaged after it was written: another serves."""
    try:
        state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    except (RuntimeError, OSError, EOFError, LookupError, ValueError, UnpicklingError):
        return None
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
