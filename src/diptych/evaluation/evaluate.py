"""Score translated pictures, whoever made them, against the targets of a split."""

import json
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from diptych.config import Recipe, recipe_from
from diptych.data.layouts import find_pairs
from diptych.data.pairs import SPLITS, Pair, PairedData
from diptych.data.prepare import make_source
from diptych.errors import DiptychError
from diptych.evaluation.baselines import baselines
from diptych.evaluation.fcn import label_judge
from diptych.evaluation.report import Row
from diptych.evaluation.scores import Interval, Scorer, default_scorer, differences, summarise
from diptych.evaluation.segmenter import SegmentationScores
from diptych.images.files import find_images, read_image, resize, to_rgb
from diptych.whole_file import whole_file

Translate = Callable[[Image.Image], Image.Image]
# What well-known tools put behind the name of an input.
ENDINGS = ("", "_fake_B", "-outputs")


@dataclass
class Evaluation:
    """The scores of one split; `evaluation["lpips"]` is an interval with `mean`, `low`, `high`."""

    split: str
    domains: tuple[str, str]
    scores: dict[str, Interval]
    baselines: dict[str, dict[str, Interval]]  # of what anybody has for nothing, by name
    gains: dict[str, dict[str, Interval]]  # by how much the scores are higher, pair by pair
    images: dict[str, dict[str, float]]  # scores of each pair by its name
    rows: list[Row] = field(default_factory=list)  # pictures, where they were asked for
    notes: list[str] = field(default_factory=list)
    # FCN-style scores of real photos and of the translated ones, where they were asked for.
    segmentation: dict[str, SegmentationScores] = field(default_factory=dict)

    def __getitem__(self, metric: str) -> Interval:
        return self.scores[metric]


def evaluate(  # noqa: PLR0913 - keyword arguments, each with a default
    translated: Translate | str | Path,
    data: str | Path,
    split: str = "test",
    *,
    recipe: Recipe | None = None,
    size: int | str | None = None,
    scorer: Scorer | None = None,
    keep_pictures: bool = False,
    segmenter: Path | None = None,
    on_progress: Callable[[int, int], None] | None = None,
) -> Evaluation:
    """Score a translator, any function from picture to picture, or a folder of pictures.

    `recipe` says where source and target lie in `data`, or how sources are made; by default the
    translator's own. `split`: train, val, test, or all of them. `size`: pairs are resized to this
    square before translating; by default to the recipe's crop size, where it trains on patches
    `"native"`, which leaves them as they are. For a folder the default is the size of its pictures.
    `segmenter` asks for the FCN-style score and names the file of its network, which is trained on
    the training pairs where there is none.

    Without LPIPS weights at hand LPIPS is left out. Raises DiptychError on a user's mistake.
    """
    if recipe is None:
        header = getattr(translated, "header", None)
        recipe = recipe_from(header.recipe, "model") if header is not None else Recipe()
    if split not in (*SPLITS, "all"):
        raise DiptychError(f"--split {split!r}: one of {', '.join(SPLITS)}, all")
    found = find_pairs(Path(data), recipe)
    named = _all(found) if split == "all" else {pair.name: pair for pair in found.splits[split]}
    pairs = list(named.values())
    if not pairs:
        raise DiptychError(f"{data}: the {split} split is empty")
    if callable(translated):
        native = recipe.data.fit == "patches"
        side = _side(size, None if native else recipe.data.crop_size)
        pictures = _translated(translated, pairs, recipe, side)
    elif recipe.derive.kind != "none":
        raise DiptychError("--translated: only for pairs; here the sources are made while scoring")
    else:
        pictures = _from_folder(Path(translated), named, _side(size, None))
    scorer = scorer or default_scorer(border=recipe.derive.scale)
    free = baselines(recipe, found.domains, () if split == "all" else found.splits["train"])
    images: dict[str, dict[str, float]] = {}
    others: dict[str, list[dict[str, float]]] = {name: [] for name in free}
    rows = []
    for label, (source, output, target) in zip(named, pictures, strict=True):
        images[label] = scorer(output[None], target[None])[0]
        height, width = target.shape[:2]
        for name, made in free.items():
            others[name] += scorer(made(source, (height, width))[None], target[None])
        if keep_pictures or segmenter is not None:
            rows.append(Row(label, source, output, target, images[label]))
        if on_progress is not None:
            on_progress(len(images), len(pairs))
    notes = [note for note in found.notes if f"no {split} split" in note or "left out" in note]
    scores = summarise(list(images.values()))
    baseline = {name: summarise(given) for name, given in others.items()}
    gains = {name: differences([*images.values()], given) for name, given in others.items()}
    seen = _segmentation(segmenter, found, rows) if segmenter is not None else {}
    return Evaluation(split, found.domains, scores, baseline, gains, images, rows, notes, seen)


def write_json(path: Path, evaluation: Evaluation, facts: dict[str, Any]) -> None:
    """Write scores, baselines and the scores of every image, with `facts` about them."""
    content = {
        **facts,
        "split": evaluation.split,
        "direction": " -> ".join(evaluation.domains),
        "scores": {name: asdict(interval) for name, interval in evaluation.scores.items()},
        "baselines": {
            baseline: {name: asdict(interval) for name, interval in scores.items()}
            for baseline, scores in evaluation.baselines.items()
        },
        "segmentation": {who: asdict(seen) for who, seen in evaluation.segmentation.items()},
        "images": evaluation.images,
        "notes": evaluation.notes,
    }
    with whole_file(path) as aside:
        aside.write_text(json.dumps(content, indent=2) + "\n", "utf-8")


def _segmentation(file: Path, found: PairedData, rows: list[Row]) -> dict[str, SegmentationScores]:
    height, width = rows[0].target.shape[:2]
    if height != width or any(row.source.shape[:2] != (height, width) for row in rows):
        raise DiptychError("--segmenter: needs pairs at one size: leave --size native out")
    judge = label_judge(found, height, file)
    return judge(
        *(
            np.stack([getattr(row, side) for row in rows])
            for side in ("source", "translated", "target")
        )
    )


def _all(found: PairedData) -> dict[str, Pair]:
    """The pairs of every split, those that stand in for another split once.

    By their names; where splits share one, by `split/name`.
    """
    split_of = {pair: split for split in reversed(SPLITS) for pair in found.splits[split]}
    count = Counter(pair.name for pair in split_of)
    named = {
        pair.name if count[pair.name] == 1 else f"{split}/{pair.name}": pair
        for pair, split in split_of.items()
    }
    return dict(sorted(named.items()))


def _side(size: int | str | None, default: int | None) -> int | None:
    """Side of the square that pairs are resized to; None for none."""
    if size is None:
        return default
    if size == "native":
        return None
    if str(size).isdecimal() and int(size) > 0:
        return int(size)
    raise DiptychError(f"--size {size!r}: native, or the side of a square in pixels")


def _translated(
    translate: Translate, pairs: list[Pair], recipe: Recipe, side: int | None
) -> Iterator[tuple[np.ndarray, ...]]:
    for pair in pairs:
        source, target = make_source(pair, recipe, side)
        output = translate(Image.fromarray(source))
        if recipe.data.shapes == "own" and side is not None:
            output = resize(output, (side, side))  # from the targets' shape to the one scored at
        height, width = target.shape[:2]
        if output.size != (width, height):
            raise DiptychError(
                f"{pair.name}: translated to {output.width}x{output.height}, but the target has "
                f"{width}x{height}: leave --size native out, or give a number"
            )
        yield source, np.asarray(to_rgb(output)), target


def _from_folder(
    folder: Path, pairs: dict[str, Pair], side: int | None
) -> Iterator[tuple[np.ndarray, ...]]:
    if not folder.is_dir():
        raise DiptychError(f"--translated {folder}: no such folder")
    there = {p.relative_to(folder).with_suffix("").as_posix(): p for p in find_images(folder)}
    files = []
    for label in pairs:
        names = [label + ending for ending in ENDINGS if label + ending in there]
        if not names:
            raise DiptychError(
                f"{folder}: no picture for pair {label}; expected {label}.png or alike"
            )
        files.append(there[names[0]])
    for pair, file in zip(pairs.values(), files, strict=True):
        output = read_image(file)
        size = output.size if side is None else (side, side)
        resized = (
            resize(image, size) for image in (pair.source.read(), output, pair.target.read())
        )
        yield tuple(np.asarray(image) for image in resized)
