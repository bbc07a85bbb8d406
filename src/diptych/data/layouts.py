"""Find the pairs in a folder, in any of the layouts people keep them in, or in a table.

Side by side: one picture holds both, A left and B right, or a strip of several panels.
Two folders: one of sources and one of targets, paired by relative path without the ending.
Photos alone, where the recipe derives the sources from them.
Each lies in `train`, `val`, `test` or without splits.
"""

from collections.abc import Iterable
from itertools import product
from pathlib import Path

from diptych.data.derive import DERIVATIONS
from diptych.data.pairs import (
    SPELLINGS,
    Fault,
    Pair,
    PairedData,
    Picture,
    Stack,
    fill_splits,
    resolve_direction,
)
from diptych.data.tables import TABLES, read_table
from diptych.errors import DiptychError
from diptych.images.files import find_images
from diptych.schema import SPLITS, Data, Recipe

NAMED_AT_MOST = 5  # files that a message names


def find_pairs(root: Path, recipe: Recipe) -> PairedData:
    """The pairs in `root`; raises DiptychError where there are none or they collide."""
    paired = look_for_pairs(root, recipe)
    for fault in paired.faults:
        raise DiptychError(fault.message)
    if recipe.data.shapes == "own" and paired.splits["train"]:
        paired.own_size = paired.splits["train"][0].target.size
    return paired


def look_for_pairs(root: Path, recipe: Recipe) -> PairedData:
    """The same for one who looks for what is wrong: collisions are `faults`, no file is opened.

    Raises DiptychError where there are no pictures in any layout that is known.
    """
    data = recipe.data
    table = root.is_file() and root.suffix.lower() in TABLES
    if not table and not root.is_dir():
        raise DiptychError(
            f"{root}: no such folder of pairs, nor a table ({', '.join(TABLES)}) or shards (.tar)"
        )
    paired: PairedData | None
    if table:
        paired = read_table(root, recipe)
    elif recipe.derive.kind != "none":
        paired = _photos(root, DERIVATIONS[recipe.derive.kind].domains)
    elif data.sources:
        paired = _several_folders(root, data)
    elif data.source:
        paired = _two_folders(root, data)
    else:
        paired = _known_folders(root, data) or _side_by_side(root, data)
    if paired is None:
        raise DiptychError(f"{root}: no pairs found: {_what_would_be_right(root, data)}")
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


def _known_folders(root: Path, data: Data) -> PairedData | None:
    """Two folders under one of the usual pairs of names, or named as the domains."""
    for names in (data.domains, ("A", "B"), ("a", "b")):
        if not names:
            continue
        pair_of = {}
        for split, words in SPELLINGS.items():
            for word, place in product(words, ("{1}/{0}", "{0}/{1}", "{0}{1}", "{0}_{1}")):
                pair = [root / place.format(word, name) for name in names]
                if split not in pair_of and all(folder.is_dir() for folder in pair):
                    pair_of[split] = pair
        layout = f"two folders, {names[0]} and {names[1]}{', in splits' if pair_of else ''}"
        whole = [root / name for name in names]
        if not pair_of and all(folder.is_dir() for folder in whole):
            pair_of["train"] = whole
        if pair_of:
            paired = _new(root, layout, data)
            for split, (first, second) in pair_of.items():
                _match(paired, split, first, second, data)
            return paired
    return None


def _two_folders(root: Path, data: Data) -> PairedData:
    """The two folders that the recipe names; splits may lie in them."""
    source, target = root / data.source, root / data.target
    for key, folder in (("source", source), ("target", target)):
        if not folder.is_dir():
            raise DiptychError(f"data.{key}: {folder} is not a folder")
    layout = f"two folders, {data.source} and {data.target}"
    paired = PairedData(root, layout, (source.name, target.name), {})
    # The recipe says which is which, so that the direction has nothing left to say.
    straight = data.model_copy(update={"direction": "a_to_b"})
    for split, word in (_splits_in(source, target) or {"train": ""}).items():
        _match(paired, split, source / word, target / word, straight)
    return paired


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
        sources = [{p.name: p.source.parts[0] for p in one.splits.get(split, [])} for one in alone]
        paired.splits[split] = [
            Pair(pair.name, Stack(tuple(named[pair.name] for named in sources)), pair.target)
            for pair in pairs
            if all(pair.name in named for named in sources)
        ]
    return paired


def _photos(root: Path, domains: tuple[str, str]) -> PairedData:
    """Targets alone: every picture, in split folders or anywhere below `root`."""
    paired = PairedData(root, "photos, from which the sources are made", domains, {})
    for split, word in (_splits_in(root) or {"train": ""}).items():
        folder = root / word
        _refuse_two_folders(folder, "this recipe makes its sources from photos: give --data one")
        paired.splits[split] = [
            Pair(name, Picture(path), Picture(path))
            for name, path in _by_name(folder, paired.faults).items()
        ]
    if not any(paired.splits.values()):
        raise DiptychError(f"{root}: no photos found, in train/, val/, test/ or directly")
    return paired


def _splits_in(*folders: Path) -> dict[str, str]:
    """The splits that all of `folders` have a folder of, and its name."""
    return {
        split: word
        for split, words in SPELLINGS.items()
        for word in reversed(words)  # the first of them stays
        if all((folder / word).is_dir() for folder in folders)
    }


def _side_by_side(root: Path, data: Data) -> PairedData | None:
    """Pictures that hold source and target, in split folders or directly in `root`."""
    folders = {split: root / word for split, word in _splits_in(root).items()}
    if not folders and any(path.parent == root for path in find_images(root)):
        folders = {"train": root}
    if not folders:
        return None
    if not data.panels:
        for folder in folders.values():
            first, second = (*(f.name for f in _folders(folder)), "", "")[:2]
            _refuse_two_folders(
                folder,
                f'if they are source and target: --set \'data.domains=["{first}", "{second}"]\'; '
                'if each picture holds both: --set \'data.panels=["A", "B"]\'',
            )
    panels = max(2, len(data.panels))
    names = data.panels or data.domains
    source, target = resolve_direction(data, names)
    paired = _new(root, f"side by side, {panels} panels", data)
    paired.strip = (panels, source, target)
    for split, folder in folders.items():
        paired.splits[split] = [
            Pair(name, Picture(path, source, panels), Picture(path, target, panels))
            for name, path in _by_name(folder, paired.faults).items()
        ]
    return paired if any(paired.splits.values()) else None


def _refuse_two_folders(folder: Path, right: str) -> None:
    """Raise DiptychError where the pictures of two subfolders pair up, and say what is `right`."""
    names = [_by_name(inside, []).keys() for inside in _folders(folder)]
    if len(names) == 2 and 2 * len(names[0] & names[1]) > len(names[0] | names[1]):
        first, second = (inside.name for inside in _folders(folder))
        raise DiptychError(f"{folder}: {first} and {second} hold the same names; {right}")


def _folders(folder: Path) -> list[Path]:
    return sorted(p for p in folder.iterdir() if p.is_dir() and not p.name.startswith("."))


def _new(root: Path, layout: str, data: Data) -> PairedData:
    names = data.panels or data.domains or ("A", "B")
    source, target = resolve_direction(data, names)
    return PairedData(root, layout, (names[source], names[target]), {})


def _match(paired: PairedData, split: str, a: Path, b: Path, data: Data) -> None:
    """Add the pairs of two folders, and a note that names those without a partner."""
    sides = (_by_name(a, paired.faults), _by_name(b, paired.faults))
    source, target = resolve_direction(data, data.domains or ("A", "B"))
    paired.splits[split] = [
        Pair(name, Picture(sides[source][name]), Picture(sides[target][name]))
        for name in sides[0]
        if name in sides[1]
    ]
    for mine, other, folder in ((sides[0], sides[1], b), (sides[1], sides[0], a)):
        alone = [path for name, path in mine.items() if name not in other]
        if alone:
            files = _some(
                str(path.relative_to(paired.root) if path.is_relative_to(paired.root) else path)
                for path in alone
            )
            paired.notes.append(f"{files} left out: no partner in {folder.name}")
            paired.alone += alone
    if not paired.splits[split] and (sides[0] or sides[1]):
        paired.faults.append(
            Fault(f"{a} and {b}: no two pictures share a name (relative path without its ending)")
        )


def _by_name(folder: Path, faults: list[Fault]) -> dict[str, Path]:
    """Pictures by relative path without the ending; where two collide, the first and a fault."""
    names: dict[str, Path] = {}
    for path in find_images(folder):
        name = path.relative_to(folder).with_suffix("").as_posix()
        if name in names:
            message = f"{path} and {names[name].name} would be the same pair: rename or remove one"
            faults.append(Fault(message, (names[name], path)))
        else:
            names[name] = path
    return names


def _some(names: Iterable[str]) -> str:
    names = list(names)
    more = len(names) - NAMED_AT_MOST
    return ", ".join(names[:NAMED_AT_MOST]) + (f" and {more} more" if more > 0 else "")


def _what_would_be_right(root: Path, data: Data) -> str:
    folders = [path.name for path in _folders(root)]
    if len(folders) == 2 and not set(folders) & set(SPLITS):
        return (
            f"say which folder is which, with --set data.source={folders[0]} "
            f"--set data.target={folders[1]}"
        )
    domains = f" (or {data.domains[0]} and {data.domains[1]})" if data.domains else ""
    return (
        "expected side-by-side pictures in train/, val/, test/ or two folders "
        f"A and B{domains}; found {_some(folders) or 'nothing'}"
    )
