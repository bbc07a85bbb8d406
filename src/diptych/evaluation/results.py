"""Translated pictures beside their targets, whoever made them."""

from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from itertools import chain
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from PIL import Image

from diptych.config import recipe_from
from diptych.data.domains import Domains, find_domains
from diptych.data.fitting import Fit, Size, array_size, fit_to_look
from diptych.data.layouts import find_pairs
from diptych.data.pairs import Pair, PairedData, evenly_spread
from diptych.data.prepare import prepared
from diptych.data.sources import Source, at_hand
from diptych.errors import DiptychError
from diptych.groups import groups_of
from diptych.images.arrays import read_array, resized
from diptych.images.files import find_images
from diptych.images.rgb import as_array, as_image, in_colours
from diptych.model_file import Header
from diptych.schema import SPLITS, Recipe

# A translator, or any function from picture to picture.
Translate = Callable[[Image.Image], Any]
Item = TypeVar("Item")
Making = Callable[[dict[str, "Pair"]], "Iterator[Result]"]  # of some pairs
# What well-known tools put behind the name of an input.
ENDINGS = ("", "_fake_B", "-outputs")


@dataclass(frozen=True)
class Result:
    """What was made of the pair called `name`: arrays `(H, W, C)` of their domains.

    `own` is the translated as it came, where it was then brought to the target's size.
    """

    name: str
    source: np.ndarray
    translated: np.ndarray
    target: np.ndarray
    own: np.ndarray | None = None

    @property
    def as_it_came(self) -> np.ndarray:
        """The translated before it was brought to any size."""
        return self.translated if self.own is None else self.own


@dataclass
class Results:
    """What a translator, a function or a folder gives for the pairs of a split, by their names.

    Going over it gives a `Result` for each, made as they are asked for. `fit` is how pairs are
    brought to their size; None where they stay as they are, or have that of the folder's pictures.
    Raises DiptychError where one cannot be had.
    """

    data: PairedData
    pairs: dict[str, Pair]
    recipe: Recipe
    domains: Domains
    fit: Fit | None
    results_of: Making = field(repr=False)

    def __iter__(self) -> Iterator[Result]:
        return self.results_of(self.pairs)

    @property
    def beside(self) -> list[Pair]:
        """The training pairs that are not scored themselves: a pair is not held against itself."""
        scored = set(self.pairs.values())
        return [pair for pair in self.data.splits["train"] if pair not in scored]

    def spread(self, most: int) -> "Results":
        """At most so many of the pairs, evenly spread."""
        return replace(self, pairs=dict(evenly_spread([*self.pairs.items()], most)))


def share_of(results: Results, number: int, count: int) -> Results:
    """Those of one of so many processes: groups of neighbours go round."""
    own = groups_of([*results.pairs.items()])[number::count]
    return replace(results, pairs=dict(chain.from_iterable(own)))


def results_of(
    translated: Translate | str | Path,
    data: Source,
    split: str = "test",
    *,
    recipe: Recipe | None = None,
    size: int | str | None = None,
) -> Results:
    """The results of a translator, any function from picture to picture, or a folder of pictures.

    Arguments are those of `evaluate`.
    """
    header = getattr(translated, "header", None)
    if recipe is None:
        recipe = recipe_from(header.recipe, "model") if header is not None else Recipe()
    if split not in (*SPLITS, "all"):
        raise DiptychError(f"--split {split!r}: one of {', '.join(SPLITS)}, all")
    paired = find_pairs(at_hand(data), recipe)
    pairs = _all(paired) if split == "all" else {pair.name: pair for pair in paired.splits[split]}
    if not pairs:
        raise DiptychError(f"{paired.root}: the {split} split is empty")
    domains = _domains(header, paired, recipe)
    side = _side(size)
    fit: Fit | None = None
    if callable(translated):
        # Patches are trained on as they are.
        if size != "native" and (side is not None or recipe.data.fit != "patches"):
            fit = fit_to_look(recipe.data, side or recipe.data.crop)
        making: Making = Translated(translated, recipe, domains, fit)
    elif recipe.derive.kind != "none":
        raise DiptychError("--translated: only for pairs; here the sources are made while scoring")
    else:
        making = FromFiles(_files_of(Path(translated), pairs), recipe, domains, side)
    return Results(paired, pairs, recipe, domains, fit, making)


def _domains(header: Header | None, paired: PairedData, recipe: Recipe) -> Domains:
    """Those of the model, under the names that the data has for them."""
    if header is None:
        return find_domains(paired, recipe)
    source, target = (
        domain.model_copy(update={"name": name})
        for domain, name in zip((header.source, header.target), paired.domains, strict=True)
    )
    return source, target


def _all(paired: PairedData) -> dict[str, Pair]:
    """The pairs of every split, those that stand in for another split once.

    By their names; where splits share one, by `split/name`.
    """
    split_of = {pair: split for split in reversed(SPLITS) for pair in paired.splits[split]}
    count = Counter(pair.name for pair in split_of)
    named = {
        pair.name if count[pair.name] == 1 else f"{split}/{pair.name}": pair
        for pair, split in split_of.items()
    }
    return dict(sorted(named.items()))


def _side(size: int | str | None) -> Size | None:
    """The square that is asked for; None for none."""
    if size is None or size == "native":
        return None
    if str(size).isdecimal() and int(size) > 0:
        return int(size), int(size)
    raise DiptychError(f"--size {size!r}: native, or the side of a square in pixels")


def alike(
    items: Iterable[Item], size: Callable[[Item], Size], most: Callable[[Size], int]
) -> Iterator[list[Item]]:
    """Items that follow each other and are of one size, together, `most` of that size at a time."""
    together: list[Item] = []
    for item in items:
        if together and (
            size(item) != size(together[0]) or len(together) >= most(size(together[0]))
        ):
            yield together
            together = []
        together.append(item)
    if together:
        yield together


def ahead(items: Iterable[Item], most: int = 4) -> Iterator[Item]:
    """The items, at most so many of them made by another thread before they are asked for."""
    coming, end = iter(items), object()
    with ThreadPoolExecutor(1) as other:
        futures = deque(other.submit(next, coming, end) for _ in range(most))
        while (item := futures.popleft().result()) is not end:
            futures.append(other.submit(next, coming, end))
            yield item  # type: ignore[misc]


@dataclass(frozen=True)
class Translated:
    """Results that a translator, or any function from picture to picture, makes."""

    translate: Translate
    recipe: Recipe
    domains: Domains
    fit: Fit | None

    def __call__(self, pairs: Mapping[str, Pair]) -> Iterator[Result]:
        """Those of some pairs, made as they are asked for."""
        translate, domains, fit = self.translate, self.domains, self.fit
        # A translator takes and gives arrays; any other function pictures.
        takes_arrays = hasattr(translate, "apply")
        if not takes_arrays and not all(domain.is_picture for domain in domains):
            raise DiptychError("values and labels are scored for a model, not for a bare function")
        same = self.recipe.data.shapes == "same"
        read = ahead(
            (name, *prepared(pair, domains, fit, self.recipe.derive, same_shape=same))
            for name, pair in pairs.items()
        )
        together = getattr(translate, "together", lambda *_: 1)
        for group in alike(read, lambda one: array_size(one[1]), lambda size: together(*size)):
            sources = [source for _, source, _ in group]
            if len(group) > 1:
                outputs = list(translate.apply_all(np.stack(sources)))  # type: ignore[attr-defined]
            elif takes_arrays:
                outputs = [translate.apply(sources[0])]  # type: ignore[attr-defined]
            else:
                made = translate(as_image(sources[0]))
                outputs = [as_array(in_colours(made, domains[1].kind))]
            for (name, source, target), output in zip(group, outputs, strict=True):
                # From the targets' shape to that scored at.
                shaped = fit is not None and not same
                translated = resized(output, fit.size, domains[1]) if fit and shaped else output
                if translated.shape[:2] != target.shape[:2]:
                    raise DiptychError(
                        f"{name}: translated to {output.shape[1]}x{output.shape[0]}, but the "
                        f"target has {target.shape[1]}x{target.shape[0]}: leave --size native out, "
                        "or give a number"
                    )
                yield Result(name, source, translated, target, output if shaped else None)


@dataclass(frozen=True)
class FromFiles:
    """Results that are in files, by the names of pairs."""

    files: Mapping[str, Path]
    recipe: Recipe
    domains: Domains
    side: Size | None

    def __call__(self, pairs: Mapping[str, Pair]) -> Iterator[Result]:
        """Those of some pairs, read as they are asked for."""
        return ahead(self._read(name, pair) for name, pair in pairs.items())

    def of(self, names: Iterable[str]) -> "FromFiles":
        """The same for these pairs alone."""
        return replace(self, files={name: self.files[name] for name in names})

    def _read(self, name: str, pair: Pair) -> Result:
        output = read_array(self.files[name], self.domains[1])
        size, same = self.side or array_size(output), self.recipe.data.shapes == "same"
        source, target = prepared(pair, self.domains, Fit("resize", size), same_shape=same)
        return Result(name, source, resized(output, size, self.domains[1]), target, output)


def _files_of(folder: Path, pairs: Iterable[str]) -> dict[str, Path]:
    """The pictures of a folder that are results of these pairs, by their names."""
    if not folder.is_dir():
        raise DiptychError(f"--translated {folder}: no such folder")
    pictures = {p.relative_to(folder).with_suffix("").as_posix(): p for p in find_images(folder)}
    files = {}
    for label in pairs:
        names = [label + ending for ending in ENDINGS if label + ending in pictures]
        if not names:
            raise DiptychError(
                f"{folder}: no picture for pair {label}; expected {label}.png or alike"
            )
        files[label] = pictures[names[0]]
    return files
