"""What it costs that pictures are larger than those a model learned at, and what going there gains.

    python benchmarks/scales.py DATA OUT [--minutes 0.6] [--crop 64] [--arms NAME ...] [--json F]

DATA holds a folder for each set of ARMS. A model of each arm learns by the paper's method at a
fraction of the size of its pictures; 24 pairs that it has not seen are scored at the size it
learned at, at their own, and at that by way of the scale it learned at (`translate --at-trained-
scale`). Wide pictures are the published ones stretched to 4:3, for a model that squeezes them, as
all did once, and one that keeps their shape.
"""

import argparse
import json
from collections.abc import Mapping
from pathlib import Path

import torch
from PIL import Image

import diptych
from diptych.config import load_recipe
from diptych.data.pairs import COLOURS, Picture, evenly_spread
from diptych.evaluation.evaluate import evaluate
from diptych.evaluation.scores import default_scorer
from diptych.evaluation.summary import Interval, summarise
from diptych.images.arrays import resized

SCORED = 24
COMMON = {
    "train.batch_size": 4,
    "train.learning_rate": 4e-4,
    "train.validation_pairs": 8,
    "generator.base_channels": 24,
    "discriminator.base_channels": 24,
    "discriminator.receptive_field": 34,
}
RESIZED = {"data.fit": "resize"}
# name: task, set, its split that is scored, width of a picture for its height, changes
ARMS = {
    "facades": ("facades", "facades", "test", 1, RESIZED),
    # Whose pictures are photo | edges here.
    "edges2shoes": ("edges2shoes", "edges2shoes", "val", 1, RESIZED | {"data.direction": "b_to_a"}),
    "wide facades, squeezed": ("facades", "facades", "test", 4 / 3, RESIZED),
    "wide facades, shape kept": ("facades", "facades", "test", 4 / 3, {"data.fit": "shorter"}),
}


def copy_pairs(data: Path, split: str, ratio: float, out: Path) -> Path:
    """The training pairs and SCORED others, evenly spread, as `test`; stretched to the ratio."""
    for name, most in (("train", 400), (split, SCORED)):
        folder = out / ("train" if name == "train" else "test")
        folder.mkdir(parents=True, exist_ok=True)
        for path in evenly_spread(sorted((data / name).iterdir()), most):
            with Image.open(path) as strip:
                width = 2 * round(strip.height * ratio)
                strip.resize((width, strip.height), Image.Resampling.BICUBIC).save(
                    folder / f"{path.stem}.png"
                )
    return out


def by_way_of(pairs: Path, within: tuple[int, int]) -> dict[str, Interval]:
    """Scores of the targets themselves, brought to a size and back: the most that can be had."""
    scorer, scores = default_scorer(), []
    for path in sorted((pairs / "test").iterdir()):
        strip = Picture(path).read()
        target = Picture(path, 0, 2).of(strip)
        back = resized(resized(target, within, COLOURS), target.shape[:2], COLOURS)
        scores += scorer(back[None], target[None])
    return summarise(scores)


def means(scores: Mapping[str, Interval] | None) -> dict[str, float]:
    """LPIPS and SSIM, rounded."""
    return {name: round((scores or {})[name].mean, 4) for name in ("lpips", "ssim")}


def main() -> None:
    """Train, score and collect."""
    parser = argparse.ArgumentParser()
    parser.add_argument("data", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--minutes", type=float, default=0.6)
    parser.add_argument("--crop", type=int, default=64)
    parser.add_argument("--arms", nargs="+", choices=ARMS, default=list(ARMS))
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    results = {}
    for arm in given.arms:
        task, dataset, split, ratio, own = ARMS[arm]
        pairs = copy_pairs(given.data / dataset, split, ratio, given.out / "pairs" / arm)
        sizes = {"data.load_size": given.crop * 9 // 8, "data.crop_size": given.crop}
        changes = COMMON | sizes | own | {"train.minutes": given.minutes}
        recipe = load_recipe(f"pix2pix/{task}", changes)
        run = diptych.train(recipe, data=pairs, out=given.out / arm)
        translator = diptych.load(run.path)
        evaluation = evaluate(translator, pairs, "test")
        native = evaluation.native
        if native is None:
            raise SystemExit(f"{arm}: its pictures are of the size that it learned at")
        within = translator.scaled().size_within(native.size[1], native.size[0])
        results[arm] = {
            "steps": run.step,
            "pictures": "x".join(map(str, native.size)),
            "at the size it learned at": means(evaluation.scores),
            "at their own size": means(native.scores),
            "at their own size, --at-trained-scale": means(native.at_trained_scale),
            "targets by way of that scale": means(by_way_of(pairs, within)),
        }
        print(arm, json.dumps(results[arm], indent=2), flush=True)
    if given.json:
        content = {
            "benchmark": "scales",
            "hardware": torch.cpu.get_capabilities().get("cpu_name", "CPU"),
            "threads": torch.get_num_threads(),
            "torch": torch.__version__,
            "minutes": given.minutes,
            "crop": given.crop,
            "arms": results,
        }
        given.json.write_text(json.dumps(content, indent=2) + "\n", "utf-8")


if __name__ == "__main__":
    main()
