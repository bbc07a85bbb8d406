"""Pairs from a table: a line for each pair, a column of files for each named domain.

`.csv` (commas, semicolons or tabs), `.jsonl` (an object a line) or `.parquet`. Paths are relative
to the table; `strip.png#2/4` is the second of four panels side by side in a picture. A column
`split` puts a pair into train, val or test (train where it is empty), a column `name` names it;
otherwise its name is the path of its last picture without the ending.
"""

import csv
import io
import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from diptych.data.derive import DERIVATIONS
from diptych.data.pairs import Pair, PairedData, Picture, Stack, resolve_direction
from diptych.errors import DiptychError, optional
from diptych.schema import SPLITS, Data, Recipe

TABLES = (".csv", ".jsonl", ".parquet")
PANEL = re.compile(r"(.+)#([1-9]\d*)/([1-9]\d*)")
Row = dict[str, Any]


def read_table(path: Path, recipe: Recipe) -> PairedData:
    """The pairs that a table lists, in its splits; raises DiptychError where a line is wrong."""
    rows = _rows(path)
    if not rows:
        raise DiptychError(f"{path}: a table without lines")
    columns = [name for name in rows[0] if name not in {"split", "name"}]
    derivation = DERIVATIONS.get(recipe.derive.kind)
    if derivation is not None:
        if len(columns) != 1:
            raise DiptychError(
                f"{path}: columns {', '.join(columns)}: a recipe that makes its sources takes one"
            )
        chosen, domains = columns, derivation.domains
    else:
        *sources, target = chosen = _sides(path, columns, recipe.data)
        domains = (" + ".join(sources), target)
    paired = PairedData(path, f"table, columns {' and '.join(chosen)}", domains, {})
    seen: dict[tuple[str, str], int] = {}
    for number, row in enumerate(rows, 1):
        where = f"{path}, pair {number}"
        pictures = [
            _picture(path.parent, row.get(column), f"{where}, {column}") for column in chosen
        ]
        split = str(row.get("split") or "train")
        if split not in SPLITS:
            raise DiptychError(f"{where}: split {split!r} is none of {', '.join(SPLITS)}")
        name = str(row.get("name") or "") or _name(pictures[-1], path.parent)
        if (split, name) in seen:
            raise DiptychError(
                f"{where}: the same name, {name!r}, as pair {seen[split, name]}: "
                "add a column `name` that tells them apart"
            )
        seen[split, name] = number
        source = pictures[0] if len(pictures) <= 2 else Stack(tuple(pictures[:-1]))
        paired.splits.setdefault(split, []).append(Pair(name, source, pictures[-1]))
    return paired


def _sides(path: Path, columns: Sequence[str], data: Data) -> list[str]:
    """The columns of the source, or of several, and of the target."""
    if data.target:
        named = [*(data.sources or (data.source,)), data.target]
        for column in named:
            if column not in columns:
                raise DiptychError(f"{path}: no column {column!r}; it has {', '.join(columns)}")
        return named
    names = list(columns)
    if data.domains and set(data.domains) <= set(columns):
        names = [*data.domains]  # A and B as the recipe has them, whatever their order here
    if len(names) != 2 and "->" not in data.direction:
        raise DiptychError(
            f"{path}: columns {', '.join(columns)}: say which two, as in "
            f"--direction '{' -> '.join([*columns, 'TARGET'][:2])}'"
        )
    chosen = names if len(names) == 2 else columns
    source, target = resolve_direction(data, chosen)
    return [chosen[source], chosen[target]]


def _picture(folder: Path, cell: Any, where: str) -> Picture:
    text = str(cell or "").strip()
    if not text:
        raise DiptychError(f"{where}: empty")
    panel, panels = 1, 1
    if not (folder / text).is_file() and (match := PANEL.fullmatch(text)):
        text, panel, panels = match[1], int(match[2]), int(match[3])
    if panel > panels:
        raise DiptychError(f"{where}: panel {panel} of {panels}")
    if not (folder / text).is_file():
        raise DiptychError(f"{where}: no such file: {text}")
    return Picture(folder / text, panel - 1, panels)


def _name(picture: Picture, folder: Path) -> str:
    inside = picture.path.is_relative_to(folder) and ".." not in picture.path.parts
    relative = picture.path.relative_to(folder) if inside else Path(picture.path.name)
    return relative.with_suffix("").as_posix()


def _rows(path: Path) -> list[Row]:
    try:
        if path.suffix.lower() == ".parquet":
            return _parquet(path)
        text = path.read_text("utf-8-sig", errors="surrogateescape")
        if path.suffix.lower() == ".csv":
            heading = text.partition("\n")[0]
            delimiter = max(",;\t", key=heading.count)
            return list(csv.DictReader(io.StringIO(text), delimiter=delimiter))
        rows = [json.loads(line) for line in text.splitlines() if line.strip()]
    except (OSError, csv.Error, ValueError) as error:
        raise DiptychError(f"{path}: not a table that can be read: {error}") from None
    if not all(isinstance(row, dict) for row in rows):
        raise DiptychError(f'{path}: every line is an object, as {{"photo": "a.jpg", ...}}')
    return rows


def _parquet(path: Path) -> list[Row]:
    parquet = optional("pyarrow.parquet", f"{path}: needs pyarrow: pip install 'diptych[hub]'")
    rows: list[Row] = parquet.read_table(path).to_pylist()
    return rows
