"""What source and target are: as the recipe says, and where it is silent as the files are."""

import math
from collections import Counter
from collections.abc import Sequence

import numpy as np

from diptych.data.derive import DERIVATIONS
from diptych.data.label_files import (
    VOID,
    black_and_white,
    concluded_classes,
    headers_of,
    highest_number,
    used_colours,
    without_padding,
)
from diptych.data.pairs import PairedData, Picture
from diptych.data.ranges import find_range
from diptych.errors import DiptychError
from diptych.images.description import Description
from diptych.images.domain import Domain, plain, several
from diptych.images.tiff_description import held_nodata
from diptych.schema import SPLITS, DomainSettings, Recipe
from diptych.tensor_file import faults_in_a_line

Domains = tuple[Domain, Domain]


def find_domains(paired: PairedData, recipe: Recipe, model: Domains | None = None) -> Domains:
    """The domains of source and target.

    Where the recipe does not say what a side is and a `model` that the networks begin with takes
    colours there, pictures of 8 bits are colours, whatever they hold. Raises DiptychError where the
    recipe names a domain that the data has not, or where it does not fit the files.
    """
    derivation = DERIVATIONS.get(recipe.derive.kind)
    names = paired.domains
    for name in recipe.domain:
        allowed = (*names, *recipe.data.sources, "source", "target")
        if derivation or name not in allowed:
            right = "sources made from photos have none" if derivation else ", ".join(allowed)
            raise DiptychError(f"domain.{name}: no such domain: {right}")
    with faults_in_a_line(paired.root):
        if derivation:
            return plain(names[0], derivation.source), plain(names[1], derivation.target)
        pairs = next((paired.splits[split] for split in SPLITS if paired.splits[split]), [])
        colours = [side.kind == "rgb" for side in model] if model else [False, False]
        targets = [pair.target for pair in pairs]
        target = _domain(names[1], recipe, "target", targets, colours=colours[1])
        parts = [
            _domain(name, recipe, "source", [p.source.parts[i] for p in pairs], colours=colours[0])
            for i, name in enumerate(recipe.data.sources or names[:1])
        ]
        return several(parts) if recipe.data.sources else parts[0], target


def _said_of(name: str, recipe: Recipe, side: str) -> DomainSettings:
    """What the recipe says of a domain, by its name or as `source` or `target`."""
    return recipe.domain.get(name) or recipe.domain.get(side) or DomainSettings()


def conclusions(domains: Domains, recipe: Recipe) -> list[str]:
    """A line for each side that is labels though the recipe does not say so."""
    lines = []
    for domain, side in zip(domains, ("source", "target"), strict=True):
        if domain.kind == "labels" and _said_of(domain.name, recipe, side).kind == "auto":
            void = domain.nodata is not None
            lines.append(
                f"{domain.name}: {domain.channels} classes, as its files hold the numbers 0 to "
                f"{domain.channels - 1}"
                + (f", and {domain.nodata:g} where there is no class" if void else "")
                + f"; domain.{domain.name}.kind = 'values' says otherwise"
            )
    return lines


def _domain(
    name: str, recipe: Recipe, side: str, pictures: Sequence[Picture], *, colours: bool
) -> Domain:
    settings = _said_of(name, recipe, side)
    if not pictures or settings.kind in {"rgb", "gray"}:
        return plain(name, "gray" if settings.kind == "gray" else "rgb")
    headers = headers_of(pictures)
    usual = _usual(headers)
    nodata = settings.nodata if settings.nodata is not None else usual.nodata
    if nodata is not None and math.isnan(nodata):  # which is none in any case
        nodata = VOID if settings.kind == "labels" else None
    if settings.kind == "labels":
        return _labels(name, settings, pictures, headers, nodata)
    silent = settings.kind == settings.range == "auto"
    one = all((header.channels, header.dtype) == (1, "uint8") for header in headers)
    if silent and usual.plain and colours and settings.nodata is None:
        return plain(name)
    if silent and one and side == "target" and not colours:
        labels = _concluded(name, pictures, headers, nodata)
        if labels is not None:
            return labels
    indexed = any(header.palette for header in headers)
    if silent and usual.plain and settings.nodata is None and (nodata is None or not one):
        return plain(name, "gray" if one and not indexed else "rgb")
    bare = Domain(
        name=name,
        kind="values",
        channels=1 if usual.palette else usual.channels,
        dtype=usual.dtype,
        nodata=_held(name, nodata, usual),
    )
    return Domain(**dict(bare) | {"range": find_range(bare, settings, pictures)})


def _held(name: str, nodata: float | None, usual: Description) -> float | None:
    """What means no data, where the numbers of the files can be it."""
    dtype = np.dtype(usual.dtype)
    held = None if nodata is None else held_nodata(nodata, dtype)
    if nodata is not None and held is None and dtype.kind != "f":
        raise DiptychError(f"domain.{name}.nodata: {nodata:g} is no {dtype}")
    return held


def _usual(headers: Sequence[Description]) -> Description:
    """The first of those that hold such numbers as most do."""
    counts = Counter((header.channels, header.dtype) for header in headers)
    most = counts.most_common(1)[0][0]
    return next(header for header in headers if (header.channels, header.dtype) == most)


def _labels(
    name: str,
    settings: DomainSettings,
    pictures: Sequence[Picture],
    headers: Sequence[Description],
    nodata: float | None,
) -> Domain:
    """Labels that the recipe declares, their colours where it does not name them."""
    palette, classes = settings.palette, settings.classes
    tables = {header.palette for header in headers if header.palette}
    if not palette and len(tables) > 1:  # an index in one file is another colour in the next
        palette = used_colours(pictures)
        if classes and classes != len(palette):
            raise DiptychError(
                f"domain.{name}: classes = {classes}, but the colour tables of its files differ, "
                f"and they show {len(palette)} colours: name them, palette = ['#rrggbb', ...]"
            )
    elif not palette and not tables and classes == 2 and black_and_white(pictures):
        palette = ("#000000", "#ffffff")
    elif not palette and not classes and tables:
        palette = without_padding(next(iter(tables)))
        if len(palette) == 256:  # also of what no picture shows, most likely
            palette = palette[: highest_number(pictures) + 1]
    classes = classes or len(palette)
    if classes < 2:
        raise DiptychError(
            f"domain.{name}: labels need classes = N or palette = ['#rrggbb', ...], two or more"
        )
    return Domain(name=name, kind="labels", channels=classes, palette=palette, nodata=nodata)


def _concluded(
    name: str, pictures: Sequence[Picture], headers: Sequence[Description], nodata: float | None
) -> Domain | None:
    """Labels that nobody declared: numbers 0 to K - 1 in flat regions, under one colour table."""
    tables = {header.palette for header in headers}
    concluded = concluded_classes(pictures, nodata) if len(tables) == 1 else None
    if concluded is None:
        return None
    classes, void = concluded
    palette = tables.pop()[:classes]
    return Domain(
        name=name,
        kind="labels",
        channels=classes,
        palette=palette if len(palette) == classes else (),
        nodata=VOID if void and nodata is None else nodata,
    )
