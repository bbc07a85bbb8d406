"""A folder of any size and place through a model, on all machines of a Ray cluster.

A Ray Data pipeline whose rows are groups of pictures, as `shares` makes them: actors that hold the
model copy a group to their machine, translate it as the plain command does, and copy the results to
their place. Ray starts an actor again that was lost, and gives it the group that it had.
"""

import importlib
import json
import logging
import os
import pickle
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

from diptych.errors import DiptychError, in_words_of, loses_all, optional, reason_of
from diptych.groups import groups_of
from diptych.images import limits
from diptych.images.files import VIDEO_SUFFIXES
from diptych.translation.jobs.file_plan import Plan, written
from diptych.translation.jobs.pipeline import Outcome, settle
from diptych.translation.jobs.places import Place
from diptych.translation.settings import Settings
from diptych.translation.translator import Progress

STORE = 2**28  # bytes of shared memory that a Ray of our own takes; only the model goes through it
MOST_BLOCKS = 10_000  # that Ray keeps account of
TRIES = 4  # with a group that actors are lost on
AT_ONCE = 8  # files that are copied at the same time


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


def translate_places(
    work: Work,
    names: Mapping[str, str],
    *,
    overwrite: bool = False,
    actors: int = 0,
    on_progress: Progress = lambda *_: None,
    notice: Callable[[str], None] = lambda _: None,
) -> Outcome:
    """Translate what `names` has, by name in `work.sources`, to these names in `work.results`.

    `actors`: so many, else one for each GPU of the cluster, or for each core or so many threads.
    Raises DiptychError where Ray is not there, or fails.
    """
    ray = optional("ray", "--ray needs Ray: pip install 'diptych[ray]'")
    groups, outcome = wanted_groups(work, names, overwrite)
    if not groups:
        return outcome
    if outcome.kept:
        on_progress(outcome.kept, len(names))
    with _running(ray), _in_a_line(ray):
        common = ray.remote(Common).options(num_cpus=0).remote(work.model.read_bytes())
        needs = _needs(ray, work.settings)
        work = replace(work, settings=_settled(ray, work, common, groups, needs, notice))
        for became in _outcomes(ray, work, common, groups, actors, needs):
            if isinstance(became, str):
                raise DiptychError(f"{became}: the same command does the rest")
            outcome.add(became)
            on_progress(outcome.kept + outcome.translated + len(outcome.failures), len(names))
    outcome.failures.sort()
    return outcome


def wanted_groups(
    work: Work, names: Mapping[str, str], overwrite: bool
) -> tuple[list[Group], Outcome]:
    """Groups of which something is missing, and an outcome that counts what is there.

    A picture's group is that of the plain command. A video is a group.
    """
    there = set() if overwrite else set(work.results.names())

    def wanted(name: str, result: str) -> Wanted:
        return Wanted(name, result, [each for each in _files(work, name, result) if each in there])

    every = [wanted(name, result) for name, result in names.items()]
    pictures = [each for each in every if not _is_video(each.name)]
    groups = [list(group) for group in groups_of(pictures)]
    groups += [[each] for each in every if _is_video(each.name)]
    missing = [group for group in groups if not all(_is_there(work, each) for each in group)]
    return missing, Outcome(kept=sum(_is_there(work, each) for each in every))


def _files(work: Work, name: str, result: str) -> list[str]:
    samples = 0 if _is_video(name) else work.settings.samples
    return [str(path) for path in written(PurePosixPath(result), samples)]


def _is_there(work: Work, wanted: Wanted) -> bool:
    return len(wanted.there) == len(_files(work, wanted.name, wanted.result))


def _is_video(name: str) -> bool:
    return PurePosixPath(name).suffix.lower() in VIDEO_SUFFIXES


class Common:
    """What is there once for all: the stored model, and how often a group was begun."""

    def __init__(self, model: bytes) -> None:
        self.stored = model
        self.begun: Counter[int] = Counter()

    def model(self) -> bytes:
        """The stored model."""
        return self.stored

    def begin(self, number: int) -> int:
        """A group is begun for so many times."""
        self.begun[number] += 1
        return self.begun[number]


class Translating:
    """The model, held by an actor of Ray, and what it does with a group."""

    def __init__(self, work: Work, common: Any) -> None:
        os.environ[limits.VARIABLE] = str(work.max_pixels)
        self.work, self.common, self.ray = work, common, importlib.import_module("ray")
        self.notes: list[str] = []
        with tempfile.TemporaryDirectory() as folder:
            model = Path(folder, f"model{work.model.suffix.lower()}")
            model.write_bytes(self.ray.get(common.model.remote()))
            self.translator = work.settings.load(model)
        self.translator.notice = self.notes.append

    def settle(self, group: Group) -> tuple[str, list[str]]:
        """The precision that its first picture decides, and what is to be said of it."""
        with tempfile.TemporaryDirectory() as folder:
            plan = self._copied(group, Path(folder))[0]
            settle(self.translator, plan, self.work.panel)
        return self.translator.precision, self.notes

    def __call__(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """Translate a group; what became of it, or a line where all others would fail too."""
        group = [Wanted(*each) for each in json.loads(row["group"])]
        became: Outcome | str
        if self.ray.get(self.common.begin.remote(int(row["number"]))) > TRIES:
            became = self._failed(group, f"{TRIES} processes were lost on it or its neighbours")
        else:
            try:
                became = self._translated(group)
            except Exception as error:
                words = in_words_of(error)
                became = words if loses_all(error) else self._failed(group, words)
        return {"became": pickle.dumps(became)}

    def _failed(self, group: Group, words: str) -> Outcome:
        missing = (each.name for each in group if not _is_there(self.work, each))
        return Outcome(failures=[f"{self.work.sources.address(name)}: {words}" for name in missing])

    def _translated(self, group: Group) -> Outcome:
        work = self.work
        with tempfile.TemporaryDirectory() as folder:
            plan, names, lost = self._copied(group, Path(folder))
            outcome = work.translate(
                self.translator, plan, panel=work.panel, counting=lambda _: nullcontext(_nobody)
            )
            outcome.failures = [lost.get(line, line) for line in outcome.failures]
            self._put(group, plan, outcome)
            return _named(outcome, names)

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
            (plan.videos if _is_video(wanted.name) else plan.jobs).append((path, made))
            names[str(path)] = work.sources.address(wanted.name)
            for here, there in self._both(wanted, made):
                names[str(here)] = work.results.address(there)
                if there in wanted.there:
                    here.touch()
        return plan, names, lost

    def _both(self, wanted: Wanted, made: Path) -> Iterator[tuple[Path, str]]:
        samples = 0 if _is_video(wanted.name) else self.work.settings.samples
        yield from zip(
            written(made, samples), _files(self.work, wanted.name, wanted.result), strict=True
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


@contextmanager
def _running(ray: Any) -> Iterator[None]:
    """The Ray that RAY_ADDRESS names, else one of our own, of this machine; it tells nobody."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    begun = not ray.is_initialized()
    own = begun and not os.environ.get("RAY_ADDRESS")
    if begun:
        ray.init(
            logging_level=logging.ERROR,
            log_to_driver=False,
            **({"include_dashboard": False, "object_store_memory": STORE} if own else {}),
        )
    try:
        yield
    finally:
        if begun:
            ray.shutdown()


@contextmanager
def _in_a_line(ray: Any) -> Iterator[None]:
    """What Ray raises, as a DiptychError."""
    try:
        yield
    except ray.exceptions.RayError as error:
        cause = getattr(error, "cause", None) or error
        raise DiptychError(f"--ray: {reason_of(cause)}: the same command does the rest") from None


def _needs(ray: Any, settings: Settings) -> dict[str, float]:
    """What an actor takes of the cluster."""
    gpus = ray.cluster_resources().get("GPU", 0)
    if settings.device == "cuda" or (settings.device == "auto" and gpus):
        return {"num_gpus": 1}
    return {"num_cpus": settings.threads or 1}


def _settled(
    ray: Any,
    work: Work,
    common: Any,
    groups: Sequence[Group],
    needs: Mapping[str, float],
    notice: Callable[[str], None],
) -> Settings:
    """Settings for all actors alike, after what the first picture decides where they are."""
    settings = replace(work.settings, threads=work.settings.threads or 1)
    if settings.precision != "auto":
        return settings
    actor = (
        ray.remote(Translating).options(**needs).remote(replace(work, settings=settings), common)
    )
    for group in groups:
        precision, notes = ray.get(actor.settle.remote(group))
        if precision != "auto":
            for note in notes:
                notice(note)
            break
    ray.kill(actor)
    return replace(settings, precision="fp32" if precision == "auto" else precision)


def _outcomes(
    ray: Any,
    work: Work,
    common: Any,
    groups: Sequence[Group],
    actors: int,
    needs: Mapping[str, float],
) -> Iterator[Outcome | str]:
    """What became of every group, as they come."""
    data = importlib.import_module("ray.data")
    logging.getLogger("ray.data").setLevel(logging.CRITICAL)
    context = data.DataContext.get_current()
    context.enable_progress_bars = context.print_on_execution_start = False
    context.execution_no_progress_timeout_s = -1  # large pictures take their time
    kind, share = ("GPU", 1.0) if "num_gpus" in needs else ("CPU", needs["num_cpus"])
    actors = actors or max(1, int(ray.cluster_resources().get(kind, 1) // share))
    rows = [{"number": i, "group": json.dumps(group)} for i, group in enumerate(groups)]
    pipeline = data.from_items(rows, override_num_blocks=min(len(rows), MOST_BLOCKS)).map(
        Translating,
        fn_constructor_args=[work, common],
        compute=data.ActorPoolStrategy(size=min(actors, len(rows))),
        **needs,
    )
    for row in pipeline.iter_rows():
        yield pickle.loads(row["became"])  # noqa: S301 - of our own actors
