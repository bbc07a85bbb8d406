"""What lies below a folder: pictures by their split and place, and what is none."""

import os
import unicodedata
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from pathlib import Path, PurePath

from diptych.data.folder_words import split_within
from diptych.images.files import PICTURES, walk


@dataclass(frozen=True, slots=True)
class Entry:
    """A picture: the folders that lead to it, those aside that name its split, and its name.

    `folders` and `stem` are in Unicode's composed form, in which one name is one.
    """

    path: Path
    split: str  # empty where no folder tells one
    folders: tuple[str, ...]
    stem: str
    ending: str  # in small letters, with its dot


@dataclass
class Listing:
    """All pictures below a folder, sorted by path, and the other files by their ending."""

    root: Path
    entries: list[Entry] = field(default_factory=list)
    others: Counter[str] = field(default_factory=Counter)

    def in_words(self) -> str:
        """What is no picture, by count and ending; empty where there is nothing."""
        return ", ".join(f"{count:,} {ending}" for ending, count in self.others.most_common())


def list_pictures(root: Path) -> Listing:
    """Look at names alone; links to folders are followed, hidden files left out."""
    found, broken = walk(root)
    listing = Listing(root)
    if broken:
        listing.others["broken links"] = len(broken)
    places: dict[str, tuple[str, tuple[str, ...]]] = {}
    beside: defaultdict[tuple[str, ...], set[str]] = defaultdict(set)
    split_up = [name.rpartition("/") for name in found]
    for folder in {folder for folder, _, _ in split_up if folder}:
        parts = tuple(folder.split("/"))
        for depth, name in enumerate(parts):
            beside[parts[:depth]].add(name)
    for relative, (folder, _, name) in zip(found, split_up, strict=True):
        bare, ending = os.path.splitext(name)  # noqa: PTH122 - plain names are faster
        if ending.lower() not in PICTURES:
            listing.others[_ending_in_words(name)] += 1
            continue
        if folder not in places:
            places[folder] = _place(tuple(folder.split("/")) if folder else (), beside)
        split, folders = places[folder]
        stem = unicodedata.normalize("NFC", bare)
        listing.entries.append(Entry(root / relative, split, folders, stem, ending.lower()))
    return listing


def _place(
    parts: tuple[str, ...], beside: dict[tuple[str, ...], set[str]]
) -> tuple[str, tuple[str, ...]]:
    """The split of a folder, and the names on the way to it without what tells the split."""
    told = [split_within(name, beside[parts[:depth]]) for depth, name in enumerate(parts)]
    whole = [one[0] for one in told if one and not one[1]]
    split = next(iter([*whole, *(one[0] for one in told if one)]), "")
    names = (
        one[1] if one and one[0] == split else name for one, name in zip(told, parts, strict=True)
    )
    return split, tuple(unicodedata.normalize("NFC", name) for name in names if name)


def _ending_in_words(name: str) -> str:
    suffixes = PurePath(name).suffixes
    if not suffixes:
        return "without an ending"
    double = "".join(suffixes[-2:]).lower()
    return double if double in {".nii.gz", ".tar.gz"} else suffixes[-1].lower()
