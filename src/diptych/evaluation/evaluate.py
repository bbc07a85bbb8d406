"""Score translated pictures, whoever made them, against the targets of a split."""

import json
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from diptych.config import recipe_from
from diptych.data.domains import Domains, find_domains
from diptych.data.layouts import find_pairs
from diptych.data.pairs import SPLITS, Pair, PairedData
from diptych.data.prepare import Size, make_source
from diptych.data.sources import Source, at_hand
from diptych.errors import DiptychError
from diptych.evaluation.baselines import baselines
from diptych.evaluation.fcn import label_judge
from diptych.evaluation.report import Row
from diptych.evaluation.scores import Scorer, default_scorer
from diptych.evaluation.segmenter import SegmentationScores
from diptych.evaluation.summary import Interval, differences, summarise
from diptych.evaluation.units import score_in_domain
from diptych.images.arrays import read_array, resized
from diptych.images.display import shown
from diptych.images.files import find_images, to_rgb
from diptych.model_file import Header
from diptych.schema import Recipe
from diptych.whole_file import whole_file

# A translator, or any function from picture to picture.
Translate = Callable[[Image.Image], Any]
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


def evaluate(  # noqa: C901, PLR0913 - keyword arguments, each with a default
    translated: Translate | str | Path,
    data: Source,
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
    header = getattr(translated, "header", None)
    if recipe is None:
        recipe = recipe_from(header.recipe, "model") if header is not None else Recipe()
    if split not in (*SPLITS, "all"):
        raise DiptychError(f"--split {split!r}: one of {', '.join(SPLITS)}, all")
    found = find_pairs(at_hand(data), recipe)
    named = _all(found) if split == "all" else {pair.name: pair for pair in found.splits[split]}
    pairs = list(named.values())
    if not pairs:
        raise DiptychError(f"{found.root}: the {split} split is empty")
    domains = _domains(header, found, recipe)
    if callable(translated):
        native = recipe.data.fit == "patches"
        side = _size(size, None if native else recipe.data.crop)
        results = _translated(translated, pairs, recipe, domains, side)
    elif recipe.derive.kind != "none":
        raise DiptychError("--translated: only for pairs; here the sources are made while scoring")
    else:
        results = _from_folder(Path(translated), named, domains, _size(size, None))
    scorer = scorer or default_scorer(border=recipe.derive.scale)
    scored_on = set(pairs)  # a pair is not held against itself
    free = baselines(recipe, domains, [p for p in found.splits["train"] if p not in scored_on])
    images: dict[str, dict[str, float]] = {}
    others: dict[str, list[dict[str, float]]] = {name: [] for name in free}
    rows = []
    for label, (source, output, target) in zip(named, results, strict=True):

        def scored(made: np.ndarray, target: np.ndarray = target) -> dict[str, float]:
            return score_in_domain(scorer, made[None], target[None], domains[1])[0]

        images[label] = scored(output)
        height, width = target.shape[:2]
        for name, make in free.items():
            others[name].append(scored(make(source, (height, width))))
        if keep_pictures or segmenter is not None:
            look, wanted = (shown(result, domains[1]) for result in (output, target))
            rows.append(Row(label, shown(source, domains[0]), look, wanted, images[label]))
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


def _domains(header: Header | None, found: PairedData, recipe: Recipe) -> Domains:
    """Those of the model, under the names that the data has for them."""
    if header is None:
        return find_domains(found, recipe)
    source, target = (
        domain.model_copy(update={"name": name})
        for domain, name in zip((header.source, header.target), found.domains, strict=True)
    )
    return source, target


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


def _size(size: int | str | None, default: Size | None) -> Size | None:
    """Height and width that pairs are resized to; None for none."""
    if size is None:
        return default
    if size == "native":
        return None
    if str(size).isdecimal() and int(size) > 0:
        return int(size), int(size)
    raise DiptychError(f"--size {size!r}: native, or the side of a square in pixels")


def _translated(
    translate: Translate, pairs: list[Pair], recipe: Recipe, domains: Domains, size: Size | None
) -> Iterator[tuple[np.ndarray, ...]]:
    # A translator takes and gives arrays; any other function pictures.
    apply = getattr(translate, "apply", None)
    if apply is None and not all(domain.is_picture for domain in domains):
        raise DiptychError("values and labels are scored for a model, not for a bare function")
    for pair in pairs:
        source, target = make_source(pair, recipe, domains, size)
        if apply is not None:
            output = apply(source)
        else:
            output = np.asarray(to_rgb(translate(Image.fromarray(np.ascontiguousarray(source)))))
        if recipe.data.shapes == "own" and size is not None:
            output = resized(output, size, domains[1])  # from the targets' shape to that scored at
        if output.shape[:2] != target.shape[:2]:
            raise DiptychError(
                f"{pair.name}: translated to {output.shape[1]}x{output.shape[0]}, but the target "
                f"has {target.shape[1]}x{target.shape[0]}: leave --size native out, or give a "
                "number"
            )
        yield source, output, target


def _from_folder(
    folder: Path, pairs: dict[str, Pair], domains: Domains, size: Size | None
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
    source, target = domains
    for pair, file in zip(pairs.values(), files, strict=True):
        output = read_array(file, target)
        wanted = size or (output.shape[0], output.shape[1])
        yield (
            resized(pair.source.read(source), wanted, source),
            resized(output, wanted, target),
            resized(pair.target.read(target), wanted, target),
        )
