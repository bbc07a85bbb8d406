"""How the names of two sides meet: what differs between them is a folder, a part of the name, or
the ending; all else is the same.

Every picture is looked at in several ways. A way takes something of its path for the *role* that
the picture may play, and the rest for the *key* that it shares with its partner. Two roles that
share keys are two sides.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

from diptych.data.listing import Entry

Key = tuple[object, ...]
Role = tuple[str, str]  # a folder, and the part of the names (or the ending) that its files share
Way = Callable[[Entry], Iterable[tuple[Role, Key, str]]]  # and what the pair would be called

BY_NUMBER = "the same number"
SEEN = 300  # pictures of each folder, from which the roles are told
MANY = 8  # roles of one key: so many folders that hold the same name are no sides
_CUTS = 6  # of a name, counted from its end or its beginning


@dataclass(frozen=True)
class Meeting:
    """Two roles whose pictures meet, and where: keys with all that play each role there."""

    roles: tuple[Role, Role]
    rule: str  # in words
    met: dict[Key, tuple[list[Entry], list[Entry]]]
    named: dict[Key, str]
    alone: tuple[list[Entry], list[Entry]]  # of each side's folders, those without a partner

    @property
    def by_number(self) -> bool:
        """Whether the names have nothing but numbers in common."""
        return self.rule == BY_NUMBER

    @property
    def share(self) -> float:
        """Of the larger side, how many have a partner."""
        return len(self.met) / (len(self.met) + max(map(len, self.alone)))

    @property
    def share_of_smaller(self) -> float:
        """Of the smaller side."""
        return len(self.met) / (len(self.met) + min(map(len, self.alone)))

    @property
    def pairs(self) -> list[tuple[Entry, Entry]]:
        """The first of each role, where several play it."""
        return [(first[0], second[0]) for first, second in self.met.values()]


def meetings(
    entries: Sequence[Entry], ways: Sequence[Way] | None = None
) -> Iterator[list[Meeting]]:
    """For each way in turn, the pairs of roles that meet most often, the most frequent first."""
    some = _some_of_each_folder(entries)
    for way in WAYS if ways is None else ways:
        yield meetings_by(way, entries, some)


def meetings_by(
    way: Way, entries: Sequence[Entry], some: Sequence[Entry] | None = None, most: int = 12
) -> list[Meeting]:
    """The pairs of roles that meet by one way; `some` of the entries tell which there are."""
    counts: Counter[tuple[Role, Role]] = Counter()
    for roles in _table(way, some or _some_of_each_folder(entries)).values():
        pairs = combinations(sorted(roles), 2)
        counts.update(pair for pair in pairs if (pair[0][0] != pair[1][0]) == (way in OF_FOLDERS))
    # What is the same by a longer part of the name is so by a shorter one.
    order = sorted(counts, key=lambda pair: (-counts[pair], len(pair[0][1] + pair[1][1])))
    return [_meeting(way, pair, entries) for pair in order[:most]]


def _table(
    way: Way, entries: Iterable[Entry], wanted: Collection[Role] = ()
) -> dict[Key, dict[Role, list[Entry]]]:
    """Who plays which role at each key: only where two or more meet, and not too many."""
    table: defaultdict[Key, dict[Role, list[Entry]]] = defaultdict(dict)
    for entry in entries:
        for role, key, _ in way(entry):
            if not wanted or role in wanted:
                table[key].setdefault(role, []).append(entry)
    if way in (folder_and_number, number_alone):  # which tell nothing where two have one
        for roles in table.values():
            for role in [role for role, those in roles.items() if len(those) > 1]:
                del roles[role]
    return {key: roles for key, roles in table.items() if 2 <= len(roles) <= MANY}


def _some_of_each_folder(entries: Sequence[Entry]) -> list[Entry]:
    """Enough of them to see which roles there are."""
    counts: Counter[tuple[str, tuple[str, ...]]] = Counter()
    some = []
    for entry in entries:
        place = (entry.split, entry.folders)
        counts[place] += 1
        if counts[place] <= SEEN:
            some.append(entry)
    return some


def _meeting(way: Way, roles: tuple[Role, Role], entries: Sequence[Entry]) -> Meeting:
    table = _table(way, entries, roles)
    met = {key: (playing[roles[0]], playing[roles[1]]) for key, playing in table.items()}
    used = {entry.path for sides in met.values() for side in sides for entry in side}
    named = {
        key: next(name for role, k, name in way(first[0]) if k == key and role == roles[0])
        for key, (first, _) in met.items()
    }
    alone: tuple[list[Entry], list[Entry]] = ([], [])
    places = [{entry.folders for sides in met.values() for entry in sides[n]} for n in (0, 1)]
    for entry in entries:
        if entry.path not in used:
            plays = {role for role, _, _ in way(entry)}
            for n in (0, 1):
                if roles[n] in plays and (roles[n][0] or entry.folders in places[n]):
                    alone[n].append(entry)
                    break
    return Meeting(roles, _rule(way, roles, met), met, named, alone)


def _rule(
    way: Way, roles: tuple[Role, Role], met: dict[Key, tuple[list[Entry], list[Entry]]]
) -> str:
    if way is same_name:
        return "the same name"
    if way is other_ending:
        return f"the same name, ending in {roles[0][1]} and in {roles[1][1]}"
    if way in (folder_and_number, number_alone):
        return BY_NUMBER
    sides = next(iter(met.values()))
    parts = [as_spelled(role[1], side[0]) for role, side in zip(roles, sides, strict=True)]
    return f"the same name without {' and '.join(part for part in parts if part)}"


def as_spelled(part: str, entry: Entry) -> str:
    """The part of its name that makes the role of an entry, in its own capitals."""
    if not part:
        return ""
    return entry.stem[: len(part) - 1] if part[0] == "^" else entry.stem[-len(part) :]


def _turned(entry: Entry) -> Iterator[tuple[str, Key, tuple[str, ...]]]:
    """Each folder on the way as the one that differs, or one that is missing, and what is left."""
    folders = tuple(name.casefold() for name in entry.folders)
    for place, name in enumerate(entry.folders):
        rest = entry.folders[:place] + entry.folders[place + 1 :]
        yield name, (place, entry.split, folders[:place] + folders[place + 1 :]), rest
    for place in range(len(folders) + 1):
        yield "", (place, entry.split, folders), entry.folders


def _called(folders: Sequence[str], name: str) -> str:
    return "/".join([*folders, name] if name else folders)


def same_name(entry: Entry) -> Iterator[tuple[Role, Key, str]]:
    """Another folder, the same name."""
    for folder, key, rest in _turned(entry):
        yield (folder.casefold(), ""), (*key, entry.stem), _called(rest, entry.stem)


def other_ending(entry: Entry) -> Iterator[tuple[Role, Key, str]]:
    """The same folder and name, another ending."""
    key = (entry.split, entry.folders, entry.stem)
    yield ("", entry.ending), key, _called(entry.folders, entry.stem)


def folder_and_part(entry: Entry) -> Iterator[tuple[Role, Key, str]]:
    """Another folder, and names that are the same without what their side shares."""
    parts = [(part, core, core.casefold()) for part, core in _parts(entry.stem) if core]
    for folder, key, rest in _turned(entry):
        for part, core, folded in parts:
            yield (folder.casefold(), part), (*key, folded), _called(rest, core)


def part_alone(entry: Entry) -> Iterator[tuple[Role, Key, str]]:
    """The same folder, and names that are the same without what their side shares."""
    for part, core in _parts(entry.stem):
        if core or entry.folders:  # a folder a pair, whose name is that of the pair
            key = (entry.split, entry.folders, core.casefold())
            yield ("", part), key, _called(entry.folders, core)


def folder_and_number(entry: Entry) -> Iterator[tuple[Role, Key, str]]:
    """Another folder, and the same numbers in the name."""
    if numbers := _numbers(entry.stem):
        for folder, key, rest in _turned(entry):
            yield (folder.casefold(), ""), (*key, numbers), _called(rest, entry.stem)


def number_alone(entry: Entry) -> Iterator[tuple[Role, Key, str]]:
    """The same folder and numbers, and other words around them."""
    if numbers := _numbers(entry.stem):
        words = re.sub(r"\d+", "#", entry.stem)
        yield ("", words), (entry.split, entry.folders, numbers), _called(entry.folders, entry.stem)


WAYS: tuple[Way, ...] = (
    same_name,
    other_ending,
    folder_and_part,
    part_alone,
    folder_and_number,
    number_alone,
)


OF_FOLDERS = (same_name, folder_and_part, folder_and_number)


def _numbers(stem: str) -> tuple[int, ...]:
    return tuple(map(int, re.findall(r"\d{1,18}", stem)))


def _parts(stem: str) -> Iterator[tuple[str, str]]:
    """What a side's names may share, at their end or (with ^) at their beginning, and the rest.

    Nothing; or whole words with the sign before them (`_mask`, `x4`), never numbers alone.
    """
    yield "", stem
    cuts = [0, *(match.start() for match in _BOUNDARY.finditer(stem))]
    for cut in cuts[-_CUTS:]:
        if any(map(str.isalpha, stem[cut:])):
            yield stem[cut:].casefold(), stem[:cut]
    ends = [match.end() for match in _BOUNDARY.finditer(stem)]
    for end in ends[:_CUTS]:
        if any(map(str.isalpha, stem[:end])):
            yield f"^{stem[:end].casefold()}", stem[end:]


# Between words: a run of signs, or where letters and digits, or small and capital letters, meet.
_BOUNDARY = re.compile(
    r"(?<=[^\W_])[\W_]+(?=[^\W_])|(?<=[^\W\d_])(?=\d)|(?<=\d)(?=[^\W\d_])|(?<=[a-z])(?=[A-Z])"
)
