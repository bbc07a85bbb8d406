"""What an actor of Ray holds and does: the model, and groups of pictures through it."""

import os
import tempfile
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

from diptych.by_ray.ray_rows import RowActor
from diptych.errors import DiptychError, loses_all
from diptych.images import limits
from diptych.images.files import VIDEO_SUFFIXES
from diptych.places import AT_ONCE, Place
from diptych.translation.jobs.file_plan import Plan, written
from diptych.translation.jobs.pipeline import Outcome, settle
from diptych.translation.settings import Settings
from diptych.translation.translator import Translator


class Wanted(NamedTuple):
    """A picture or video by its name, its result's, and which of its files are there already."""

    name: str
    result: str
    there: list[str]


Group = list[Wanted]


@dataclass(frozen=True)
class Work:
    """What every actor is told; of the model, which it gets otherwise, the ending counts."""

    model: Path
    settings: Settings
    sources: Place
    results: Place
    panel: tuple[int, int] | None
    translate: Callable[..., Outcome]  # `translate_plan` with its options
    max_pixels: int


def result_files(work: Work, name: str, result: str) -> list[str]:
    """Of a picture or video: the names of all that is written."""
    samples = 0 if is_video(name) else work.settings.samples
    return [str(path) for path in written(PurePosixPath(result), samples)]


def is_whole(work: Work, wanted: Wanted) -> bool:
    """Whether none of its files is missing."""
    return len(wanted.there) == len(result_files(work, wanted.name, wanted.result))


def is_video(name: str) -> bool:
    """By its ending."""
    return PurePosixPath(name).suffix.lower() in VIDEO_SUFFIXES


class Translating(RowActor):
    """The model, held by an actor of Ray, and what it does with a group."""

    def __init__(self, work: Work, common: Any) -> None:
        super().__init__(common)
        os.environ[limits.VARIABLE] = str(work.max_pixels)
        self.work = work
        self.notes: list[str] = []
        self.translator = load_stored(self.shared(), work.model.suffix, work.settings.load)
        self.translator.notice = self.notes.append

    def settle(self, group: Group) -> tuple[str, list[str]]:
        """The precision that its first picture decides, and what is to be said of it."""
        with tempfile.TemporaryDirectory() as folder:
            plan = self._copied(group, Path(folder))[0]
            settle(self.translator, plan, self.work.panel)
        return self.translator.precision, self.notes

    def done(self, row: Group) -> Outcome:
        """Translate a group."""
        work = self.work
        with tempfile.TemporaryDirectory() as folder:
            plan, names, lost = self._copied(row, Path(folder))
            outcome = work.translate(
                self.translator, plan, panel=work.panel, counting=lambda _: nullcontext(_nobody)
            )
            outcome.failures = [lost.get(line, line) for line in outcome.failures]
            self._put(row, plan, outcome)
            return _named(outcome, names)

    def given_up(self, row: Group, words: str) -> Outcome:
        """Each of a group that is not there yet."""
        missing = (each.name for each in row if not is_whole(self.work, each))
        return Outcome(failures=[f"{self.work.sources.address(name)}: {words}" for name in missing])

    def _copied(self, group: Group, folder: Path) -> tuple[Plan, dict[str, str], dict[str, str]]:
        """A plan of a group copied here, what its files are there, and why some did not come.

        Results that are there are stood in for by empty files.
        """
        work, plan = self.work, Plan()
        names: dict[str, str] = {}
        lost: dict[str, str] = {}

        def bring(number: int, wanted: Wanted) -> Path:
            copy = folder / f"{number:04}{PurePosixPath(wanted.name).suffix.lower()}"
            try:
                return work.sources.bring(wanted.name, copy)
            except DiptychError as error:
                lost[f"{copy}: No such file or directory"] = str(error)
                return copy

        with ThreadPoolExecutor(AT_ONCE) as threads:
            paths = list(threads.map(bring, range(len(group)), group))
        for number, (wanted, path) in enumerate(zip(group, paths, strict=True)):
            made = folder / f"made{number:04}{PurePosixPath(wanted.result).suffix}"
            (plan.videos if is_video(wanted.name) else plan.jobs).append((path, made))
            names[str(path)] = work.sources.address(wanted.name)
            for here, there in self._both(wanted, made):
                names[str(here)] = work.results.address(there)
                if there in wanted.there:
                    here.touch()
        return plan, names, lost

    def _both(self, wanted: Wanted, made: Path) -> Iterator[tuple[Path, str]]:
        samples = 0 if is_video(wanted.name) else self.work.settings.samples
        yield from zip(
            written(made, samples), result_files(self.work, wanted.name, wanted.result), strict=True
        )

    def _put(self, group: Group, plan: Plan, outcome: Outcome) -> None:
        """Copy what was made to its place; what cannot be is no longer counted as translated."""

        def put(wanted: Wanted, made: Path) -> str | None:
            try:
                for here, there in self._both(wanted, made):
                    if here.exists() and there not in wanted.there:
                        self.work.results.put(here, there)
            except DiptychError as error:
                if loses_all(error):
                    raise
                return str(error)
            return None

        with ThreadPoolExecutor(AT_ONCE) as threads:
            jobs = [made for _, made in plan.jobs + plan.videos]
            faults = [fault for fault in threads.map(put, group, jobs) if fault is not None]
        outcome.kept, outcome.translated = 0, outcome.translated - len(faults)
        outcome.failures += faults


def load_stored(stored: bytes, ending: str, load: Callable[[Path], Translator]) -> Translator:
    """A model that was sent, as a file of its kind."""
    with tempfile.TemporaryDirectory() as folder:
        model = Path(folder, f"model{ending.lower()}")
        model.write_bytes(stored)
        return load(model)


def _nobody(_done: int, _total: int) -> None:
    """Told of the progress, where nobody looks."""


def _named(outcome: Outcome, names: Mapping[str, str]) -> Outcome:
    """An outcome that speaks of files as they are called in their place."""

    def named(line: str) -> str:
        for here, there in names.items():
            line = line.replace(here, there)
        return line

    for lines in (outcome.failures, outcome.far, outcome.about_videos):
        lines[:] = map(named, lines)
    for paths in outcome.left_out.files.values():
        paths[:] = [names.get(str(path), str(path)) for path in paths]
    return outcome
