"""A cleaned table of the pairs, written beside nothing and touching no picture.

`pairs.csv` has a line for each pair that is left: its `split` (slices that stand in for a missing
split are settled so), its `name`, and a column for each of the two domains, named after it, A's
first as in the data. A cell is the absolute path of a file; where several panels lie side by side
in it, `#2/4` follows, for the second of four, counted from 1. Where sources are made from photos,
the photo's domain is the only column.

`left_out.csv` has the same columns for the other pairs, and a column `reason`.
"""

import csv
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

from diptych.data.pairs import Pair, Picture, resolve_direction, sides
from diptych.doctor.check import Checkup
from diptych.errors import DiptychError
from diptych.schema import SPLITS, Recipe
from diptych.whole_file import whole_file

CLEANED, LEFT_OUT = "pairs.csv", "left_out.csv"


def write_cleaned(folder: Path, checkup: Checkup, recipe: Recipe) -> tuple[int, int]:
    """Write both tables into `folder`; returns how many pairs are left, and how many left out.

    Raises DiptychError where it lies within the data, or where no pair is left to train on.
    """
    survey = checkup.survey
    root = survey.data.root.resolve()
    if folder.resolve().is_relative_to(root):
        raise DiptychError(f"--fix {folder}: lies within the data, which is not to be touched")
    reasons: dict[int, list[str]] = defaultdict(list)
    for finding in checkup.findings:
        for place in finding.places if finding.leave_out else ():
            if place.pair is not None:
                detail = f" ({place.detail})" if place.detail else ""
                reasons[place.pair].append(f"{finding.kind}{detail}")
    numbers = {pair: number for number, pair in enumerate(survey.pairs)}
    lines = [(split, pair) for split in SPLITS for pair in survey.data.splits[split]]
    kept = [line for line in lines if numbers[line[1]] not in reasons]
    if not any(split == "train" for split, _ in kept):
        raise DiptychError(f"{survey.data.root}: no pair would be left to train on")
    step = -1 if _target_is_first(recipe) else 1
    heading = ["split", "name", *survey.domains[::step]]

    def row(split: str, pair: Pair) -> list[str]:
        return [split, pair.name, *map(_cell, sides(pair)[::step])]

    _write(folder / CLEANED, heading, (row(split, pair) for split, pair in kept))
    _write(
        folder / LEFT_OUT,
        [*heading, "reason"],
        (
            [*row(split, pair), "; ".join(reasons[numbers[pair]])]
            for split, pair in lines
            if numbers[pair] in reasons
        ),
    )
    return len(survey.pairs) - len(reasons), len(reasons)


def _target_is_first(recipe: Recipe) -> bool:
    """Whether A, or the panel further left, is the target."""
    data = recipe.data
    if data.source or recipe.derive.kind != "none":
        return False
    source, target = resolve_direction(data, data.panels or data.domains or ("A", "B"))
    return target < source


def _cell(picture: Picture) -> str:
    panel = f"#{picture.panel + 1}/{picture.panels}" if picture.panels > 1 else ""
    return f"{picture.path.resolve()}{panel}"


def _write(path: Path, heading: list[str], rows: Iterable[list[str]]) -> None:
    with (
        whole_file(path) as aside,
        aside.open("w", newline="", encoding="utf-8", errors="surrogateescape") as file,
    ):
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(heading)
        writer.writerows(rows)
