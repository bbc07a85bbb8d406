"""Train the arms of an experiment from one seed and one order of the data, and score them alike."""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np

from diptych.config import with_overrides
from diptych.data.domains import find_domains
from diptych.data.layouts import find_pairs
from diptych.data.pairs import Progress, evenly_spread
from diptych.errors import DiptychError
from diptych.evaluation.evaluate import Row, evaluate
from diptych.evaluation.histograms import histogram_intersections
from diptych.evaluation.labels.confusion import SegmentationScores
from diptych.evaluation.labels.fcn import label_judge
from diptych.evaluation.summary import Interval
from diptych.experiments.arms import Experiment, find_experiment
from diptych.schema import Recipe
from diptych.training.plan import Plan, make_plan
from diptych.training.run_directory import RunDirectory
from diptych.training.trackers import Tracker
from diptych.training.train import train
from diptych.translation.loading import load
from diptych.whole_file import write_whole

SHOWN = 6  # pairs on the page


@dataclass(frozen=True)
class Arm:
    """One trained model, scored: LPIPS and so on, labels found in it, and its colours."""

    name: str
    size: int  # pixels a side at which it is scored
    steps: int
    scores: dict[str, Interval]
    segmentation: dict[str, SegmentationScores]
    histograms: dict[str, float]  # intersection with the real ones, for L, a and b
    rows: list[Row] = field(default_factory=list)


@dataclass(frozen=True)
class Reproduction:
    """All arms, and what they were trained and scored on."""

    name: str
    experiment: Experiment
    recipe: Recipe
    data: Path
    split: str
    domains: tuple[str, str]
    pairs: tuple[int, int]  # trained on, scored on
    arms: list[Arm]
    notes: list[str]


def plans_of(name: str, data: Path, recipe: Recipe) -> dict[str, Plan]:
    """What every arm of an experiment would do; raises DiptychError where one does not fit."""
    if recipe.train.precision == "auto":  # figures must not hang on the machine they come from
        recipe = with_overrides(recipe, {"train.precision": "fp32"})
    arms = find_experiment(name).arms
    return {arm: make_plan(with_overrides(recipe, changes), data) for arm, changes in arms.items()}


def reproduce(
    name: str,
    data: Path,
    out: Path,
    recipe: Recipe,
    *,
    device: str = "auto",
    threads: int = 0,
    trackers: Callable[[str], Sequence[Tracker]] = lambda _: (),
    on_segmenter: Progress | None = None,
) -> Reproduction | None:
    """Train and score every arm of experiment `name` on `data`, each in its folder of `out`.

    `recipe`: what all arms share, each with the keys of its own replaced. Goes on where it was
    stopped; None where it is stopped again. Raises DiptychError where an arm does not fit, before
    anything is trained.
    """
    experiment = find_experiment(name)
    recipes = {arm: plan.recipe for arm, plan in plans_of(name, data, recipe).items()}
    first = next(iter(recipes.values()))
    paired = find_pairs(data, first)
    stands_in = any(note.startswith("no test split") for note in paired.notes)
    split = "test" if paired.splits["test"] and not stands_in else "val"
    notes = [note for note in paired.notes if f"no {split} split" in note]
    if split == "val":
        notes.append(
            "scored on val, which chooses models elsewhere: here each arm's last weights are"
        )
    arms = []
    for arm, settled in recipes.items():
        folder = out / arm.replace(" -> ", "-to-").replace(", ", "-").replace("+", "-")
        run = train(
            settled,
            data=data,
            out=folder,
            device=device,
            threads=threads,
            trackers=trackers(arm),
        )
        if not run.finished:
            return None
        crop = settled.data.crop[0]
        # A model that val chose would be scored on what chose it.
        translator = load(RunDirectory(folder).latest if split == "val" else folder, device=device)
        judge = None
        if settled.derive.kind == "none":
            of_arm, file = find_pairs(data, settled), out / "segmenter.safetensors"
            domains = find_domains(of_arm, settled)
            try:
                judge = label_judge(
                    of_arm, domains, settled, settled.data.crop, file, on_progress=on_segmenter
                )
            except DiptychError as error:
                notes.append(f"no FCN-style score: {error}")
        for size in (crop, 2 * crop) if experiment.enlarged else (crop,):
            evaluation = evaluate(
                translator, data, split, size=size, keep_pictures=True, segmenter=judge
            )
            rows = evaluation.rows
            pictures = [
                np.stack([getattr(row, side) for row in rows]) for side in ("translated", "target")
            ]
            arms.append(
                Arm(
                    arm if size == crop else f"{arm}, at {size} px",
                    size,
                    run.step,
                    evaluation.scores,
                    evaluation.segmentation,
                    histogram_intersections(*pictures),
                    evenly_spread(rows, SHOWN),
                )
            )
    return Reproduction(
        name,
        experiment,
        first,
        data,
        split,
        paired.domains,
        (len(paired.splits["train"]), len(paired.splits[split])),
        arms,
        list(dict.fromkeys(notes)),
    )


def write_results(path: Path, done: Reproduction) -> None:
    """Write all figures as JSON."""
    content = {
        "experiment": done.name,
        "data": done.data.name,
        "direction": " -> ".join(done.domains),
        "split": done.split,
        "pairs": {"train": done.pairs[0], done.split: done.pairs[1]},
        "recipe": done.recipe.model_dump(mode="json"),
        "arms": [
            {
                "name": arm.name,
                "size": arm.size,
                "steps": arm.steps,
                "scores": {name: asdict(interval) for name, interval in arm.scores.items()},
                "segmentation": {who: asdict(s) for who, s in arm.segmentation.items()},
                "lab_histogram_intersection": arm.histograms,
            }
            for arm in done.arms
        ],
        "notes": done.notes,
    }
    write_whole(path, json.dumps(content, indent=2) + "\n")
