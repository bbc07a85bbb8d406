"""Every task for some minutes on this machine, scored beside what anybody has for nothing.

    python benchmarks/tasks.py DATA OUT [--minutes 3] [--tasks NAME ...] [--json FILE]

DATA holds a folder for each dataset that TASKS names. Runs and scores are kept in OUT: the same
command goes on where it was stopped, and does nothing twice.
"""

import argparse
import json
from pathlib import Path

import torch

import diptych
from diptych.config import load_recipe, recipe_from, with_overrides
from diptych.evaluation.evaluate import write_json
from diptych.model_file import read_header

SMALL = {
    "data.load_size": 143,
    "data.crop_size": 128,
    "train.batch_size": 4,
    "train.learning_rate": 4e-4,
    "train.precision": "bf16",
    "generator.base_channels": 32,
    "discriminator.base_channels": 32,
}
EDGES = SMALL | {"data.load_size": 128, "data.direction": "b_to_a"}
BF16 = {"train.precision": "bf16"}
SIGMA_12 = {"derive.noise": [12, 12], "derive.blur": [0, 0], "derive.jpeg": [100, 100]}
REAL_NOISE = {"derive.kind": "none", "data.source": "noisy", "data.target": "clean"}

# name: recipe, dataset, split, changes of the recipe
TASKS = {
    "facades": ("facades", "facades", "test", SMALL),
    "maps": ("maps", "maps", "val", SMALL),
    "maps-back": ("maps", "maps", "val", SMALL | {"data.direction": "map -> satellite"}),
    "cityscapes": ("cityscapes", "cityscapes", "val", SMALL),
    "cityscapes-back": (
        "cityscapes",
        "cityscapes",
        "val",
        SMALL | {"data.direction": "photo -> labels"},
    ),
    "edges2shoes": ("edges2shoes", "edges2shoes", "val", EDGES),
    "edges2handbags": ("edges2handbags", "edges2handbags", "val", EDGES),
    "crossview": ("crossview", "crossview/cvusa", "test", SMALL),
    "colorize": ("colorize", "bsds500", "val", SMALL),
    "inpaint": ("inpaint", "bsds500", "val", SMALL),
    "sketch": ("sketch", "bsds500", "val", SMALL),
    "restore": ("restore", "bsds500", "val", BF16 | {"generator.base_channels": 48}),
    "superres": ("superres", "bsds500", "val", BF16),
    "denoise": ("denoise", "bsds500", "val", BF16),
}
# Models scored on another set too: name of the run, dataset, changes of its recipe.
ELSEWHERE = {
    "restore-set5": ("restore", "set5", SIGMA_12),
    "superres-set5": ("superres", "set5", {}),
    "denoise-polyu": ("denoise", "polyu", REAL_NOISE),
}


def score(run: Path, data: Path, split: str, changes: dict[str, object], file: Path) -> None:
    """Evaluate a run and keep the scores in `file`."""
    translator = diptych.load(run)
    recipe = with_overrides(recipe_from(translator.header.recipe, str(run)), changes)
    found = diptych.evaluate(translator, data, split, recipe=recipe)
    write_json(file, found, {"model": run.name, "data": data.name})


def summary(file: Path, run: Path) -> dict[str, object]:
    """Steps and minutes of a run, its scores and those of the baselines."""
    header, content = read_header(run / "model.safetensors"), json.loads(file.read_text("utf-8"))
    log = (run / "log.jsonl").read_text("utf-8").splitlines()
    last = json.loads(log[-1])

    pictures = len(content["images"])
    scored_on = f"{Path(content['data']).name}, {content['split']}, {pictures} pictures"

    def means(scores: dict[str, dict[str, float]]) -> dict[str, float]:
        return {name: round(interval["mean"], 4) for name, interval in scores.items()}

    return {
        "recipe": {
            k: v for k, v in header.recipe["data"].items() if k in {"direction", "crop_size"}
        },
        "pairs": header.dataset.pairs["train"],
        "steps": last["step"],
        "minutes": round(last["seconds"] / 60, 1),
        "scored_on": scored_on,
        "scores": means(content["scores"]),
        "baselines": {name: means(scores) for name, scores in content["baselines"].items()},
    }


def main() -> None:
    """Train, score and collect."""
    parser = argparse.ArgumentParser()
    parser.add_argument("data", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--minutes", type=float, default=3)
    parser.add_argument("--tasks", nargs="+", choices=TASKS, default=list(TASKS))
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    results = {}
    for name in given.tasks:
        recipe, dataset, split, changes = TASKS[name]
        data, run, file = given.data / dataset, given.out / name, given.out / f"{name}.json"
        if not file.is_file():
            settled = load_recipe(recipe, changes | {"train.minutes": given.minutes})
            diptych.train(settled, data=data, out=run)
            score(run, data, split, {}, file)
        results[name] = summary(file, run)
        print(name, json.dumps(results[name], indent=2))
    for name, (of, dataset, changes) in ELSEWHERE.items():
        if of not in given.tasks:
            continue
        file = given.out / f"{name}.json"
        if not file.is_file():
            score(given.out / of, given.data / dataset, "all", changes, file)
        results[name] = summary(file, given.out / of)
        print(name, json.dumps(results[name], indent=2))
    if given.json:
        content = {
            "benchmark": "tasks",
            "hardware": torch.cpu.get_capabilities().get("cpu_name", "CPU"),
            "threads": torch.get_num_threads(),
            "torch": torch.__version__,
            "tasks": results,
        }
        given.json.write_text(json.dumps(content, indent=2) + "\n", "utf-8")


if __name__ == "__main__":
    main()
