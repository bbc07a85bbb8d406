"""The demo: the Earth from space becomes a map, by a model that trains before one's eyes."""

import shutil
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from diptych.config import differing, load_recipe
from diptych.data.pairs import Progress
from diptych.datasets.earth import (
    CONTINENT,
    CONTINENT_FILE,
    CONTINENT_NAME,
    CREDIT,
    prepare_earth,
)
from diptych.errors import DiptychError
from diptych.evaluation.evaluate import Evaluation, evaluate
from diptych.evaluation.evaluation_page import write_evaluation_page
from diptych.evaluation.gallery import Gallery
from diptych.evaluation.words import duration
from diptych.experiments.film import Moments, frame, write_film
from diptych.images.arrays import read_array
from diptych.images.display import displayed
from diptych.model_file import Header
from diptych.schema import Recipe
from diptych.training.engine import start_engine
from diptych.training.plan import make_plan
from diptych.training.run_directory import RunDirectory
from diptych.training.settled import settled_for
from diptych.training.trackers import Tracker
from diptych.training.train import TrainedRun, train
from diptych.translation.loading import load

Pictures = tuple[np.ndarray, np.ndarray, np.ndarray]  # source, translated and target, to show

MOMENTS = "moments"  # folder of the models for the film, until that is made


@dataclass(frozen=True)
class Demo:
    """What the demo left to look at."""

    run: TrainedRun
    evaluation: Evaluation | None  # None where it was stopped before the end


def run_demo(
    out: Path,
    data: Path,
    changes: Mapping[str, Any],
    device: str,
    threads: int,
    tracker: Tracker,
    on_cut: Progress,
    on_scored: Progress,
) -> Demo:
    """Cut the tiles, train, translate the continent, score, write the report.

    `changes` are those of the recipe `earth`, as its minutes or its direction.
    A demo that finished in `out` before is replaced, once all else is checked; one that was
    stopped goes on. Raises DiptychError where `out` or `data` hold something else, and where the
    demo cannot begin; `out` is as it was then.
    """
    run = RunDirectory(out)
    recipe = settled_for(load_recipe("earth", changes), device, run.begun())
    run.check(recipe)
    replaces = _is_finished_demo(run, recipe)
    prepare_earth(data, on_progress=on_cut)
    if replaces:
        start_engine(device, recipe.train.precision, threads)
        make_plan(recipe, data)
        with closing(run.lock):
            run.lock.take(tracker.note)
            _remove(run)
    moments = Moments(out / MOMENTS)
    trackers = [tracker, moments]
    trained = train(recipe, data=data, out=out, device=device, threads=threads, trackers=trackers)
    if not trained.finished:
        return Demo(trained, None)
    gallery = Gallery()
    translator = load(out, device=device, threads=threads)
    domains = translator.header.source, translator.header.target
    source, target = (
        read_array(data / CONTINENT / side.name / CONTINENT_FILE, side) for side in domains
    )
    translated = translator.apply(source)
    translator.write(continent_file(out), translated)
    pictures = (
        displayed(source, domains[0]),
        displayed(translated, domains[1]),
        displayed(target, domains[1]),
    )
    models = (load(each, device=device, threads=threads) for each in moments.models())
    on_the_way = ((each.header, displayed(each.apply(source), domains[1])) for each in models)
    moved = chain(on_the_way, [(translator.header, pictures[1])])
    write_film(
        (_frame(header, (pictures[0], shown, pictures[2])) for header, shown in moved),
        film_file(out),
    )
    shutil.rmtree(moments.folder, ignore_errors=True)
    height, width = pictures[0].shape[:2]
    about = (
        f"The model looked at other continents for {duration(trained.seconds)}, and never at this "
        f"one. It was then translated as one picture, {width}×{height} pixels."
    )
    gallery.open_with(CONTINENT_NAME, about, pictures)
    evaluation = evaluate(translator, data, "test", on_row=gallery.add, on_progress=on_scored)
    write_evaluation_page(
        run.report, evaluation, gallery, out, "diptych demo", credit=CREDIT, progress=film_file(out)
    )
    return Demo(trained, evaluation)


def continent_file(out: Path) -> Path:
    """Where a demo leaves the continent that it translated."""
    return out / CONTINENT_FILE


def film_file(out: Path) -> Path:
    """Where it leaves the continent as models on the way translated it, moving."""
    return out / "film.webp"


def _frame(header: Header, pictures: Pictures) -> Image.Image:
    """What a model made of the continent, in the film."""
    after = f"after {header.step:,} step{'s' * (header.step != 1)}"
    return frame(zip((header.source.name, after, header.target.name), pictures, strict=True))


def _is_finished_demo(run: RunDirectory, recipe: Recipe) -> bool:
    """Whether a demo of any length made `run`: its recipe says so, and its page the credit.

    Raises DiptychError where something else lies in a demo's directory.
    """
    credit = CREDIT.partition(" (")[0]  # of the address that follows the page may make a link
    if not run.report.is_file() or credit not in run.report.read_text("utf-8", "replace"):
        return False
    if differing(run.stored_recipe(), recipe).keys() - {"train.minutes"}:
        return False
    for path in run.path.iterdir():
        if path not in {*_written(run), run.lock.path}:
            raise DiptychError(
                f"{path}: no part of the demo that would be replaced; move it away, or give --out "
                "a new directory"
            )
    return True


def _written(run: RunDirectory) -> tuple[Path, ...]:
    """All that a demo leaves in its directory."""
    training = run.recipe, run.log, run.tensorboard, run.checkpoints
    pictures = run.previews, run.progress, continent_file(run.path)
    film = run.path / MOMENTS, film_file(run.path)
    return *training, run.best, run.latest, *pictures, *film, run.report


def _remove(run: RunDirectory) -> None:
    try:
        for path in _written(run):
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)
    except OSError as error:
        raise DiptychError(f"{run.path}: cannot be replaced: {error.strerror or error}") from error
