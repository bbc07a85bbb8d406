"""From files to files: read, translated in batches and written, all at the same time.

Which pictures are in a batch follows from the plan and their sizes alone, for a result may differ
in its last bit with its company: so that pictures come out the same in one go, in several, and
shared out over processes.
"""

from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from itertools import groupby, islice, tee
from pathlib import Path

import numpy as np
from PIL import Image

from diptych.data.pairs import cut_panel
from diptych.data.scale import far_in_words
from diptych.errors import in_words_of, loses_all
from diptych.groups import groups_of
from diptych.images.display import displayed
from diptych.images.left_out import LeftOut
from diptych.images.values import bytes_of, size_of
from diptych.images.writing import save_image
from diptych.translation.jobs.file_plan import Plan, written
from diptych.translation.jobs.large_files import translate_large
from diptych.translation.jobs.shares import Job, is_there
from diptych.translation.jobs.threads import Get, Submit, read_ahead, write_behind
from diptych.translation.translator import Progress, Translator


@dataclass
class Outcome:
    """What became of the jobs."""

    translated: int = 0
    kept: int = 0  # outputs that were there already
    failures: list[str] = field(default_factory=list)  # a line for each input that failed
    about_videos: list[str] = field(default_factory=list)  # lines that a person should know of
    far: list[str] = field(default_factory=list)  # pictures far from the scale of the training
    left_out: LeftOut = field(default_factory=LeftOut)

    @property
    def notes(self) -> list[str]:
        """Lines that a person should know of."""
        several = f" (and {len(self.far) - 1} more)" * (len(self.far) > 1)
        far = [f"{self.far[0]}{several}"] if self.far else []
        return [*far, *self.left_out.in_words(), *self.about_videos]

    def add(self, other: "Outcome") -> None:
        """What became of other jobs as well."""
        self.translated += other.translated
        self.kept += other.kept
        self.failures += other.failures
        self.about_videos += other.about_videos
        self.far += other.far
        self.left_out.add_all(other.left_out)


def translate_files(
    translator: Translator,
    plan: Plan,
    *,
    seed: int = 0,
    panel: tuple[int, int] | None = None,
    overwrite: bool = False,
    samples: int = 0,
    on_progress: Progress = lambda *_: None,
) -> Outcome:
    """Translate every picture of the plan; one that fails is named and the rest done.

    Whatever the error: only where memory or the disk has no room left does it end all. Threads read
    and write. Neighbours of one size go through together; what is too large for that is translated
    by windows. Noise begins at `seed` before each pass, so that it does not depend on what was done
    before. Of pictures that hold several, `panel` says which is translated, of how many. With
    `samples`, every picture gives so many results, numbered behind the name, and a map of the
    spread of what they show, `NAME_spread`. Files that are there are kept, unless `overwrite` is
    said: a picture of which none is missing is not translated.
    """
    wanted = {job for job in plan.jobs if overwrite or not is_there(job, samples)}
    outcome = Outcome(kept=len(plan.jobs) - len(wanted))
    run = _Run(translator, plan, seed, panel, overwrite, samples, on_progress, outcome)
    if outcome.kept:
        on_progress(outcome.kept, len(plan.jobs))
    settle(translator, plan, panel)
    together = (lambda *_: 1) if samples else translator.together
    batches, coming = tee(_batches(plan, wanted, together, panel))
    ahead = read_ahead((path for batch in coming for path, _ in batch), run.read, run.bytes_of)
    with write_behind() as submit, closing(ahead) as pictures:
        for batch in batches:
            sources = run.sources(zip(batch, pictures, strict=False), wanted)
            for _, neighbours in groupby(sources, lambda source: source[1].shape):
                run.through(list(neighbours), wanted, submit)
    outcome.failures += [run.failed[path] for path, _ in plan.jobs if path in run.failed]
    return outcome


def settle(translator: Translator, plan: Plan, panel: tuple[int, int] | None = None) -> str:
    """Have the plan's first picture decide what it may, as the precision, which is given back.

    Also where it is there already, or another process's to translate.
    """
    first = (path for path, _ in plan.jobs)
    while translator.precision == "auto" and (path := next(first, None)) is not None:
        size = _size(plan.files_of(path)[0], panel)
        if size is None or not translator.fits(1, *translator.size_within(*size)):
            continue
        try:
            translator.settle(_read(translator, plan, path, panel))
        except Exception as error:
            if loses_all(error):
                raise
    return translator.precision


@dataclass
class _Run:
    """What `translate_files` was asked for, and what has become of it so far."""

    translator: Translator
    plan: Plan
    seed: int
    panel: tuple[int, int] | None
    overwrite: bool
    samples: int
    on_progress: Progress
    outcome: Outcome
    failed: dict[Path, str] = field(default_factory=dict)

    def look_at(self, path: Path, size: tuple[int, int] | None) -> None:
        """Remember a picture whose height and width are far from those that the model knows."""
        translator = self.translator
        if size is not None and not translator.at_trained_scale:
            words = far_in_words(translator.header, size)
            self.outcome.far += [f"{path}: {words}"] if words else []

    def finished(self, job: Job, error: BaseException | None = None) -> None:
        """A job is done, or failed by an error; raises one by which all others would fail too."""
        if error is None:
            self.outcome.translated += 1
            self._note(job[0])
        elif loses_all(error):
            raise error
        else:
            words = in_words_of(error)
            named = any(str(path) in words for path in job)
            self.failed[job[0]] = words if named else f"{job[0]}: {words}"
        done = self.outcome.kept + self.outcome.translated + len(self.failed)
        self.on_progress(done, len(self.plan.jobs))

    def _note(self, path: Path) -> None:
        """What of a picture that was translated was left out."""
        source = self.translator.header.source
        domains = source.parts or (source,)
        for file, domain in zip(self.plan.files_of(path), domains, strict=True):
            self.outcome.left_out.add(file, domain.kind)

    def read(self, path: Path) -> np.ndarray:
        """What is to be translated of a picture."""
        return _read(self.translator, self.plan, path, self.panel)

    def bytes_of(self, path: Path) -> int | None:
        """What reading it takes at least; None where a file of it does not say."""
        sizes = [bytes_of(file) for file in self.plan.files_of(path)]
        return None if None in sizes else sum(size or 0 for size in sizes)

    def sources(
        self, pictures: Iterable[tuple[Job, Get]], wanted: Container[Job]
    ) -> Iterator[tuple[Job, np.ndarray]]:
        """What goes through here: what was not translated by windows, and did not fail."""
        whole = self.samples or self.panel is not None
        for job, picture in pictures:
            path, output = job
            try:
                source = None
                if not whole and translate_large(self.translator, self.plan.files_of(path), output):
                    self.look_at(path, size_of(path))
                    self.finished(job)
                else:
                    source = picture()
                    if job in wanted:
                        self.look_at(path, (source.shape[0], source.shape[1]))
            except Exception as error:
                if job in wanted or loses_all(error):
                    self.finished(job, error)
            else:
                if source is not None:
                    yield job, source

    def through(
        self, batch: Sequence[tuple[Job, np.ndarray]], wanted: Container[Job], submit: Submit
    ) -> None:
        """Translate pictures of one size and have the results written that are wanted."""
        try:
            self.translator.seed(self.seed)
            sources = np.stack([source for _, source in batch])
            if self.samples:
                drawn = self.translator.samples(sources[0], self.samples, self.seed)
                results = [result[None] for result in drawn]
            else:
                results = [self.translator.apply_all(sources)]
        except Exception as error:
            if loses_all(error):
                raise
            if len(batch) > 1:  # whose fault it is
                for one in batch:
                    self.through([one], wanted, submit)
            elif batch[0][0] in wanted:
                self.finished(batch[0][0], error)
            return
        for i, (job, _) in enumerate(batch):
            if job not in wanted:
                continue
            own = [result[i] for result in results]
            size = sum(result.nbytes for result in own)
            submit(size, partial(self.write, job, own), partial(self.finished, job))

    def write(self, job: Job, results: Sequence[np.ndarray]) -> None:
        """Write a picture's results, the map of their spread last."""
        path, output = job
        source = path if self.panel is None else None  # a panel lies where no tags of its file say
        *places, last = written(output, self.samples)
        for place, result in zip(places or [last], results, strict=True):
            if self.overwrite or not self.samples or not place.exists():
                self.translator.write(place, result, source)
        if self.samples and (self.overwrite or not last.exists()):
            target = self.translator.header.target
            save_image(spread_map([displayed(result, target) for result in results]), last)


def _batches(
    plan: Plan,
    wanted: Container[Job],
    together: Callable[[int, int], int],
    panel: tuple[int, int] | None,
) -> Iterator[list[Job]]:
    """Neighbours of one size, as many as go together; those that hold something wanted.

    What is too large for company, or says no size, is alone.
    """
    for group in groups_of(plan.jobs):
        if not any(job in wanted for job in group):
            continue
        for size, neighbours in groupby(group, lambda job: _size(plan.files_of(job[0])[0], panel)):
            # Asked once for them all: it takes a look at what memory is free.
            count = 1 if size is None else together(*size)
            while batch := list(islice(neighbours, count)):
                if any(job in wanted for job in batch):
                    yield batch


def _size(path: Path, panel: tuple[int, int] | None) -> tuple[int, int] | None:
    """Height and width of what is to be translated of a picture, as its header says."""
    size = size_of(path)
    return size if size is None or panel is None else (size[0], max(1, size[1] // panel[1]))


def _read(
    translator: Translator, plan: Plan, path: Path, panel: tuple[int, int] | None
) -> np.ndarray:
    picture = translator.read(*plan.files_of(path))
    return picture if panel is None else cut_panel(picture, *panel, path)


def spread_map(results: Sequence[np.ndarray]) -> Image.Image:
    """Where results differ: their standard deviation in each pixel, black none, white 64 or more.

    The largest over the channels, in levels of 255, of pictures `(H, W, 3)` uint8.
    """
    spread = np.stack(results).std(axis=0).max(axis=2)
    return Image.fromarray((4 * spread).clip(0, 255).astype(np.uint8))
