"""From files to files: read, translated in batches and written, all at the same time."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from itertools import groupby, islice
from pathlib import Path

import numpy as np
from PIL import Image

from diptych.data.pairs import cut_panel
from diptych.data.scale import far_in_words
from diptych.errors import in_words_of, loses_all
from diptych.images.display import displayed
from diptych.images.left_out import LeftOut
from diptych.images.values import bytes_of, size_of
from diptych.images.writing import save_image
from diptych.translation.jobs.file_plan import Plan, written
from diptych.translation.jobs.large_files import translate_large
from diptych.translation.jobs.threads import Get, Submit, read_ahead, write_behind
from diptych.translation.translator import Progress, Translator

Job = tuple[Path, Path]  # a picture, and where its result goes


@dataclass
class Outcome:
    """What became of the jobs."""

    translated: int = 0
    kept: int = 0  # outputs that were there already
    failures: list[str] = field(default_factory=list)  # a line for each input that failed
    notes: list[str] = field(default_factory=list)  # lines that a person should know of


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
    jobs = [job for job in plan.jobs if overwrite or not _all_there(job, samples)]
    outcome = Outcome(kept=len(plan.jobs) - len(jobs))
    run = _Run(translator, plan, seed, panel, overwrite, samples, on_progress, outcome)
    if outcome.kept:
        on_progress(outcome.kept, len(plan.jobs))
    ahead = read_ahead([path for path, _ in jobs], run.read, run.bytes_of)
    with write_behind() as submit, closing(ahead) as pictures:
        sources = run.sources(zip(jobs, pictures, strict=True))
        for batch in _batches(sources, (lambda *_: 1) if samples else translator.together):
            run.through(batch, submit)
    if run.far:
        several = f" (and {len(run.far) - 1} more)" * (len(run.far) > 1)
        outcome.notes.append(f"{run.far[0]}{several}")
    outcome.failures += [run.failed[path] for path, _ in jobs if path in run.failed]
    outcome.notes += run.left_out.in_words()
    return outcome


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
    left_out: LeftOut = field(default_factory=LeftOut)
    far: list[str] = field(default_factory=list)  # pictures far from the scale of the training

    def look_at(self, path: Path, size: tuple[int, int] | None) -> None:
        """Remember a picture whose height and width are far from those that the model knows."""
        translator = self.translator
        if size is not None and not translator.at_trained_scale:
            words = far_in_words(translator.header, size)
            self.far += [f"{path}: {words}"] if words else []

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
            self.left_out.add(file, domain.kind)

    def read(self, path: Path) -> np.ndarray:
        """What is to be translated of a picture."""
        picture = self.translator.read(*self.plan.files_of(path))
        return picture if self.panel is None else cut_panel(picture, *self.panel, path)

    def bytes_of(self, path: Path) -> int | None:
        """What reading it takes at least; None where a file of it does not say."""
        sizes = [bytes_of(file) for file in self.plan.files_of(path)]
        return None if None in sizes else sum(size or 0 for size in sizes)

    def sources(self, pictures: Iterable[tuple[Job, Get]]) -> Iterator[tuple[Job, np.ndarray]]:
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
                    self.look_at(path, (source.shape[0], source.shape[1]))
            except Exception as error:
                self.finished(job, error)
            else:
                if source is not None:
                    yield job, source

    def through(self, batch: Sequence[tuple[Job, np.ndarray]], submit: Submit) -> None:
        """Translate pictures of one size and have their results written."""
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
            if len(batch) == 1:
                self.finished(batch[0][0], error)
            else:  # whose fault it is
                for one in batch:
                    self.through([one], submit)
            return
        for i, (job, _) in enumerate(batch):
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
    sources: Iterable[tuple[Job, np.ndarray]], together: Callable[[int, int], int]
) -> Iterator[list[tuple[Job, np.ndarray]]]:
    """Neighbours of one size, as many as go together."""
    for shape, neighbours in groupby(sources, lambda source: source[1].shape):
        # Asked once for a batch: it takes a look at what memory is free.
        while batch := list(islice(neighbours, together(*shape[:2]))):
            yield batch


def _all_there(job: Job, samples: int) -> bool:
    return all(place.exists() for place in written(job[1], samples))


def spread_map(results: Sequence[np.ndarray]) -> Image.Image:
    """Where results differ: their standard deviation in each pixel, black none, white 64 or more.

    The largest over the channels, in levels of 255, of pictures `(H, W, 3)` uint8.
    """
    spread = np.stack(results).std(axis=0).max(axis=2)
    return Image.fromarray((4 * spread).clip(0, 255).astype(np.uint8))
