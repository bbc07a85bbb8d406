"""Score translated pictures, whoever made them, against the targets of a split."""

import json
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from diptych.config import Recipe, recipe_from
from diptych.data.layouts import find_pairs
from diptych.data.pairs import SPLITS, Pair
from diptych.errors import DiptychError
from diptych.evaluation.report import Row
from diptych.evaluation.scores import Interval, Scorer, default_scorer, summarise
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
    baseline: dict[str, Interval]  # of the bare sources
    images: dict[str, dict[str, float]]  # scores of each pair by its name
    rows: list[Row] = field(default_factory=list)  # pictures, where they were asked for
    notes: list[str] = field(default_factory=list)

    def __getitem__(self, metric: str) -> Interval:
        return self.scores[metric]


def evaluate(
    translated: Translate | str | Path,
    data: str | Path,
    split: str = "test",
    *,
    recipe: Recipe | None = None,
    size: int | str | None = None,
    scorer: Scorer | None = None,
    keep_pictures: bool = False,
    on_progress: Callable[[int, int], None] | None = None,
) -> Evaluation:
    """Score a translator, any function from picture to picture, or a folder of pictures.

    `recipe` says where source and target lie in `data`; by default the translator's own. `size`:
    pairs are resized to this square before translating; by default to the recipe's crop size,
    `"native"` leaves them as they are. For a folder the default is the size of its pictures.
    Without LPIPS weights at hand LPIPS is left out. Raises DiptychError on a user's mistake.
    """
    if recipe is None:
        header = getattr(translated, "header", None)
        recipe = recipe_from(header.recipe, "model") if header is not None else Recipe()
    if split not in SPLITS:
        raise DiptychError(f"--split {split!r}: one of {', '.join(SPLITS)}")
    found = find_pairs(Path(data), recipe.data)
    pairs = found.splits[split]
    if not pairs:
        raise DiptychError(f"{data}: the {split} split is empty")
    if callable(translated):
        pictures = _translated(translated, pairs, _side(size, recipe.data.crop_size))
    else:
        pictures = _from_folder(Path(translated), pairs, _side(size, None))
    scorer = scorer or default_scorer()
    images: dict[str, dict[str, float]] = {}
    bare: list[dict[str, float]] = []
    rows = []
    for pair, (source, output, target) in zip(pairs, pictures, strict=True):
        images[pair.name] = scorer(output[None], target[None])[0]
        if source.shape == target.shape:
            bare += scorer(source[None], target[None])
        if keep_pictures:
            rows.append(Row(pair.name, source, output, target, images[pair.name]))
        if on_progress is not None:
            on_progress(len(images), len(pairs))
    notes = [note for note in found.notes if f"no {split} split" in note or "left out" in note]
    scores = summarise(list(images.values()))
    return Evaluation(split, found.domains, scores, summarise(bare), images, rows, notes)


def write_json(path: Path, evaluation: Evaluation, facts: dict[str, Any]) -> None:
    """Write scores, baseline and the scores of every image, with `facts` about them."""
    content = {
        **facts,
        "split": evaluation.split,
        "direction": " -> ".join(evaluation.domains),
        "scores": {name: asdict(interval) for name, interval in evaluation.scores.items()},
        "baseline": {name: asdict(interval) for name, interval in evaluation.baseline.items()},
        "images": evaluation.images,
        "notes": evaluation.notes,
    }
    with whole_file(path) as aside:
        aside.write_text(json.dumps(content, indent=2) + "\n", "utf-8")


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
    translate: Translate, pairs: list[Pair], side: int | None
) -> Iterator[tuple[np.ndarray, ...]]:
    for pair in pairs:
        source, target = pair.source.read(), pair.target.read()
        if side is not None:
            source, target = resize(source, (side, side)), resize(target, (side, side))
        output = translate(source)
        if output.size != target.size:
            raise DiptychError(
                f"{pair.name}: translated to {output.width}x{output.height}, but the target has "
                f"{target.width}x{target.height}: leave --size native out, or give a number"
            )
        yield np.asarray(source), np.asarray(to_rgb(output)), np.asarray(target)


def _from_folder(
    folder: Path, pairs: list[Pair], side: int | None
) -> Iterator[tuple[np.ndarray, ...]]:
    if not folder.is_dir():
        raise DiptychError(f"--translated {folder}: no such folder")
    there = {p.relative_to(folder).with_suffix("").as_posix(): p for p in find_images(folder)}
    files = []
    for pair in pairs:
        names = [pair.name + ending for ending in ENDINGS if pair.name + ending in there]
        if not names:
            raise DiptychError(
                f"{folder}: no picture for pair {pair.name}; expected {pair.name}.png or alike"
            )
        files.append(there[names[0]])
    for pair, file in zip(pairs, files, strict=True):
        output = read_image(file)
        size = output.size if side is None else (side, side)
        resized = (
            resize(image, size) for image in (pair.source.read(), output, pair.target.read())
        )
        yield tuple(np.asarray(image) for image in resized)
