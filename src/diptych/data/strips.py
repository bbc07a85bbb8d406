"""Pictures that hold source and target side by side: a claim, that looking at them must show."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from diptych.data.evidence import agreement, of_more_panels
from diptych.data.listing import Listing
from diptych.data.meeting import Meeting
from diptych.data.pairing import one_a_file
from diptych.data.pairs import Pair, PairedData, Picture, evenly_spread, resolve_direction
from diptych.data.sides import Relation
from diptych.errors import DiptychError
from diptych.images.rgb import read_image, resize
from diptych.schema import Data

_LARGEST = 1200  # of their longer side, in pixels: larger ones are reduced
_LOOKED_AT = 16  # pictures, evenly spread, from which the claim is judged


def strips_told(listing: Listing, data: Data) -> PairedData:
    """Pictures of as many panels as the recipe names."""
    if not listing.entries:
        raise DiptychError(f"{listing.root}: no pairs found: {_what_would_be_right(listing, data)}")
    panels = max(2, len(data.panels))
    names = data.panels or data.domains or ("A", "B")
    source, target = resolve_direction(data, data.panels or data.domains)
    paired = PairedData(
        listing.root,
        f"side by side, {panels} panels",
        (names[source], names[target]),
        {},
        strip=(panels, source, target),
        rule="halves of one picture" if panels == 2 else "panels of one picture",
    )
    for split, name, path in one_a_file(paired, listing.entries):
        pictures = (Picture(path, panel, panels) for panel in (source, target))
        paired.splits.setdefault(split, []).append(Pair(name, *pictures))
    return paired


def find_strips(listing: Listing, data: Data, doubt: str = "") -> PairedData:
    """Pictures of two panels; raises DiptychError unless their halves belong together.

    `doubt` is what there is to say of names that met.
    """
    paired = strips_told(listing, data)
    looked_at = list(_pictures([entry.path for entry in listing.entries]))
    if not looked_at:
        read_image(listing.entries[0].path)  # which says why it cannot be read
    wide = all(picture.shape[1] >= 3 * picture.shape[0] for picture in looked_at)
    for panels in (6, 5, 4, 3) if wide else ():
        if all(of_more_panels(picture, panels) for picture in looked_at):
            raise DiptychError(
                f"{listing.root}: the pictures look like {panels} panels side by side: name them, "
                f"as in --set 'data.panels={_letters(panels)}' --direction 'A -> B'"
            )
    found = agreement(_halves(looked_at))
    if found.found:
        return paired
    if doubt:
        raise DiptychError(f"{listing.root}: {doubt}")
    raise DiptychError(
        f"{listing.root}: no pairs found: no two folders or names belong together, nor do the "
        f"halves of {len(looked_at) - found.agreeing} of {len(looked_at)} pictures looked at: "
        f"{_what_would_be_right(listing, data)}"
        + (f" (there are {others}, too)" if (others := listing.in_words()) else "")
    )


def look_related(meeting: Meeting) -> Relation:
    """Whether pictures that meet show one thing, or are pairs by themselves."""
    pairs = evenly_spread(meeting.pairs, _LOOKED_AT)
    read = [[*_pictures([entry.path for entry in pair])] for pair in pairs]
    if agreement(_halves([picture for both in read for picture in both])).found:
        return "strips"
    found = agreement((both[0], both[1]) for both in read if len(both) == 2)
    if found.telling < 2:
        return ""
    return "alike" if found.found else "apart"


def _pictures(paths: Sequence[Path]) -> Iterator[np.ndarray]:
    for path in evenly_spread(paths, _LOOKED_AT):
        try:
            image = read_image(path)
        except DiptychError:  # the check of the files names it
            continue
        if max(image.size) > _LARGEST:  # a width of 60 parts has any number of panels up to 6
            scale = _LARGEST / max(image.size)
            width, height = (round(side * scale) for side in image.size)
            image = resize(image, (max(60, width // 60 * 60), max(1, height)))
        yield np.asarray(image)


def _halves(pictures: Sequence[np.ndarray]) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    for picture in pictures:
        middle = picture.shape[1] // 2
        if picture.shape[1] % 2 == 0 and middle:
            yield picture[:, :middle], picture[:, middle:]


def _letters(count: int) -> str:
    return "[" + ", ".join(f'"{letter}"' for letter in "ABCDEF"[:count]) + "]"


def _what_would_be_right(listing: Listing, data: Data) -> str:
    folders = sorted({entry.path.parent for entry in listing.entries})
    names = [folder.relative_to(listing.root).as_posix() for folder in folders]
    if not names:
        there = listing.in_words()
        return f"there are no pictures{f', but {there}' if there else ''}"
    if len(names) == 2 and "." not in names and not any(e.split for e in listing.entries):
        return (
            f"say which folder is which, with --set data.source={names[0]} "
            f"--set data.target={names[1]}; if each picture holds both, --set "
            '\'data.panels=["A", "B"]\''
        )
    sides = " and ".join(data.domains or ("A", "B"))
    return (
        f"keep each side in a folder of its own, {sides}, with the same names in both, or say "
        "--set data.source=FOLDER --set data.target=FOLDER; if each picture holds both, --set "
        '\'data.panels=["A", "B"]\'; for photos alone, a recipe that makes its sources (restore, '
        "colorize, inpaint, sketch)"
    )
