"""Rules on single pictures: empty ones, and values that cannot be meant."""

from collections import Counter
from collections.abc import Iterator

import numpy as np

from diptych.doctor.class_rules import as_hex, labels_of
from diptych.doctor.findings import Finding, Place, Severity, count
from diptych.doctor.look import Look
from diptych.doctor.survey import Survey

# Share of one colour (within 10 levels) above which next to nothing is shown. The highest of the
# real sets: edges2handbags .993, edges2shoes .991, facades .95, but for open sea (maps: 1).
EMPTY = 0.998
CALM = 0.95  # of a sea, on the photo of it
SEVERAL = 3  # pictures of about the same colour are no accident
# How many times smaller or larger than usual the values of one picture are when it was saved in
# other units: 256 between 8 and 16 bits, 1000 between metres and millimetres.
OTHER_UNITS = 20


def blank(survey: Survey) -> Iterator[Finding]:
    """Pictures of one value, and pictures that are nearly so."""
    dim = {place.file for finding in odd_range(survey) for place in finding.places}
    for side, domain in enumerate(survey.domains):
        labels = labels_of(survey, side) is not None
        flat = {
            number: look
            for number, look in survey.looks(side).items()
            if not look.empty and (look.blank or look.common > EMPTY)
        }
        colours = Counter(_rough(look) for look in flat.values())
        constant: list[Place] = []
        empty: list[Place] = []
        calm: list[Place] = []
        for number, look in flat.items():
            share = "all" if look.blank else f"{look.common:.2%}"
            place = survey.place(number, side, f"{share} of it is {as_hex(look.colour)}")
            if place.file in dim:
                continue
            page = max(look.colour) < 16 or min(look.colour) > 240
            both = all(
                seen.look and seen.look.common > CALM for seen in survey.records[number].sides
            )
            # A label is content, and so is the sea, on both sides or on several; no blank page is.
            if labels or (not page and (both or colours[_rough(look)] >= SEVERAL)):
                calm.append(place)
            else:
                (constant if look.blank else empty).append(place)
        if constant:
            message = f"{count(len(constant), 'picture')} of {domain} with one value everywhere"
            advice = "there is nothing to learn from: see why, and leave it out"
            yield Finding(
                "constant", "warning", "certain", message, advice, constant, leave_out=True
            )
        if empty:
            message = f"{count(len(empty), 'picture')} of {domain} with next to nothing on it"
            advice = "look at it: if that is not what the scene holds, leave it out"
            yield Finding("nearly empty", "warning", "likely", message, advice, empty)
        if calm:
            message = f"{count(len(calm), 'picture')} of {domain} of one colour, or nearly so"
            advice = "well if the scene is so, as a map of the sea is"
            yield Finding("one colour", "note", "possible", message, advice, calm)


def odd_range(survey: Survey) -> Iterator[Finding]:
    """Pictures whose values are of another order than those of their side."""
    for side, domain in enumerate(survey.domains):
        taken_as = survey.domain(side)
        if taken_as is not None and taken_as.kind == "labels":
            continue  # their numbers have no order
        highest = {
            number: max(abs(seen.look.low), abs(seen.look.high))
            for number, seen in survey.of_usual_depth(side).items()  # of others `depth` tells
            if seen.look is not None and not seen.look.blank and seen.look.empty < 1
        }
        usual = float(np.median(list(highest.values()))) if highest else 0.0
        places = [
            survey.place(number, side, f"up to {value:g}")
            for number, value in highest.items()
            if usual > 0 and not 1 / OTHER_UNITS < value / usual < OTHER_UNITS
        ]
        if places:
            header = survey.headers(side)[next(iter(highest))]
            plain = header.dtype == "uint8"  # it may be a dark picture
            pictures = f"{count(len(places), 'picture')} of {domain}"
            message = f"{pictures} with values of another order than most, which go up to {usual:g}"
            advice = (
                "saved in other units, or with another depth, most likely: save it as the others, "
                "or leave it out"
            )
            severity: Severity = "warning" if plain else "error"
            yield Finding("range", severity, "likely", message, advice, places, leave_out=not plain)


def _rough(look: Look) -> tuple[int, ...]:
    return tuple(level // 16 for level in look.colour)
