"""What source and target are: as the recipe says, and where it is silent as the files are."""

from collections.abc import Sequence

import numpy as np

from diptych.data.derive import DERIVATIONS
from diptych.data.pairs import PairedData, Picture, evenly_spread
from diptych.errors import DiptychError
from diptych.images.description import Description
from diptych.images.domain import Domain, Range, plain, several
from diptych.images.values import probe
from diptych.schema import SPLITS, DomainSettings, Recipe
from diptych.tensor_file import faults_in_a_line

RANGED = 100  # training pictures from which a range is taken, evenly spread
Domains = tuple[Domain, Domain]


def find_domains(paired: PairedData, recipe: Recipe) -> Domains:
    """The domains of source and target.

    Raises DiptychError where the recipe names one that the data has not, or where it does not fit
    the files.
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
        target = _domain(names[1], recipe, "target", [pair.target for pair in pairs])
        parts = [
            _domain(name, recipe, "source", [pair.source.parts[i] for pair in pairs])
            for i, name in enumerate(recipe.data.sources or names[:1])
        ]
        return several(parts) if recipe.data.sources else parts[0], target


def _domain(name: str, recipe: Recipe, side: str, pictures: Sequence[Picture]) -> Domain:
    settings = recipe.domain.get(name) or recipe.domain.get(side) or DomainSettings()
    if not pictures or settings.kind == "rgb":
        return plain(name)
    description = probe(pictures[0].path)
    if settings.kind == "labels":
        return _labels(name, settings, description)
    if description.plain and settings == DomainSettings():
        return plain(name)
    nodata = settings.nodata if settings.nodata is not None else description.nodata
    bare = Domain(
        name=name,
        kind="values",
        channels=1 if description.palette else description.channels,
        dtype=description.dtype,
        nodata=nodata,
    )
    return Domain(**dict(bare) | {"range": _range(bare, settings, pictures)})


def _labels(name: str, settings: DomainSettings, description: Description) -> Domain:
    palette = settings.palette or (description.palette if not settings.classes else ())
    classes = settings.classes or len(palette)
    if classes < 2:
        raise DiptychError(
            f"domain.{name}: labels need classes = N or palette = ['#rrggbb', ...], two or more"
        )
    return Domain(name=name, kind="labels", channels=classes, palette=palette)


def _range(
    domain: Domain, settings: DomainSettings, pictures: Sequence[Picture]
) -> tuple[Range, ...]:
    """What -1 and 1 stand for: one for all channels or one for each."""
    if not isinstance(settings.range, str):
        ranges = settings.range if isinstance(settings.range[0], tuple) else (settings.range,)
        if len(ranges) not in (1, domain.channels):
            raise DiptychError(
                f"domain.{domain.name}.range: {len(ranges)} ranges for {domain.channels} channels"
            )
        return tuple((float(low), float(high)) for low, high in ranges)
    if settings.range == "dtype" or (settings.range == "auto" and domain.dtype == "uint8"):
        if np.dtype(domain.dtype).kind == "f":
            raise DiptychError(
                f"domain.{domain.name}.range: {domain.dtype} has no range of its own: "
                "give [lo, hi] or percentile:1,99"
            )
        limits = np.iinfo(domain.dtype)
        return ((float(limits.min), float(limits.max)),)
    chosen = evenly_spread(pictures, RANGED)
    values = [_present(picture.read(domain), domain) for picture in chosen]
    return tuple(
        _percentiles(np.concatenate(channel), settings, domain.name)
        for channel in zip(*values, strict=True)
    )


def _present(values: np.ndarray, domain: Domain) -> list[np.ndarray]:
    """The numbers of each channel, without those that stand for no data."""
    channels = [channel[np.isfinite(channel)] for channel in np.moveaxis(values, -1, 0)]
    return [channel[channel != domain.nodata] for channel in channels]


def _percentiles(values: np.ndarray, settings: DomainSettings, name: str) -> Range:
    if not values.size:
        raise DiptychError(f"{name}: no data in any of the pictures looked at")
    low, high = (float(value) for value in np.percentile(values, settings.percentiles()))
    return (low, high) if low < high else (low, low + 1)
