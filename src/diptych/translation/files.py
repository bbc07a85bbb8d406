"""Files and folders through a translator: which goes where, decided before anything is done."""

import glob
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image

from diptych.data.pairs import cut_panel
from diptych.errors import DiptychError
from diptych.images.files import SUFFIXES, find_files, read_image, save_image
from diptych.model_file import Header

FORMATS = ("png", "jpg", "webp", "tif")
SIDES = ("source", "left", "right")


@dataclass
class Plan:
    """Every input with its output, and what was found beside the pictures."""

    jobs: list[tuple[Path, Path]] = field(default_factory=list)
    not_pictures: list[Path] = field(default_factory=list)


@dataclass
class Outcome:
    """What became of the jobs."""

    translated: int = 0
    kept: int = 0  # outputs that were there already
    failures: list[str] = field(default_factory=list)  # a line for each input that failed


def plan_files(inputs: Iterable[str], out: Path, form: str = "png") -> Plan:
    """Where each picture of `inputs` (files, folders, patterns) is written.

    A folder's subfolders are mirrored in `out`. Raises DiptychError where an input is missing,
    where two would give one output, or where an output would replace an input. Results of an
    earlier run that lie inside an input folder are no inputs.
    """
    if form not in FORMATS:
        raise DiptychError(f"--format {form!r}: one of {', '.join(FORMATS)}")
    plan = Plan()
    origin: dict[Path, Path] = {}
    for path, relative in _named(inputs, out, plan):
        output = out / relative.with_suffix(f".{form}")
        other = origin.setdefault(output, path)
        if other is not path:
            raise DiptychError(
                f"{other} and {path} would both give {output}: translate them to two folders"
            )
        plan.jobs.append((path, output))
    read = {path.resolve() for path, _ in plan.jobs}
    for _, output in plan.jobs:
        if output.resolve() in read:
            raise DiptychError(f"{output} would replace an input: give another --out")
    if not plan.jobs:
        raise DiptychError(f"no pictures in {', '.join(inputs)}")
    return plan


def check_side(side: str | None, header: Header) -> tuple[int, int] | None:
    """Which panel of how many `side` means; None for whole pictures."""
    if side is None:
        return None
    if side == "source":
        if header.strip is None:
            raise DiptychError(
                "--side source: this model was not trained on side-by-side pictures; "
                "give --side left or --side right"
            )
        return header.strip.source, header.strip.panels
    if side in SIDES:
        return SIDES.index(side) - 1, 2
    raise DiptychError(f"--side {side!r}: one of {', '.join(SIDES)}")


def translate_files(  # noqa: PLR0913 - a translator's ways, and a person's options
    translate: Callable[[Image.Image], Image.Image],
    plan: Plan,
    *,
    read: Callable[[Path], Image.Image] = read_image,
    by_windows: Callable[[Path, Path], bool] = lambda *_: False,
    reseed: Callable[[], None] | None = None,
    panel: tuple[int, int] | None = None,
    overwrite: bool = False,
    samples: int = 0,
    on_progress: Callable[[int, int], None] | None = None,
) -> Outcome:
    """Translate every job; one that fails is named in the outcome and the rest done.

    `read` gets a picture from a file; `by_windows` is asked first to translate a whole file to
    another, and says whether it did; `reseed` is called before each, so that its noise does not
    depend on what was done before. With `samples`, every picture gives so many results, numbered
    behind the name, and a map of their spread, `NAME_spread`.
    """
    outcome = Outcome()
    for number, (path, output) in enumerate(plan.jobs, 1):
        last = output.with_stem(f"{output.stem}_spread") if samples else output
        if last.exists() and not overwrite:
            outcome.kept += 1
        else:
            try:
                if panel is not None or samples or not by_windows(path, output):
                    image = read(path)
                    if panel is not None:
                        image = cut_panel(image, *panel, path)
                    if reseed is not None:
                        reseed()
                    _translate(translate, image, output, samples)
                outcome.translated += 1
            except DiptychError as error:
                outcome.failures.append(str(error))
        if on_progress is not None:
            on_progress(number, len(plan.jobs))
    return outcome


def _translate(
    translate: Callable[[Image.Image], Image.Image], image: Image.Image, output: Path, samples: int
) -> None:
    """Translate one picture and write the result, or so many samples and their spread."""
    if not samples:
        save_image(translate(image), output)
        return
    results = [translate(image) for _ in range(samples)]
    for i, result in enumerate(results, 1):
        save_image(result, output.with_stem(f"{output.stem}_{i}"))
    save_image(spread_map(results), output.with_stem(f"{output.stem}_spread"))


def spread_map(results: Sequence[Image.Image]) -> Image.Image:
    """Where results differ: their standard deviation in each pixel, black none, white 64 or more.

    The largest over the channels, in levels of 255.
    """
    spread = np.stack([np.asarray(result) for result in results]).std(axis=0).max(axis=2)
    return Image.fromarray((4 * spread).clip(0, 255).astype(np.uint8))


def _named(inputs: Iterable[str], out: Path, plan: Plan) -> Iterable[tuple[Path, Path]]:
    """Every picture, and its path relative to the input that brought it."""
    for text in inputs:
        given = Path(text)
        if given.exists():
            matches = [given]
        else:
            matches = [Path(match) for match in sorted(glob.glob(text, recursive=True))]  # noqa: PTH207
        if not matches:
            raise DiptychError(f"{text}: no such file or folder, and no pattern that matches any")
        for match in matches:
            if not match.is_dir():
                yield match, Path(match.name)
                continue
            results = out.resolve()
            inside = match.resolve() in results.parents
            for path in find_files(match):
                if inside and path.resolve().is_relative_to(results):
                    continue
                if path.suffix.lower() in SUFFIXES:
                    yield path, path.relative_to(match)
                else:
                    plan.not_pictures.append(path)
