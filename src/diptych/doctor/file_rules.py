"""Rules on the files themselves: partners, what can be read, channels, depth."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from diptych.data.pairs import sides
from diptych.doctor.findings import Finding, Place, Severity, count
from diptych.doctor.survey import Survey, most_common
from diptych.images.description import Description
from diptych.images.left_out import left_out

# What fewer of the files have is odd; what more of them have is how the set was made.
ODD_SHARE = 0.2

# The kind of a finding, what is said of the files, and what to do.
FAULTS = {
    "unreadable": (
        "unreadable",
        "cannot be read",
        "training stops at it: get it again, or leave it out",
    ),
    "damaged": (
        "truncated",
        "cannot be read to the end: cut off or damaged",
        "training stops at it: get it again, or leave it out",
    ),
    "panels": (
        "panels",
        "cannot be cut into panels of equal width",
        "training stops at it: leave it out; if all are so, data.panels has to name every panel",
    ),
}


def unmatched(survey: Survey) -> Iterator[Finding]:
    """Files that no pair has, and names that two files claim."""
    if survey.data.alone:
        message = f"{count(len(survey.data.alone), 'file has', 'files have')} no partner"
        rule = survey.data.rule or "the same path below their two folders, the ending aside"
        advice = f"training leaves them out; the two of a pair have {rule}"
        places = [Place(survey.in_words(path)) for path in survey.data.alone]
        yield Finding("unmatched", "warning", "certain", message, advice, places)
    numbers = {picture.path: n for n, pair in enumerate(survey.pairs) for picture in sides(pair)}
    for fault in survey.data.faults:
        kind, advice = "same name" if fault.files else "unmatched", "training does not begin before"
        places = [Place(survey.in_words(path), pair=numbers.get(path)) for path in fault.files]
        yield Finding(kind, "error", "certain", fault.message, advice, places, leave_out=True)


def unreadable(survey: Survey) -> Iterator[Finding]:
    """Files that training could not read."""
    for fault, (kind, what, advice) in FAULTS.items():
        places: dict[str, Place] = {}  # by path: a file of two panels is one file
        for number, record in enumerate(survey.records):
            for picture, seen in zip(sides(survey.pairs[number]), record.sides, strict=True):
                if seen.fault == fault:
                    name = survey.in_words(picture.path)
                    places[name] = Place(name, seen.reason, number)
        if places:
            message, files = f"{count(len(places), 'file')} {what}", [*places.values()]
            yield Finding(kind, "error", "certain", message, advice, files, leave_out=True)


def channels(survey: Survey) -> Iterator[Finding]:
    """Files of a side with other channels than most; of labels `value_rules` tells."""
    for odd in _odd_ones(survey, channels_in_words):
        message = f"{odd.files} with other channels than most, which have {odd.usual}"
        severity: Severity = "warning" if odd.few else "note"
        advice = "training makes RGB of all of them, transparent parts white: see that it is meant"
        if not odd.plain:
            severity = "error"
            advice = "training cannot mix them: save all of a side alike, or leave these out"
        out = odd.few and not odd.plain
        yield Finding("channels", severity, "certain", message, advice, odd.places, leave_out=out)


def depth(survey: Survey) -> Iterator[Finding]:
    """Files of a side with other numbers than most."""
    for odd in _odd_ones(survey, lambda header: header.dtype):
        message = f"{odd.files} of another depth than most, which are {odd.usual}"
        advice = "one value would mean two things: save all of a side alike, or leave these out"
        yield Finding("depth", "error", "certain", message, advice, odd.places, leave_out=odd.few)


def not_read(survey: Survey) -> Iterator[Finding]:
    """What files hold that training does not read: transparency, further pages or frames."""
    for side, name in enumerate(survey.domains):
        taken_as = survey.domain(side)
        places: dict[str, list[Place]] = {}
        for number, header in survey.headers(side).items():
            for what in left_out(header, taken_as.kind) if taken_as is not None else ():
                places.setdefault(what, []).append(survey.place(number, side, ""))
        for what, files in places.items():
            message = f"{count(len(files), 'file')} of {name} with {what}"
            advice = "see that it is meant; translating does the same"
            yield Finding("left out", "warning", "certain", message, advice, files)


def channels_in_words(header: Description) -> str:
    """As `3 channels`."""
    return "a palette" if header.palette else count(header.channels, "channel")


@dataclass(frozen=True)
class _Odd:
    """The files of a side that are not as most of them."""

    files: str  # how many, of which side
    usual: str
    places: list[Place]
    few: bool
    plain: bool  # pictures of 8 bits, on a side of pictures


def _odd_ones(survey: Survey, kind: Callable[[Description], str]) -> Iterator[_Odd]:
    for side, domain in enumerate(survey.domains):
        taken_as = survey.domain(side)
        if taken_as is not None and taken_as.kind == "labels":
            continue
        headers = survey.headers(side)
        kinds = {number: kind(header) for number, header in headers.items()}
        usual = most_common(kinds.values())
        pictures = taken_as is None or taken_as.is_picture
        for plain in (True, False):
            places = [
                survey.place(number, side, kind)
                for number, kind in kinds.items()
                if kind != usual and (pictures and headers[number].plain) == plain
            ]
            if places:
                files, few = count(len(places), "file"), len(places) < ODD_SHARE * len(kinds)
                yield _Odd(f"{files} of {domain}", usual, places, few, plain)
