"""Depths, bands, heat and classes for some minutes each, in their own units, read back by others.

    python benchmarks/values.py DATA OUT [--minutes 3] [--tasks NAME ...] [--json FILE]

DATA holds a folder for each dataset that TASKS names. A task of few pairs keeps the last ones for
testing; the others have the slice that stands in. Each model is scored on pairs it has not seen,
beside the mean of its training targets, and its files are read by rasterio and Pillow, which know
nothing of this program.
"""

import argparse
import json
import warnings
from pathlib import Path

import numpy as np
import rasterio
import torch
from PIL import Image

import diptych
from diptych.config import load_recipe
from diptych.data.layouts import find_pairs
from diptych.data.pairs import Pair
from diptych.evaluation.evaluate import write_json
from diptych.training.plan import make_plan
from diptych.translation.translator import Translator

COMMON = {
    "train.batch_size": 4,
    "train.learning_rate": 4e-4,
    "train.precision": "bf16",
    "generator.base_channels": 32,
    "generator.statistics": "image",
    "discriminator.base_channels": 32,
}
SQUARES = COMMON | {"data.load_size": 143, "data.crop_size": 128}
WIDE = COMMON | {"data.load_size": [144, 192], "data.crop_size": [128, 160]}
PATCHES = COMMON | {"data.fit": "patches", "data.crop_size": 128}

# name: dataset, source, target, pairs kept for testing (0: a slice), changes of the recipe
TASKS = {
    "photo-depth": ("rgbd16", "color", "depth", 1, WIDE | {"domain.depth.nodata": 0}),
    "photo-heat": ("roadscene", "visible", "infrared", 0, SQUARES),
    "ct-mri": ("ct_mri", "CT", "MRI", 0, SQUARES),
    "radar-optical": ("geotiff", "S1RTC", "S2L2A", 1, PATCHES),
    "radar-colours": ("geotiff", "S1RTC", "S2RGB", 1, PATCHES),
    "optical-classes": (
        "geotiff",
        "S2L2A",
        "LULC",
        1,
        PATCHES | {"domain.LULC.kind": "labels", "domain.LULC.classes": 10},
    ),
}


def table(data: Path, source: str, target: str, test: int, path: Path) -> Path:
    """A table of two folders' pairs, the last `test` of them in the split of that name."""
    files = {file.stem: file.resolve() for file in (data / target).iterdir()}
    names = sorted(files)
    lines = [f"{source},{target},split"]
    for i, name in enumerate(names):
        given = next((data / source).resolve().glob(f"{name}.*"))
        lines.append(f"{given},{files[name]},{'test' if i >= len(names) - test else 'train'}")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n", "utf-8")
    return path


def read_back(source: Path, result: Path) -> dict[str, object]:
    """What an independent reader says of a result, beside its source."""
    if result.suffix == ".png":
        with Image.open(result) as image:
            values = np.asarray(image)
            return {"reader": "Pillow", "mode": image.mode, "size": list(image.size)} | _said(
                values
            )
    with warnings.catch_warnings(), rasterio.open(result) as made, rasterio.open(source) as given:
        warnings.simplefilter("ignore")
        return {
            "reader": "rasterio",
            "bands": made.count,
            "crs_kept": made.crs == given.crs,
            "transform_kept": made.transform == given.transform,
            "size_kept": made.shape == given.shape,
        } | _said(made.read())


def _said(values: np.ndarray) -> dict[str, object]:
    return {
        "dtype": str(values.dtype),
        "low": float(np.nanmin(values)),
        "mean": round(float(np.nanmean(values)), 3),
        "high": float(np.nanmax(values)),
    }


def translate(translator: Translator, pair: Pair, out: Path) -> Path:
    """One test pair to a file, as `translate` writes it."""
    georeferenced = pair.source.path.suffix == ".tif"
    result = out / f"{Path(pair.name).name}.{'tif' if georeferenced else 'png'}"
    translator.write(result, translator.apply(translator.read(pair.source.path)), pair.source.path)
    return result


def main() -> None:
    """Train, score, read back and collect."""
    parser = argparse.ArgumentParser()
    parser.add_argument("data", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--minutes", type=float, default=3)
    parser.add_argument("--tasks", nargs="+", choices=TASKS, default=list(TASKS))
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    results = {}
    for name in given.tasks:
        dataset, source, target, test, changes = TASKS[name]
        data, run, file = given.data / dataset, given.out / name, given.out / f"{name}.json"
        if test:
            data = table(data, source, target, test, given.out / f"{name}.csv")
        changes = changes | {
            "data.source": source,
            "data.target": target,
            "train.minutes": given.minutes,
        }
        if not file.is_file():
            diptych.train("pix2pix", data=data, out=run, overrides=changes)
            translator = diptych.load(run)
            write_json(file, diptych.evaluate(translator, data), {"model": name})
        translator = diptych.load(run)
        recipe = load_recipe("pix2pix", changes)
        plan = make_plan(recipe, data)
        pair = find_pairs(data, recipe).splits["test"][0]
        content = json.loads(file.read_text("utf-8"))

        def means(scores: dict[str, dict[str, float]]) -> dict[str, float]:
            return {metric: round(interval["mean"], 4) for metric, interval in scores.items()}

        results[name] = {
            "source": plan.domains[0].model_dump(exclude_defaults=True),
            "target": plan.domains[1].model_dump(exclude_defaults=True),
            "pairs": translator.header.dataset.pairs,
            "step_of_the_model": translator.header.step,
            "scores": means(content["scores"]),
            "baselines": {kind: means(scores) for kind, scores in content["baselines"].items()},
            "read_back": read_back(
                pair.source.path, translate(translator, pair, given.out / "made")
            ),
        }
        print(name, json.dumps(results[name], indent=2))
    if given.json:
        content = {
            "benchmark": "values",
            "hardware": torch.cpu.get_capabilities().get("cpu_name", "CPU"),
            "threads": torch.get_num_threads(),
            "torch": torch.__version__,
            "minutes": given.minutes,
            "tasks": results,
        }
        given.json.write_text(json.dumps(content, indent=2) + "\n", "utf-8")


if __name__ == "__main__":
    main()
