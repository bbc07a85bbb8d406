"""The demo: drawings of OpenMoji coloured by a model that trains before one's eyes."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from diptych.datasets.openmoji import CREDIT, prepare_openmoji
from diptych.evaluation.evaluate import Evaluation, evaluate
from diptych.evaluation.evaluation_page import write_page
from diptych.training.run_directory import RunDirectory
from diptych.training.trackers import Tracker
from diptych.training.train import TrainedRun, train
from diptych.translation.loading import load

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Demo:
    """What the demo left to look at."""

    run: TrainedRun
    data: Path
    evaluation: Evaluation | None  # None where it was stopped before the end
    report: Path
    credit: str = CREDIT


def run_demo(
    out: Path,
    data: Path,
    minutes: float,
    device: str,
    threads: int,
    tracker: Tracker,
    on_rendered: Progress,
    on_scored: Progress,
) -> Demo:
    """Render the pairs, train for `minutes`, score the held-out emoji, write the report.

    A demo that finished in `out` before is replaced; one that was stopped goes on.
    """
    run = RunDirectory(out)
    if run.report.is_file() and run.recipe.is_file():
        shutil.rmtree(out)
    tracker.note(CREDIT)
    prepare_openmoji(data, on_progress=on_rendered)
    trained = train(
        "openmoji",
        data=data,
        out=out,
        overrides={"train.minutes": minutes},
        device=device,
        threads=threads,
        trackers=[tracker],
    )
    if not trained.finished:
        return Demo(trained, data, None, run.report)
    evaluation = evaluate(
        load(out, device=device), data, "test", keep_pictures=True, on_progress=on_scored
    )
    write_page(run.report, evaluation, out, "diptych demo", credit=CREDIT)
    return Demo(trained, data, evaluation, run.report)
