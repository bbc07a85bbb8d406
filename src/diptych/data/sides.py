"""Which pictures of a folder are the two sides of pairs: chosen among the ways their names meet."""

import re
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import Literal

from diptych.data.folder_words import is_of_results, usual_side
from diptych.data.listing import Entry
from diptych.data.meeting import WAYS, Meeting, Role, as_spelled, meetings
from diptych.errors import DiptychError
from diptych.schema import Data

# Whether pictures show one thing, or each of them a pair by itself; empty where it cannot be told.
Relation = Literal["alike", "apart", "strips", ""]
ENOUGH = 0.5  # of the larger side has a partner


@dataclass(frozen=True)
class Sides:
    """Two sides of pairs, A first, and what they are called."""

    meeting: Meeting
    names: tuple[str, str]
    turned: bool  # whether A plays the second role of the meeting

    def of(self, pair: tuple[list[Entry], list[Entry]]) -> tuple[list[Entry], list[Entry]]:
        """What plays A, and what plays B."""
        return pair[::-1] if self.turned else pair


def find_sides(
    entries: Sequence[Entry], data: Data, related: Callable[[Meeting], Relation]
) -> tuple[Sides | None, str]:
    """The sides by the first way that gives any; None where no names meet.

    `related` looks at pictures of a meeting. The text says where names met by chance. Raises
    DiptychError where more than two sides come into question.
    """
    doubt = ""
    entries = _of_told_folders(entries, _told(data))
    for whole in (True, False):
        looked_at = entries if whole else _shallow(entries)
        for number, found in enumerate(meetings(looked_at)):
            if told := _between(_told(data), found):
                return _ordered(told, data), ""
            if likely := _likely(found, len(entries)):
                used = _used(likely)
                left = len(looked_at) - len(used)
                later = _later(number, left, likely, looked_at)
                if told := _between(_told(data), [*chain(*later)]):
                    return _ordered(told, data), ""
                chosen = _only([*likely, *_of_left_out(used, likely, later, len(entries))])
                if not (chance := _by_chance(chosen, data, related)):
                    return _ordered(chosen, data), ""
                doubt = doubt or chance
    return None, doubt


def _later(
    number: int, left: int, likely: Sequence[Meeting], entries: Sequence[Entry]
) -> list[list[Meeting]]:
    """What meets by the ways after this one, where so many are left as may be a side."""
    most = max(len(meeting.met) for meeting in likely)
    return list(meetings(entries, WAYS[number + 1 :])) if 2 * left >= most else []


def _of_left_out(
    used: set[Path], likely: Sequence[Meeting], later: Sequence[Sequence[Meeting]], count: int
) -> list[Meeting]:
    """Sides by later ways, whose pictures have no part in those that are likely.

    Results that were written beside the sources bear their very names, and the targets, which have
    words of their own in theirs, would stand aside in silence.
    """
    most = max(len(meeting.met) for meeting in likely)
    others: list[Meeting] = []
    for found in later:
        for meeting in _likely([one for one in found if not one.by_number], count):
            new = sum(not {a.path, b.path} <= used for a, b in meeting.pairs)
            if 2 * new >= most and not any(_same(meeting, other) for other in others):
                others.append(meeting)
    return others


def _used(found: Sequence[Meeting]) -> set[Path]:
    return {
        entry.path for meeting in found for sides in meeting.met.values() for entry in chain(*sides)
    }


def _told(data: Data) -> list[str]:
    """The sides that the recipe names, in small letters; they need not be in the folder."""
    names = data.domains or data.direction.split("->")
    return sorted(name.strip().casefold() for name in names)


def _of_told_folders(entries: Sequence[Entry], told: Sequence[str]) -> Sequence[Entry]:
    """Those in folders that the recipe names, if both are there: of others there may be many."""
    of = [[e for e in entries if name in map(str.casefold, e.folders)] for name in told]
    return [*of[0], *of[1]] if len(of) == 2 and all(of) else entries


def _between(told: Sequence[str], found: Sequence[Meeting]) -> Meeting | None:
    """The meeting of the two sides that the recipe names."""
    for meeting in found:
        if sorted(name.casefold() for name in names_of(meeting)) == told:
            return meeting
    return None


def _shallow(entries: Sequence[Entry]) -> list[Entry]:
    """The same without folders that lie alone in theirs: as deep as the other side may be."""
    inside: defaultdict[tuple[str, ...], set[str]] = defaultdict(set)
    for folders in {entry.folders for entry in entries}:
        for depth, name in enumerate(folders):
            inside[folders[:depth]].add(name)
        inside[folders].add("")
    return [
        replace(
            entry,
            folders=tuple(
                name
                for depth, name in enumerate(entry.folders)
                if not depth or len(inside[entry.folders[:depth]]) > 1
            ),
        )
        for entry in entries
    ]


def _likely(found: Sequence[Meeting], count: int) -> list[Meeting]:
    """Those of which enough meet; of those that give the same pairs, one."""
    likely: list[Meeting] = []
    for meeting in found:
        met = len(meeting.met)
        first, second = map(usual_side, names_of(meeting))
        telling = {first, second} == {0, 2} or sorted(meeting.roles) == [("a", ""), ("b", "")]
        if meeting.share < ENOUGH and not (telling and meeting.share_of_smaller >= ENOUGH):
            continue
        if _numbered([folder for folder, _ in meeting.roles]):
            continue
        within_names = any(part for _, part in meeting.roles)
        # Names that happen to share a word: there must be more than one such pair, or words for it.
        if within_names and met < 2 and not telling and not _by_ending(meeting):
            continue
        if within_names and 4 * met < count and meeting.roles[0][0] == "":
            continue
        if not any(_same(meeting, other) for other in likely):
            likely.append(meeting)
    most = max((len(meeting.met) for meeting in likely), default=0)
    likely = [meeting for meeting in likely if 2 * len(meeting.met) >= most]
    roles = {role for meeting in likely for role in meeting.roles}
    # More folders than names in them: one for each pair, or each scene, and no sides.
    return likely if len(likely) < 2 or most > len(roles) else []


def _numbered(folders: Sequence[str]) -> bool:
    """Whether they are called alike but for a number, as scenes are and sides are not."""
    first, second = (re.sub(r"\d+", "#", folder) for folder in folders)
    return first == second and "#" in first


def _by_ending(meeting: Meeting) -> bool:
    return all(part.startswith(".") for _, part in meeting.roles)


def _same(one: Meeting, other: Meeting) -> bool:
    paths = [{frozenset((a.path, b.path)) for a, b in m.pairs} for m in (one, other)]
    return paths[0] <= paths[1]


def _only(likely: Sequence[Meeting]) -> Meeting:
    """The only one; raises DiptychError where there are more."""
    if len(likely) < 2:
        return likely[0]
    told = [meeting for meeting in likely if not any(map(is_of_results, names_of(meeting)))]
    likely = told or likely
    coloured = [
        meeting
        for meeting in likely
        if any(word in part for _, part in meeting.roles for word in ("color", "colour"))
    ]
    if len(coloured) == 1:  # of several files that label one picture, the one to look at
        return coloured[0]
    usual = [meeting for meeting in likely if {*map(usual_side, names_of(meeting))} == {0, 2}]
    if len(likely) > 1 and len(usual) != 1:
        sides = sorted({name for meeting in likely for name in names_of(meeting)})
        raise DiptychError(
            f"pictures of {_listed(sides)} have names that meet: say which two are a pair, "
            f"{_how_to_say(names_of((usual or likely)[0]))}"
        )
    return (usual or likely)[0]


def _by_chance(chosen: Meeting, data: Data, related: Callable[[Meeting], Relation]) -> str:
    """What to say of pictures that have alike names by chance; nothing of any others.

    Folders that are called as sides are, and words within one folder, are no chance, but where each
    picture is a pair by itself; numbers may always be.
    """
    names = names_of(chosen)
    usual = data.domains or any(usual_side(name) != 1 for name in names)
    by_part = not chosen.by_number and not chosen.roles[0][0]
    if _by_ending(chosen) or (usual and not by_part and not chosen.by_number):
        return ""
    relation = related(chosen)
    if relation in {"alike", ""} or (relation == "apart" and by_part):
        return ""
    return (
        f"{names[0]} and {names[1]} hold files of {chosen.rule}, but the pictures do not look like "
        f"pairs: if they are, say so, {_how_to_say(names)}"
    )


def _ordered(meeting: Meeting, data: Data) -> Sides:
    """A is what the recipe names first, or what is usually translated from."""
    names = names_of(meeting)
    folded, wanted = [name.casefold() for name in names], [d.casefold() for d in data.domains]
    if len(set(folded)) < 2:
        names = [f"{name}{suffix}" for name, suffix in zip(names, (" 1", " 2"), strict=True)]
    if data.domains and sorted(folded) == sorted(wanted):
        return Sides(meeting, (data.domains[0], data.domains[1]), folded[0] != wanted[0])
    ranks = [usual_side(name) for name in names]
    if sorted(folded) == ["a", "b"]:
        names, turned = [name.upper() for name in names], folded[0] == "b"
    elif data.domains:
        own = [usual_side(name) for name in data.domains]
        if ranks[0] == ranks[1] or own[0] == own[1]:
            raise DiptychError(
                f"pairs of {names[0]} and {names[1]}, but which of them is {data.domains[0]} and "
                f"which {data.domains[1]}? Say it, {_how_to_say(names)}"
            )
        turned = (ranks[0] < ranks[1]) != (own[0] < own[1])
    else:
        turned = (ranks[0], folded[0]) > (ranks[1], folded[1])
    if data.domains:
        return Sides(meeting, (data.domains[0], data.domains[1]), turned)
    ordered = names[::-1] if turned else names
    return Sides(meeting, (ordered[0], ordered[1]), turned)


def names_of(meeting: Meeting) -> list[str]:
    """What its two sides are called."""
    return [name_of(role, meeting) for role in meeting.roles]


def name_of(role: Role, meeting: Meeting) -> str:
    """What people would call a side: its folder, or what the names of its files share."""
    folder, part = role
    number = meeting.roles.index(role)
    some = next(iter(meeting.met.values()))[number][0]
    if folder:
        return next(name for name in some.folders if name.casefold() == folder)
    if part.startswith(".") or "#" in part:
        return part.strip(" ._-#") or "images"
    return as_spelled(part, some).strip(" ._-") or "images"


def _how_to_say(names: Sequence[str]) -> str:
    first, second = sorted(names, key=usual_side)[:2]
    return (
        f'the source first: --set \'data.domains=["{first}", "{second}"]\' '
        f"--direction '{first} -> {second}'"
    )


def _listed(names: Sequence[str]) -> str:
    return f"{', '.join(names[:-1])} and {names[-1]}"
