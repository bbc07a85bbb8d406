"""Find the pairs in a folder, however people keep them, or in a table.

In this order: as the recipe says (a folder or more for each side, panels, photos alone); two sides
whose names meet (`sides`); and pictures that hold both, where looking at them shows it (`strips`).
Nothing is taken for a pair in silence: `PairedData` says the layout, the rule by which names met,
and what was left out.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from diptych.data.derive import DERIVATIONS
from diptych.data.listing import Entry, Listing, list_pictures
from diptych.data.meeting import Meeting, meetings, meetings_by, same_name
from diptych.data.pairs import (
    Fault,
    Pair,
    PairedData,
    Picture,
    Stack,
    fill_splits,
    resolve_direction,
)
from diptych.data.sides import Sides, find_sides, name_of
from diptych.data.strips import find_strips, look_related, strips_told
from diptych.data.tables import TABLES, read_table
from diptych.errors import DiptychError
from diptych.schema import Data, Recipe

NAMED_AT_MOST = 5  # files that a message names
ENOUGH_TO_BE_PAIRS = 0.5  # of the larger folder's names are in the other


def find_pairs(root: Path, recipe: Recipe) -> PairedData:
    """The pairs in `root`; raises DiptychError where there are none or they collide."""
    paired = look_for_pairs(root, recipe)
    for fault in paired.faults:
        raise DiptychError(fault.message)
    if recipe.data.shapes == "own" and paired.splits["train"]:
        paired.own_size = paired.splits["train"][0].target.size
    return paired


def look_for_pairs(root: Path, recipe: Recipe) -> PairedData:
    """The same for one who looks for what is wrong: collisions are `faults`.

    Raises DiptychError where there are no pairs in any layout that is known.
    """
    data = recipe.data
    table = root.is_file() and root.suffix.lower() in TABLES
    if not table and not root.is_dir():
        raise DiptychError(
            f"{root}: no such folder of pairs, nor a table ({', '.join(TABLES)}) or shards (.tar)"
        )
    if table:
        paired = read_table(root, recipe)
    elif data.sources:
        paired = _several_folders(root, data)
    elif data.source:
        paired = _two_folders(root, data)
    else:
        paired = _by_itself(root, recipe)
    if data.names:
        paired.domains = (data.names[0], data.names[1])
    splits = paired.splits
    if not splits.get("train") and any(splits.values()):
        paired.notes.append("no train split: there is nothing to train on")
    paired.undivided = splits.get("train", [])
    paired.splits, notes = fill_splits(
        splits,
        data.split_seed,
        test_on_val=data.test == "val",
        validated=recipe.train.validation_pairs,
    )
    paired.notes += notes
    return paired


def _by_itself(root: Path, recipe: Recipe) -> PairedData:
    """What a folder holds, by what lies in it."""
    data, listing = recipe.data, list_pictures(root)
    if recipe.derive.kind != "none":
        paired = _photos(listing, DERIVATIONS[recipe.derive.kind].domains)
    elif data.panels:
        paired = strips_told(listing, data)
    elif sides := find_sides(listing.entries, data, look_related):
        paired = _of_sides(listing, sides, data)
    else:
        paired = _strangers(listing, data) or find_strips(listing, data)
    if others := listing.in_words():
        paired.notes.append(f"left out, as no pictures: {others}")
    return paired


def _of_sides(listing: Listing, sides: Sides, data: Data) -> PairedData:
    """Pairs of two sides that were found, turned as the recipe's direction says."""
    names = sides.names
    source, target = resolve_direction(data, names)
    meeting = sides.meeting
    folders = [role[0] for role in meeting.roles]
    apart = "two folders" if any(folders) else "two files a pair"
    spelled = [name_of(role, meeting) for role in meeting.roles]
    first, second = spelled[::-1] if sides.turned else spelled
    paired = PairedData(
        listing.root,
        f"{apart}, {first} and {second}{', in splits' if _in_splits(meeting) else ''}",
        (names[source], names[target]),
        {},
        rule=meeting.rule,
    )
    splits = {entry.split for pair in meeting.pairs for entry in pair}
    unsorted = 0
    for key, pair in meeting.met.items():
        both = sides.of(pair)
        for side in both:
            if len(side) > 1:
                paired.faults.append(_collision(side[0], side[1]))
        split = both[0][0].split
        if not split and "train" in splits:
            unsorted += 1
            continue
        paired.splits.setdefault(split or "train", []).append(
            Pair(meeting.named[key], Picture(both[source][0].path), Picture(both[target][0].path))
        )
    if unsorted:
        paired.notes.append(f"{unsorted:,} pairs left out: they lie in no split's folder")
    alone = sides.of(meeting.alone)
    for mine, other in zip(alone, (second, first), strict=True):
        _leave_out(paired, mine, f"no partner in {other}")
    for split in sorted({entry.split for entry in alone[0]} - splits):
        both = [[entry.path.parent for entry in side if entry.split == split] for side in alone]
        if all(both):
            paired.faults.append(_nothing_shared(min(both[0]), min(both[1])))
    _other_pictures(paired, listing, meeting)
    return paired


def _strangers(listing: Listing, data: Data) -> PairedData | None:
    """Two folders that are called as sides are, though no name of one is in the other."""
    names = data.domains or ("A", "B")
    sides = [
        [e for e in listing.entries if name.casefold() in map(str.casefold, e.folders)]
        for name in names
    ]
    if not all(sides):
        return None
    source, target = resolve_direction(data, names)
    layout = f"two folders, {names[0]} and {names[1]}"
    paired = PairedData(listing.root, layout, (names[source], names[target]), {})
    paired.faults.append(_nothing_shared(sides[0][0].path.parent, sides[1][0].path.parent))
    paired.alone = [entry.path for side in sides for entry in side]
    return paired


def _in_splits(meeting: Meeting) -> bool:
    return any(entry.split for pair in meeting.pairs for entry in pair)


def _other_pictures(paired: PairedData, listing: Listing, meeting: Meeting) -> None:
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
        paired.notes.append(
            f"{_counted(count, 'picture')}{place} left out: of neither side (as {example[folder]})"
        )


def _two_folders(root: Path, data: Data) -> PairedData:
    """The two folders that the recipe names; splits may lie in them, or around them."""
    source, target = root / data.source, root / data.target
    for key, folder in (("source", source), ("target", target)):
        if not folder.is_dir():
            raise DiptychError(f"data.{key}: {folder} is not a folder")
    sides = [list_pictures(folder) for folder in (source, target)]
    first, second = (
        [_below(entry, name) for entry in listing.entries]
        for listing, name in zip(sides, ("source", "target"), strict=True)
    )
    paired = PairedData(
        root,
        f"two folders, {data.source} and {data.target}",
        (source.name, target.name),
        {},
    )
    meeting = _meeting_of_two(first + second)
    if meeting is None:
        paired.faults.append(_nothing_shared(source, target))
        return paired
    paired.rule = meeting.rule
    splits = {entry.split for pair in meeting.pairs for entry in pair}
    for key, pair in meeting.met.items():
        for side in pair:
            if len(side) > 1:
                paired.faults.append(_collision(side[0], side[1]))
        split = pair[0][0].split
        if split or "train" not in splits:
            paired.splits.setdefault(split or "train", []).append(
                Pair(meeting.named[key], Picture(pair[0][0].path), Picture(pair[1][0].path))
            )
    for mine, other in zip(meeting.alone, (target.name, source.name), strict=True):
        _leave_out(paired, mine, f"no partner in {other}")
    return paired


def _below(entry: Entry, side: str) -> Entry:
    """An entry as if it lay in a folder of that name."""
    return Entry(entry.path, entry.split, (side, *entry.folders), entry.stem, entry.ending)


def _meeting_of_two(entries: Sequence[Entry]) -> Meeting | None:
    """The first way by which pictures of `source` and `target` meet."""
    for found in meetings(entries):
        for meeting in found:
            if [role[0] for role in meeting.roles] == ["source", "target"]:
                return meeting
    return None


def _several_folders(root: Path, data: Data) -> PairedData:
    """A folder for each of the sources; what one of them lacks is left out, and named."""
    alone = [
        _two_folders(root, data.model_copy(update={"sources": (), "source": name}))
        for name in data.sources
    ]
    paired = alone[0]
    paired.layout = f"folders, {' and '.join(data.sources)} together, and {data.target}"
    paired.domains = (" + ".join(data.sources), paired.domains[1])
    paired.notes = list(dict.fromkeys(note for one in alone for note in one.notes))
    for split, pairs in paired.splits.items():
        sources = [
            {p.target.path: p.source.parts[0] for p in one.splits.get(split, [])} for one in alone
        ]
        paired.splits[split] = [
            Pair(pair.name, Stack(tuple(of[pair.target.path] for of in sources)), pair.target)
            for pair in pairs
            if all(pair.target.path in of for of in sources)
        ]
    return paired


def _photos(listing: Listing, domains: tuple[str, str]) -> PairedData:
    """Targets alone: every picture, in split folders or anywhere below."""
    for meeting in meetings_by(same_name, listing.entries):
        if meeting.share > ENOUGH_TO_BE_PAIRS:
            first, second = (name_of(role, meeting) for role in meeting.roles)
            raise DiptychError(
                f"{listing.root}: {first} and {second} hold the same names; this recipe makes its "
                "sources from photos: give --data one"
            )
    paired = PairedData(listing.root, "photos, from which the sources are made", domains, {})
    names: dict[tuple[str, str], Entry] = {}
    splits = {entry.split for entry in listing.entries} - {""}
    outside = 0
    for entry in listing.entries:
        if not entry.split and splits:
            outside += 1
            continue
        split, name = entry.split or "train", "/".join([*entry.folders, entry.stem])
        if (split, name) in names:
            paired.faults.append(_collision(names[split, name], entry))
            continue
        names[split, name] = entry
        picture = Picture(entry.path)
        paired.splits.setdefault(split, []).append(Pair(name, picture, picture))
    if outside:
        paired.notes.append(f"{_counted(outside, 'picture')} left out: in no split's folder")
    if not any(paired.splits.values()):
        raise DiptychError(f"{listing.root}: no photos found, in train/, val/, test/ or directly")
    return paired


def _nothing_shared(one: Path, other: Path) -> Fault:
    return Fault(
        f"{one} and {other}: no two pictures share a name (relative path without its ending)"
    )


def _collision(one: Entry, other: Entry) -> Fault:
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
