"""Rules on sides that hold labels, and how the labels are spread."""

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from diptych.doctor.alignment_rules import swapped
from diptych.doctor.findings import Finding, Place, Sureness, count
from diptych.doctor.label_sides import NEAR, Count, Labels
from diptych.doctor.look import FEW
from diptych.doctor.survey import Seen, Survey

# Share of a picture that is flat and of no label's colour: of facades .001 at most. With a palette
# that was recovered, rare labels are missing: cityscapes .17 (bridges), maps .42 (parks).
_STRANGE = 0.005
_STRANGE_RECOVERED = 0.05
# A side of one channel holds labels where so many of its pictures have few different numbers.
_INDEXED = 0.95
# A number that only so many of the pictures have, and that lies as far above the others as they
# spread, is none of them.
_RARE = 0.05


@dataclass(frozen=True)
class Class:
    """A label, and its share of the pixels; of colours, of those in flat areas."""

    name: str
    share: float


def class_balance(survey: Survey, side: int) -> list[Class]:
    """The labels of a side, the most common first; nothing where it has none."""
    labels = labels_of(survey, side)
    if labels is None and not is_indexed(survey, side):
        return []
    totals: Counter[int] = Counter()
    for counted in _counts(survey, side):
        totals.update(counted.pixels)
    whole = sum(totals.values()) or 1
    return [Class(_name(labels, n), pixels / whole) for n, pixels in totals.most_common()]


def out_of_range(survey: Survey) -> Iterator[Finding]:
    """Pictures of labels with what is no label."""
    kind = "labels out of range"
    other_way = {place.pair for finding in swapped(survey) for place in finding.places}
    for side, domain in enumerate(survey.domains):
        labels = labels_of(survey, side)
        seen = {
            number: record.sides[side]
            for number, record in enumerate(survey.records)
            if number not in other_way
        }
        if labels is not None and not labels.declared:
            places = _colours_of_one(survey, side, seen)
            if places:
                pictures = f"{count(len(places), 'picture')} of {domain}"
                message = f"{pictures} with areas of a colour that no other has"
                advice = "a rare label, or none: look at it"
                yield Finding(kind, "note", "possible", message, advice, places)
            continue
        if labels is not None and labels.palette is not None:
            places = _off_palette(survey, side, seen)
            right = f"areas of other colours than the {len(labels.palette)} of the labels"
        elif labels is not None or is_indexed(survey, side):
            highest = labels.classes - 1 if labels else _highest_usual(survey, side)
            places = _above(survey, side, seen, highest)
            right = f"values outside 0 to {highest}"
        else:
            continue
        if places:
            message = f"{count(len(places), 'picture')} of {domain} with what is no label: {right}"
            advice = "an edited, resized or wrong file: give the pixels a label, or leave it out"
            sure: Sureness = "certain" if labels else "likely"
            yield Finding(kind, "error", sure, message, advice, places, leave_out=True)


def labels_of(survey: Survey, side: int) -> Labels | None:
    """What is known of the labels of a side before any picture is read."""
    return survey.labels[side - len(survey.domains)]


def _off_palette(survey: Survey, side: int, sides: dict[int, Seen]) -> list[Place]:
    return [
        survey.place(number, side, f"{counted.strange:.1%} of it, most of that {counted.colour}")
        for number, seen in sides.items()
        if (counted := seen.labels) is not None and counted.strange > _STRANGE
    ]


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


def _above(survey: Survey, side: int, sides: dict[int, Seen], highest: int) -> list[Place]:
    places = []
    for number, seen in sides.items():
        if seen.look is None:
            continue
        if seen.labels is None:
            detail = f"more than {FEW} values, or more than one channel"
        else:
            strange = [n for n in seen.labels.pixels if not 0 <= n <= highest]
            if not strange:
                continue
            detail = f"value {', '.join(map(str, strange[:5]))}"
        places.append(survey.place(number, side, detail))
    return places


def is_indexed(survey: Survey, side: int) -> bool:
    """Whether the pictures of a side are of one channel with few different numbers."""
    few = len(_counts(survey, side))
    return few > 1 and few >= _INDEXED * len(survey.looks(side))


def _counts(survey: Survey, side: int) -> list[Count]:
    return [counted for r in survey.records if (counted := r.sides[side].labels) is not None]


def _highest_usual(survey: Survey, side: int) -> int:
    """The highest number that is a label, as far as the pictures tell."""
    counts = _counts(survey, side)
    having = Counter(number for counted in counts for number in counted.pixels)
    usual = [number for number, seen in having.items() if seen > _RARE * len(counts)]
    if not usual:
        return max(having)
    spread = max(usual) - min(usual) + 1
    return max(number for number in having if number <= max(usual) + spread)


def _distance(colour: str, other: str) -> float:
    return math.dist(bytes.fromhex(colour[1:]), bytes.fromhex(other[1:]))


def _name(labels: Labels | None, number: int) -> str:
    if labels is None or labels.palette is None:
        return str(number)
    return as_hex(labels.palette[number])


def as_hex(colour: Iterable[int]) -> str:
    """As `#0130fe`."""
    return "#" + bytes(colour).hex()
