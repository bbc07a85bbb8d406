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
from diptych.errors import DiptychError
from diptych.images.values import probe
from diptych.images.writing import save_image
from diptych.translation.jobs.file_plan import Plan
from diptych.translation.jobs.threads import Get, WriteBehind, read_ahead

Job = tuple[Path, Path]  # a picture, and where its result goes


@dataclass
class Outcome:
    """What became of the jobs."""

    translated: int = 0
    kept: int = 0  # outputs that were there already
    failures: list[str] = field(default_factory=list)  # a line for each input that failed
    notes: list[str] = field(default_factory=list)  # lines that a person should know of


def translate_files(  # noqa: PLR0913 - a translator's ways, and a person's options
    translate: Callable[[np.ndarray], np.ndarray],
    plan: Plan,
    *,
    read: Callable[[Path], np.ndarray],
    write: Callable[[Path, np.ndarray, Path], None],
    look: Callable[[np.ndarray], np.ndarray] = np.asarray,
    by_windows: Callable[[Path, Path], bool] = lambda *_: False,
    together: Callable[[int, int], int] = lambda *_: 1,
    reseed: Callable[[], None] = lambda: None,
    panel: tuple[int, int] | None = None,
    overwrite: bool = False,
    samples: int = 0,
    on_progress: Callable[[int, int], None] = lambda *_: None,
) -> Outcome:
    """Translate every job; one that fails is named in the outcome and the rest done.

    `read` gets an array from a file and `write` puts a result into one, told which file it came
    from; threads call them, while `translate` makes results of sources `(N, H, W, C)` here.
    `by_windows` is asked first to translate a whole file to another, and says whether it did.
    `together` says how many pictures of a height and width go through at once: only neighbours of
    one size do. `reseed` is called before each pass, so that its noise does not depend on what was
    done before. With `samples`, every picture gives so many results, numbered behind the name, and
    a map of the spread of what `look` shows of them, `NAME_spread`.
    """
    jobs = [job for job in plan.jobs if overwrite or not _last(job, samples).exists()]
    outcome = Outcome(kept=len(plan.jobs) - len(jobs))
    tally = _Tally(outcome, len(plan.jobs), on_progress)
    if outcome.kept:
        on_progress(outcome.kept, len(plan.jobs))

    def through(batch: Sequence[tuple[Job, np.ndarray]]) -> None:
        """Translate pictures of one size and have their results written."""
        try:
            reseed()
            sources = np.stack([source for _, source in batch])
            results = [translate(sources) for _ in range(samples or 1)]
        except DiptychError as error:
            if len(batch) == 1:
                tally.finished(batch[0][0], error)
            else:  # whose fault it is
                for one in batch:
                    through([one])
            return
        for i, (job, _) in enumerate(batch):
            own = [result[i] for result in results]
            behind.submit(
                sum(result.nbytes for result in own),
                partial(_write, job, own, samples, write, look),
                partial(tally.finished, job),
            )

    if samples:  # each by itself, and whole
        together, by_windows = (lambda *_: 1), (lambda *_: False)
    ahead = read_ahead([path for path, _ in jobs], read, _pixels)
    with WriteBehind() as behind, closing(ahead) as pictures:
        sources = _sources(zip(jobs, pictures, strict=True), by_windows, panel, tally)
        for batch in _batches(sources, together):
            through(batch)
    outcome.failures += [tally.failed[path] for path, _ in jobs if path in tally.failed]
    return outcome


@dataclass
class _Tally:
    """Counts what is finished, and keeps why what failed did."""

    outcome: Outcome
    total: int
    on_progress: Callable[[int, int], None]
    failed: dict[Path, str] = field(default_factory=dict)

    def finished(self, job: Job, error: BaseException | None = None) -> None:
        """A job is done, or failed by an error; raises what is no DiptychError."""
        if error is None:
            self.outcome.translated += 1
        elif isinstance(error, DiptychError):
            named = any(str(path) in str(error) for path in job)
            self.failed[job[0]] = str(error) if named else f"{job[0]}: {error}"
        else:
            raise error
        done = self.outcome.kept + self.outcome.translated + len(self.failed)
        self.on_progress(done, self.total)


def _sources(
    pictures: Iterable[tuple[Job, Get]],
    by_windows: Callable[[Path, Path], bool],
    panel: tuple[int, int] | None,
    tally: _Tally,
) -> Iterator[tuple[Job, np.ndarray]]:
    """What is to be translated here: what was not by windows, and did not fail."""
    for job, picture in pictures:
        try:
            if panel is not None:
                yield job, cut_panel(picture(), *panel, job[0])
            elif by_windows(*job):
                tally.finished(job)
            else:
                yield job, picture()
        except DiptychError as error:
            tally.finished(job, error)


def _batches(
    sources: Iterable[tuple[Job, np.ndarray]], together: Callable[[int, int], int]
) -> Iterator[list[tuple[Job, np.ndarray]]]:
    """Neighbours of one size, as many as go together."""
    for shape, neighbours in groupby(sources, lambda source: source[1].shape):
        # Asked once for a batch: it takes a look at what memory is free.
        while batch := list(islice(neighbours, together(*shape[:2]))):
            yield batch


def _write(
    job: Job,
    results: Sequence[np.ndarray],
    samples: int,
    write: Callable[[Path, np.ndarray, Path], None],
    look: Callable[[np.ndarray], np.ndarray],
) -> None:
    """Write a picture's results, the map of their spread last."""
    path, output = job
    for i, result in enumerate(results, 1):
        write(output.with_stem(f"{output.stem}_{i}") if samples else output, result, path)
    if samples:
        save_image(spread_map([look(result) for result in results]), _last(job, samples))


def _last(job: Job, samples: int) -> Path:
    """The file of a job that is written last."""
    output = job[1]
    if not samples:
        return output
    spread = output.with_stem(f"{output.stem}_spread")
    return spread.with_suffix(".png") if output.suffix == ".npy" else spread


def _pixels(path: Path) -> int | None:
    try:
        header = probe(path)
    except DiptychError:
        return None
    return header.width * header.height


def spread_map(results: Sequence[np.ndarray]) -> Image.Image:
    """Where results differ: their standard deviation in each pixel, black none, white 64 or more.

    The largest over the channels, in levels of 255, of pictures `(H, W, 3)` uint8.
    """
    spread = np.stack(results).std(axis=0).max(axis=2)
    return Image.fromarray((4 * spread).clip(0, 255).astype(np.uint8))
