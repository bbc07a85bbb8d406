"""The check of a folder of pairs, as `diptych data check` runs it."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from diptych.data.domains import conclusions, find_domains
from diptych.data.layouts import look_for_pairs
from diptych.data.pairs import Progress, evenly_spread, sides
from diptych.doctor.alignment_rules import shifted, swapped
from diptych.doctor.class_rules import strange_colours
from diptych.doctor.duplicate_rules import duplicates
from diptych.doctor.facts import facts
from diptych.doctor.file_rules import channels, depth, not_read, unmatched, unreadable
from diptych.doctor.findings import Finding, in_order
from diptych.doctor.label_sides import Labels, find_labels
from diptych.doctor.picture_rules import blank, odd_range
from diptych.doctor.size_rules import panel_shape, sizes, too_small
from diptych.doctor.survey import Survey, list_pairs, read_all, read_header, view_of
from diptych.doctor.value_rules import far_off, few_levels, no_data, refused
from diptych.errors import DiptychError
from diptych.images.display import colours
from diptych.images.domain import Domain
from diptych.schema import Recipe

RULES: tuple[Callable[[Survey], Iterable[Finding]], ...] = (
    unmatched,
    unreadable,
    channels,
    depth,
    panel_shape,
    not_read,
    refused,
    no_data,
    far_off,
    few_levels,
    blank,
    odd_range,
    strange_colours,
    swapped,
    duplicates,
    shifted,
)
RECIPE_RULES: tuple[Callable[[Survey, Recipe], Iterable[Finding]], ...] = (sizes, too_small)
_PALETTE_PAIRS = 48  # evenly spread, that a palette is recovered from
_PALETTE_SIDE = 512  # of their corner, in pixels


@dataclass(frozen=True)
class Checkup:
    """What was found, the worst first, and what the pairs are."""

    survey: Survey
    findings: list[Finding]
    facts: dict[str, str]

    @property
    def harmful(self) -> bool:
        """Whether training would be harmed."""
        return any(finding.severity == "error" for finding in self.findings)


def check_pairs(
    root: Path,
    recipe: Recipe,
    processes: int = 0,
    on_progress: Progress | None = None,
) -> Checkup:
    """Read all pairs that `recipe` finds in `root`, and say what is wrong with them.

    What the sides are is what training would take them as; labels among pictures in colours are
    looked for. Raises DiptychError where there are no pairs to read in any layout that is known.
    """
    if recipe.data.sources:
        raise DiptychError("data.sources: look at one at a time, with data.source and data.target")
    survey = list_pairs(look_for_pairs(root, recipe))
    findings: list[Finding] = []
    if survey.pairs:
        findings += _take_sides(survey, recipe)
        read_all(survey, on_progress, processes)
    findings += [finding for rule in RULES for finding in rule(survey)]
    findings += [finding for rule in RECIPE_RULES for finding in rule(survey, recipe)]
    if not survey.data.splits["train"] and not survey.data.faults:
        message = "there is nothing to train on"
        advice = "put pairs into train/, or directly into the folder"
        findings.append(Finding("no training pairs", "error", "certain", message, advice))
    return Checkup(survey, in_order(findings), facts(survey, recipe))


def _take_sides(survey: Survey, recipe: Recipe) -> Iterator[Finding]:
    """Settle what the sides are, as training does; or say why it would not begin."""
    try:
        survey.taken_as = find_domains(survey.data, recipe)
    except DiptychError as error:
        advice = "training does not begin before"
        yield Finding("domain", "error", "certain", str(error), advice)
    else:
        survey.data.notes += conclusions(survey.taken_as, recipe)
    if len(survey.domains) == 2:
        survey.labels = tuple(
            _declared(survey.domain(side)) or _labels_of(survey, side) for side in (0, 1)
        )


def _declared(domain: Domain | None) -> Labels | None:
    """The labels that training takes a side as."""
    if domain is None or domain.kind != "labels":
        return None
    palette = colours(domain) if domain.palette else None
    return Labels(palette, classes=domain.channels)


def _labels_of(survey: Survey, side: int) -> Labels | None:
    """The palette of a side, recovered from some of its pictures, where they have one."""
    pictures = []
    for pair in evenly_spread(survey.pairs, _PALETTE_PAIRS):
        picture = sides(pair)[side]
        header = read_header(picture).header
        if header is not None and header.plain and (view := view_of(picture)) is not None:
            pictures.append(view[:_PALETTE_SIDE, :_PALETTE_SIDE])
    # A size of its own would cut all to what it leaves.
    usual = np.median([picture.shape[:2] for picture in pictures], axis=0) if pictures else (0, 0)
    return find_labels(
        [p for p in pictures if p.shape[0] >= usual[0] / 2 and p.shape[1] >= usual[1] / 2]
    )
