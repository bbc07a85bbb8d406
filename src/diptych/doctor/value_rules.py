"""Rules on what values mean: no data, said or not, and numbers that may be classes."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence

import numpy as np

from diptych.data.label_files import VOID
from diptych.doctor.findings import Finding, Place, count
from diptych.doctor.look import Look
from diptych.doctor.survey import Survey

FEW_LEVELS = 40  # of 255: pictures that stay below look black
_NARROW = 0.7  # edge for each pixel of lines three or four pixels wide


def refused(survey: Survey) -> Iterator[Finding]:
    """Files that can be read, but hold what training cannot take."""
    for side, domain in enumerate(survey.domains):
        taken_as = survey.domain(side)
        places = [
            survey.place(number, side, record.sides[side].reason)
            for number, record in enumerate(survey.records)
            if record.sides[side].fault == "refused"
        ]
        if not places or taken_as is None:
            continue
        if taken_as.kind == "labels":
            kind, what = "labels out of range", "what is no label"
            right = (
                "give the pixels a label, or leave it out; numbers that mean no class: "
                f"--set domain.{domain}.nodata=N"
            )
        else:
            kind, what = "refused", "values that cannot be used"
            right = "save it as the others are, or leave it out"
        message = f"{count(len(places), 'picture')} of {domain} with {what}"
        advice = f"training stops at it: {right}"
        yield Finding(kind, "error", "certain", message, advice, places, leave_out=True)


def no_data(survey: Survey) -> Iterator[Finding]:
    """Pictures that hold no data in places, or anywhere."""
    for side, domain in enumerate(survey.domains):
        looks = {
            number: look
            for number, look in survey.looks(side).items()
            if look.empty and not survey.records[number].sides[side].fault
        }
        for whole in (True, False):
            places = [
                survey.place(number, side, f"{look.empty:.1%} of it")
                for number, look in looks.items()
                if (look.empty == 1) == whole
            ]
            if not places:
                continue
            pictures = f"{count(len(places), 'picture')} of {domain}"
            if whole:
                message = f"{pictures} without any data"
                advice = "there is nothing to learn from: leave it out"
                yield Finding("no data", "warning", "certain", message, advice, places, True)
            else:
                message = f"{pictures} with pixels that hold no data"
                advice = "they are left out of the losses and of the scores"
                yield Finding("no data", "note", "certain", message, advice, places)


def far_off(survey: Survey) -> Iterator[Finding]:
    """Values that stand for no data by all looks, though nobody said so."""
    for side, domain in enumerate(survey.domains):
        places: dict[float, list[Place]] = defaultdict(list)
        for number, look in survey.looks(side).items():
            if look.far_off is not None:
                detail = f"{_exact(look.far_off)}, all others {look.low:g} to {look.high:g}"
                places[look.far_off].append(survey.place(number, side, detail))
        for value, having in places.items():
            written = _exact(value)
            pictures = f"{count(len(having), 'picture')} of {domain}"
            message = f"{pictures} with values of {written}, far off all others"
            advice = f"where it means no data: --set domain.{domain}.nodata={written}"
            yield Finding("no data value", "warning", "likely", message, advice, having)


def few_levels(survey: Survey) -> Iterator[Finding]:
    """Sides of pictures that span few of 255 levels, as numbers of classes do."""
    for side, domain in enumerate(survey.domains):
        taken_as = survey.domain(side)
        looks = survey.looks(side)
        if taken_as is None or taken_as.kind not in {"rgb", "gray"} or not looks:
            continue
        headers = survey.headers(side)
        if any(header.palette or header.dtype != "uint8" for header in headers.values()):
            continue
        if domain == survey.domains[-1] and _are_masks([*looks.values()]):
            message = f"{domain}: all of its values are 0 or 255, as in masks"
            keys = f"domain.{domain}.kind=labels domain.{domain}.classes=2"
            advice = f"where they are classes, --set each of {keys}"
            yield Finding("few levels", "warning", "possible", message, advice)
            continue
        highest = max(_highest(survey, side, number) for number in looks)
        if not 0 < highest < FEW_LEVELS:
            continue
        message = f"{domain}: all of its values lie from 0 to {highest:g}, which looks black"
        keys = f"domain.{domain}.kind=labels domain.{domain}.classes={highest + 1:g}"
        if Counter(header.channels for header in headers.values()).most_common(1)[0][0] > 1:
            keys = f"domain.{domain}.kind=labels domain.{domain}.palette=['#rrggbb', ...]"
        advice = f"where they are numbers of classes, --set each of {keys}"
        yield Finding("few levels", "warning", "likely", message, advice)


def _are_masks(looks: Sequence[Look]) -> bool:
    """Whether pictures are black and white, in areas: lines are drawings."""
    for look in looks:
        if look.features[0] or look.levels > 2 or not {look.low, look.high} <= {0, VOID}:
            return False
    means = np.array([look.features[7] for look in looks])
    edges = np.expm1([look.features[10] for look in looks]) / VOID
    narrow = edges / np.maximum(np.minimum(means, 1 - means), 1e-6)  # 4 over the width of squares
    return bool(np.median(narrow) < _NARROW)


def _highest(survey: Survey, side: int, number: int) -> float:
    """The highest level of a picture; beside few other numbers, 255 is none."""
    seen, labels = survey.records[number].sides[side], survey.labels[side - len(survey.domains)]
    assert seen.look is not None  # noqa: S101 - those that were looked at
    # Of labels in colours their places are counted, not levels.
    levels = seen.labels if labels is None or labels.palette is None else None
    if levels is not None and len(levels.pixels) > 2 and seen.look.high == VOID:
        return max(level for level in levels.pixels if level != VOID)
    return seen.look.high


def _exact(value: float) -> str:
    """A number with as many digits as it takes."""
    if float(value).is_integer() and abs(value) < 2**53:
        return f"{value:.0f}"
    return repr(value)
