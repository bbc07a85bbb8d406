"""Find the pairs in a folder, however people keep them, or in a table.

In this order: as the recipe says (a folder or more for each side, panels, photos alone); two sides
whose names meet (`sides`); and pictures that hold both, where looking at them shows it (`strips`).
Nothing is taken for a pair in silence: `PairedData` says the layout, the rule by which names met,
and what was left out.
"""

from collections.abc import Sequence
from pathlib import Path

from diptych.data.derive import DERIVATIONS
from diptych.data.listing import Entry, Listing, list_pictures
from diptych.data.meeting import Meeting, meetings, meetings_by, same_name
from diptych.data.pairing import add_pairs, note_other_pictures, nothing_shared, one_a_file
from diptych.data.pairs import (
    Pair,
    PairedData,
    Picture,
    Stack,
    resolve_direction,
)
from diptych.data.sides import Sides, find_sides, names_of
from diptych.data.splits import fill_splits
from diptych.data.strips import find_strips, look_related, strips_told
from diptych.data.tables import TABLES, read_table
from diptych.errors import DiptychError
from diptych.schema import Data, Recipe

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
    else:
        sides, doubt = find_sides(listing.entries, data, look_related)
        if sides:
            paired = _of_sides(listing, sides, data)
        else:
            paired = _strangers(listing, data) or find_strips(listing, data, doubt)
    if others := listing.in_words():
        paired.notes.append(f"left out, as no pictures: {others}")
    return paired


def _of_sides(listing: Listing, sides: Sides, data: Data) -> PairedData:
    """Pairs of two sides that were found, turned as the recipe's direction says."""
    names = sides.names
    source, target = resolve_direction(data, names)
    meeting = sides.meeting
    apart = "two folders" if any(folder for folder, _ in meeting.roles) else "two files a pair"
    spelled = names_of(meeting)
    first, second = spelled[::-1] if sides.turned else spelled
    in_splits = any(entry.split for pair in meeting.pairs for entry in pair)
    layout = f"{apart}, {first} and {second}{', in splits' if in_splits else ''}"
    paired = PairedData(listing.root, layout, (names[source], names[target]), {})
    add_pairs(paired, meeting, (first, second), sides.of, source)
    note_other_pictures(paired, listing, meeting)
    return paired


def _strangers(listing: Listing, data: Data) -> PairedData | None:
    """Two folders that are called as sides are, though no name of one is in the other."""
    for called in (data.domains, ("A", "B")):
        sides = [
            [e for e in listing.entries if name.casefold() in map(str.casefold, e.folders)]
            for name in called
        ]
        if sides and all(sides):
            break
    else:
        return None
    names = data.domains or called
    source, target = resolve_direction(data, names)
    layout = f"two folders, {called[0]} and {called[1]}"
    paired = PairedData(listing.root, layout, (names[source], names[target]), {})
    paired.faults.append(nothing_shared(sides[0][0].path.parent, sides[1][0].path.parent))
    paired.alone = [entry.path for side in sides for entry in side]
    return paired


def _two_folders(root: Path, data: Data) -> PairedData:
    """The two folders that the recipe names; splits may lie in them."""
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
        paired.faults.append(nothing_shared(source, target))
        return paired
    add_pairs(paired, meeting, (source.name, target.name))
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
            first, second = names_of(meeting)
            raise DiptychError(
                f"{listing.root}: {first} and {second} hold the same names; this recipe makes its "
                "sources from photos: give --data one"
            )
    paired = PairedData(listing.root, "photos, from which the sources are made", domains, {})
    for split, name, path in one_a_file(paired, listing.entries):
        picture = Picture(path)
        paired.splits.setdefault(split, []).append(Pair(name, picture, picture))
    if not any(paired.splits.values()):
        raise DiptychError(f"{listing.root}: no photos found, in train/, val/, test/ or directly")
    return paired
