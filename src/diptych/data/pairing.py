"""From two sides that meet to pairs in splits, with all that was left out on the way."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from diptych.data.listing import Entry, Listing
from diptych.data.meeting import Meeting
from diptych.data.pairs import Fault, Pair, PairedData, Picture

NAMED_AT_MOST = 5  # files that a message names
Order = Callable[[tuple[list[Entry], list[Entry]]], tuple[list[Entry], list[Entry]]]


def add_pairs(
    paired: PairedData,
    meeting: Meeting,
    names: tuple[str, str],
    first_and_second: Order = lambda sides: sides,
    source: int = 0,
) -> None:
    """Fill the splits; files that collide are faults, those without a partner are named.

    `first_and_second` puts what plays either role in the order of `names`; `source` is which of
    them is translated from.
    """
    paired.rule = meeting.rule
    splits = {entry.split for pair in meeting.pairs for entry in pair}
    outside = 0
    for key, sides in meeting.met.items():
        both = first_and_second(sides)
        for side in both:
            if len(side) > 1:
                paired.faults.append(collision(side[0], side[1]))
        split = both[0][0].split
        if not split and "train" in splits:
            outside += 1
            continue
        pictures = [Picture(side[0].path) for side in both]
        pair = Pair(meeting.named[key], pictures[source], pictures[1 - source])
        paired.splits.setdefault(split or "train", []).append(pair)
    if outside:
        paired.notes.append(f"{_counted(outside, 'pair')} left out: in no split's folder")
    alone = first_and_second(meeting.alone)
    for mine, other in zip(alone, names[::-1], strict=True):
        _leave_out(paired, mine, f"no partner in {other}")
    for split in sorted({entry.split for entry in alone[0]} - splits):
        folders = [
            min((entry.path.parent for entry in side if entry.split == split), default=None)
            for side in alone
        ]
        if folders[0] and folders[1]:
            paired.faults.append(nothing_shared(folders[0], folders[1]))


def one_a_file(paired: PairedData, entries: Sequence[Entry]) -> Iterator[tuple[str, str, Path]]:
    """Split, name and file of pictures that are pairs by themselves.

    Files that collide are faults; where there are splits, what lies in none is left out, and said.
    """
    taken: dict[tuple[str, str], Entry] = {}
    splits, outside = {entry.split for entry in entries} - {""}, 0
    for entry in entries:
        split, name = entry.split or "train", "/".join([*entry.folders, entry.stem])
        if not entry.split and splits:
            outside += 1
        elif (split, name) in taken:
            paired.faults.append(collision(taken[split, name], entry))
        else:
            taken[split, name] = entry
            yield split, name, entry.path
    if outside:
        paired.notes.append(f"{_counted(outside, 'picture')} left out: in no split's folder")


def note_other_pictures(paired: PairedData, listing: Listing, meeting: Meeting) -> None:
    """Say what lies in other folders, in splits without pairs, or is of another kind."""
    used = {entry.path for sides in meeting.met.values() for side in sides for entry in side}
    used |= {entry.path for side in meeting.alone for entry in side}
    kinds: Counter[str] = Counter()
    example: dict[str, str] = {}
    for entry in listing.entries:
        if entry.path not in used:
            folder = entry.path.parent.relative_to(listing.root).as_posix()
            kinds[folder] += 1
            example.setdefault(folder, entry.path.name)
    for folder, count in kinds.most_common(NAMED_AT_MOST):
        place = "" if folder == "." else f" in {folder}"
        pictures = f"{_counted(count, 'picture')}{place}"
        paired.notes.append(f"{pictures} left out: of neither side (as {example[folder]})")


def nothing_shared(one: Path, other: Path) -> Fault:
    """Two folders that should hold the same names."""
    return Fault(
        f"{one} and {other}: no two pictures share a name (relative path without its ending)"
    )


def collision(one: Entry, other: Entry) -> Fault:
    """Two files that play one role."""
    message = f"{other.path} and {one.path.name} would be the same pair: rename or remove one"
    return Fault(message, (one.path, other.path))


def _leave_out(paired: PairedData, entries: Sequence[Entry], why: str) -> None:
    if entries:
        root = paired.root
        files = _some(
            str(e.path.relative_to(root) if e.path.is_relative_to(root) else e.path)
            for e in entries
        )
        paired.notes.append(f"{files} left out: {why}")
        paired.alone += [entry.path for entry in entries]


def _some(names: Iterable[str]) -> str:
    names = list(names)
    more = len(names) - NAMED_AT_MOST
    return ", ".join(names[:NAMED_AT_MOST]) + (f" and {more:,} more" if more > 0 else "")


def _counted(count: int, what: str) -> str:
    return f"{count:,} {what}{'s' * (count != 1)}"
