"""Where a run's figures go: files first, TensorBoard, and whoever else listens."""

import json
import os
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from diptych.config import to_toml
from diptych.images.opening import picture_of
from diptych.schema import Recipe
from diptych.whole_file import cannot_be_written

# Keys of a line of the log.
NO_FIGURES = {"step", "epoch", "seconds", "scores", "findings", "taken_for_real"}


@dataclass(frozen=True)
class Beginning:
    """What a tracker is told before the first step."""

    out: Path
    recipe: Recipe
    device: str
    domains: tuple[str, str]
    pairs: dict[str, int]
    step: int  # where the run goes on
    steps: int  # of the whole budget; 0 where it is one of minutes, or none
    minutes: float
    batch_size: int
    save_model: Callable[[Path], None]  # to translate with, as it is then


class Tracker:
    """Listens to a run; every method may be left as it is."""

    def note(self, text: str) -> None:
        """Something a person should know."""

    def begin(self, beginning: Beginning) -> None:
        """The first step is about to be made."""

    def kept(self, done: int, total: int) -> None:
        """So many pairs from elsewhere are kept as files; `total` is 0 until it is known."""

    def decoded(self, done: int, total: int) -> None:
        """So many pairs of a split are in the cache."""

    def stepped(self, step: int, progress: float, seconds: float) -> None:
        """A step was made; `progress` goes from 0 to 1."""

    def log(self, entry: dict[str, Any]) -> None:
        """A line of the log: losses, the scores of a validation, or a finding alone."""

    def validated(self, step: int, scores: Mapping[str, float], best: bool) -> None:
        """Validation pairs were scored; whether this model is kept as the best so far."""

    def previewed(self, step: int, path: Path) -> None:
        """The previews of that validation are in a PNG file."""

    def went_back(self, step: int) -> None:
        """Training goes on from an earlier step; what was told of later ones is void."""

    def finish(self, model: Path, scores: Mapping[str, float]) -> None:
        """The run trained to its end; its best model is there, with these scores in validation."""

    def close(self) -> None:
        """The run stopped, for whatever reason."""


class All(Tracker):
    """Several trackers as one.

    One that fails, as its terminal or its reader has gone, is told nothing more, and `lost` says
    why: training is to stop.
    """

    def __init__(self, trackers: Sequence[Tracker]) -> None:
        self.trackers = list(trackers)
        self.lost: OSError | SystemExit | None = None
        for name in vars(Tracker):
            if not name.startswith("_"):
                setattr(self, name, partial(self._tell, name))

    def _tell(self, name: str, *told: Any) -> None:
        for tracker in [*self.trackers]:
            try:
                getattr(tracker, name)(*told)
            except (OSError, SystemExit) as error:  # the latter of a console without a reader
                self.trackers.remove(tracker)
                self.lost = self.lost or error


class JsonLines(Tracker):
    """`log.jsonl`: one JSON object a line. `size` lets a resumed run drop what it will redo."""

    def __init__(self, path: Path, keep: int) -> None:
        self.path, self.file = path, path.open("ab", buffering=0)
        self.drop_after(keep)

    def drop_after(self, size: int) -> None:
        """Keep the first so many bytes."""
        self.file.truncate(min(size, self.file.seek(0, os.SEEK_END)))
        self.file.seek(0, os.SEEK_END)

    def size(self) -> int:
        """Bytes on the disk by now."""
        os.fsync(self.file.fileno())
        return self.file.tell()

    def log(self, entry: dict[str, Any]) -> None:
        """Append a line, whole; raises DiptychError where it cannot be written."""
        line, before = json.dumps(entry).encode() + b"\n", self.file.tell()
        try:
            while line:
                line = line[self.file.write(line) :]
        except OSError as error:
            with suppress(OSError):
                self.drop_after(before)
            raise cannot_be_written(self.path, error) from error

    def close(self) -> None:
        """Close the file."""
        self.file.close()


def figures_of(entry: Mapping[str, Any]) -> dict[str, float]:
    """The figures of a line of the log, by the names that dashboards show: `train/g_l1`."""
    figures = {f"train/{name}": value for name, value in entry.items() if name not in NO_FIGURES}
    figures |= {f"validation/{name}": score for name, score in entry.get("scores", {}).items()}
    judged = entry.get("taken_for_real", {})
    return figures | {f"validation/taken_for_real_{side}": mean for side, mean in judged.items()}


def tensorboard(folder: Path, step: int, note: Callable[[str], object]) -> Tracker:
    """One for TensorBoard, where its library takes the folder's name; else `note` hears so."""
    try:
        str(folder).encode("utf-8")
    except UnicodeEncodeError:
        note(f"no figures for TensorBoard: its library takes no such name as {folder}")
        return Tracker()
    return TensorBoard(folder, step)


class TensorBoard(Tracker):
    """Figures, previews and the recipe for TensorBoard in `out/tensorboard`."""

    def __init__(self, folder: Path, step: int) -> None:
        self.folder = folder
        self._hook = threading.excepthook
        threading.excepthook = self._hushed
        self._open(step)

    def _open(self, step: int) -> None:
        from torch.utils.tensorboard import SummaryWriter

        self.writer = SummaryWriter(str(self.folder), purge_step=step + 1)

    def begin(self, beginning: Beginning) -> None:
        """Write the recipe, indented so that it is shown as it is."""
        words = "".join(f"    {line}\n" for line in to_toml(beginning.recipe).splitlines())
        self.writer.add_text("recipe", words, beginning.step)

    def previewed(self, step: int, path: Path) -> None:
        """Write the sheet of previews."""
        sheet = np.asarray(picture_of(path.read_bytes()).convert("RGB"))
        self.writer.add_image("previews", sheet, step, dataformats="HWC")

    def log(self, entry: dict[str, Any]) -> None:
        """Write every figure of the entry under its name."""
        for name, value in figures_of(entry).items():
            self.writer.add_scalar(name, value, entry["step"])

    def went_back(self, step: int) -> None:
        """Drop what is after the step."""
        self.writer.close()
        self._open(step)

    def close(self) -> None:
        """Flush and close."""
        try:
            self.writer.close()
        finally:
            threading.excepthook = self._hook

    def _hushed(self, args: threading.ExceptHookArgs) -> None:
        """Say nothing of a disk that fails under the library's thread: the next figure does."""
        theirs = type(args.thread).__module__.startswith("tensorboard.")
        if not (theirs and issubclass(args.exc_type, OSError)):
            self._hook(args)
