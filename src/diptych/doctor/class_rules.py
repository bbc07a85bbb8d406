"""Rules on sides that hold labels, and how the labels are spread."""

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from diptych.doctor.alignment_rules import swapped
from diptych.doctor.findings import Finding, Place, count
from diptych.doctor.label_sides import NEAR, Count, Labels
from diptych.doctor.survey import Seen, Survey

# Share of a picture that is flat and of no label's colour: of facades .001 at most. With a palette
# that was recovered, rare labels are missing: cityscapes .17 (bridges), maps .42 (parks).
_STRANGE = 0.005
_STRANGE_RECOVERED = 0.05


@dataclass(frozen=True)
class Class:
    """A label, and its share of the pixels; of colours, of those in flat areas."""

    name: str
    share: float


def class_balance(survey: Survey, side: int) -> list[Class]:
    """The labels of a side, the most common first; nothing where it has none."""
    labels = labels_of(survey, side)
    if labels is None:
        return []
    totals: Counter[int] = Counter()
    for counted in _counts(survey, side):
        totals.update(counted.pixels)
    whole = sum(totals.values()) or 1
    return [Class(_name(labels, n), pixels / whole) for n, pixels in totals.most_common()]


def strange_colours(survey: Survey) -> Iterator[Finding]:
    """Pictures of labels that nobody declared with a colour of theirs alone."""
    other_way = {place.pair for finding in swapped(survey) for place in finding.places}
    for side, domain in enumerate(survey.domains):
        labels = labels_of(survey, side)
        if labels is None or labels.declared:
            continue
        seen = {
            number: record.sides[side]
            for number, record in enumerate(survey.records)
            if number not in other_way
        }
        places = _colours_of_one(survey, side, seen)
        if places:
            pictures = f"{count(len(places), 'picture')} of {domain}"
            message = f"{pictures} with areas of a colour that no other has"
            advice = "a rare label, or none: look at it"
            yield Finding("labels out of range", "note", "possible", message, advice, places)


def labels_of(survey: Survey, side: int) -> Labels | None:
    """What is known of the labels of a side before any picture is read."""
    return survey.labels[side - len(survey.domains)]


def _colours_of_one(survey: Survey, side: int, sides: dict[int, Seen]) -> list[Place]:
    """Areas of a colour that one picture alone has: what several have is a rare label."""
    labels = labels_of(survey, side)
    having: dict[str, list[tuple[float, int]]] = defaultdict(list)
    strange: list[str] = []
    for number, seen in sides.items():
        if seen.labels is None:
            continue
        whole = sum(seen.labels.pixels.values())
        for label, pixels in seen.labels.pixels.items():
            if pixels > _STRANGE * whole:  # but for traces
                having[_name(labels, label)].append((pixels / whole, number))
        if seen.labels.strange > _STRANGE:
            colour = seen.labels.colour
            same = next((other for other in strange if _distance(other, colour) <= NEAR), "")
            strange += [] if same else [colour]
            having[same or colour].append((seen.labels.strange, number))
    return [
        survey.place(number, side, f"{share:.1%} of it is {colour}")
        for colour, [(share, number), *others] in having.items()
        if not others and share > _STRANGE_RECOVERED
    ]


def _counts(survey: Survey, side: int) -> list[Count]:
    return [counted for r in survey.records if (counted := r.sides[side].labels) is not None]


def _distance(colour: str, other: str) -> float:
    return math.dist(bytes.fromhex(colour[1:]), bytes.fromhex(other[1:]))


def _name(labels: Labels | None, number: int) -> str:
    if labels is None or labels.palette is None:
        return str(number)
    return as_hex(labels.palette[number])


def as_hex(colour: Iterable[int]) -> str:
    """As `#0130fe`."""
    return "#" + bytes(colour).hex()
