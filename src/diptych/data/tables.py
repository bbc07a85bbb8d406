"""Pairs from a table: a line for each pair, a column of files for each named domain.

`.csv` (commas, semicolons or tabs), `.jsonl` (an object a line) or `.parquet`. Paths are relative
to the table, and stay within its folder unless the recipe lets them go anywhere; `strip.png#2/4` is
the second of four panels side by side in a picture. A column `split` puts a pair into train, val or
test (train where it is empty), a column `name` names it; otherwise its name is the path of its last
picture without the ending.
"""

import codecs
import csv
import io
import json
import os
import re
from collections.abc import Sequence
from contextlib import suppress
from itertools import zip_longest
from pathlib import Path, PurePath
from typing import Any, BinaryIO

from diptych.data.derive import DERIVATIONS
from diptych.data.folder_words import split_named
from diptych.data.kept.keeping import is_kept
from diptych.data.pairs import Pair, PairedData, Picture, Stack, resolve_direction
from diptych.errors import DiptychError, optional, reason_of
from diptych.images.files import PICTURES
from diptych.regular_file import open_regular
from diptych.schema import SPLITS, Data, Recipe

NO_SIDES = {"split", "name"}  # columns that say something of the pair
TABLES = (".csv", ".jsonl", ".parquet")
PANEL = re.compile(r"(.+)#([1-9]\d*)/([1-9]\d*)")
Row = dict[str, Any]
MOST_CELLS, MOST_LETTERS = 4_000_000, 2**28  # of a table of parquet: about a gigabyte


def read_table(path: Path, recipe: Recipe) -> PairedData:
    """The pairs that a table lists, in its splits; raises DiptychError where a line is wrong."""
    rows = _rows(path)
    if not rows:
        raise DiptychError(f"{path}: a table without lines")
    columns = [name for name in rows[0] if name not in NO_SIDES]
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
    paired = PairedData(
        path, f"table, columns {' and '.join(chosen)}", domains, {}, rule="a line of the table"
    )
    anywhere = recipe.data.anywhere or is_kept(path)
    seen: dict[tuple[str, str], int] = {}
    for number, row in enumerate(rows, 1):
        where = f"{path}, pair {number}"
        pictures = [
            _picture(path.parent, row.get(column), f"{where}, {column}", anywhere)
            for column in chosen
        ]
        split = split_named(str(row.get("split") or "train").strip())
        if split is None:
            raise DiptychError(f"{where}: split {row['split']!r} is none of {', '.join(SPLITS)}")
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


def _picture(folder: Path, cell: Any, where: str, anywhere: bool) -> Picture:
    text = str(cell or "").strip()
    if not text:
        raise DiptychError(f"{where}: empty")
    panel, panels = 1, 1
    place = _file(folder, text)
    if place is None and (match := PANEL.fullmatch(text)):
        text, panel, panels = match[1], int(match[2]), int(match[3])
        place = _file(folder, text)
    if panel > panels:
        raise DiptychError(f"{where}: panel {panel} of {panels}")
    if place is None:
        raise DiptychError(f"{where}: no such file: {text}")
    if not anywhere and not Path(os.path.abspath(place)).is_relative_to(os.path.abspath(folder)):  # noqa: PTH100 - links within the folder are its own
        raise DiptychError(
            f"{where}: {text} lies outside the folder of the table: "
            "--anywhere (or data.anywhere = true) allows that"
        )
    return Picture(place, panel - 1, panels)


def _file(folder: Path, text: str) -> Path | None:
    """The file of a cell, also where it was written on Windows, or in its old characters."""
    spelled = [text, text.replace("\\", "/")]
    with suppress(UnicodeError):
        spelled.append(text.encode("utf-8", "surrogateescape").decode("cp1252"))
    for one in spelled:
        with suppress(OSError, ValueError):  # no name of a file
            if (folder / one).is_file():
                return folder / one
    return None


def _name(picture: Picture, folder: Path) -> str:
    inside = picture.path.is_relative_to(folder) and ".." not in picture.path.parts
    relative = picture.path.relative_to(folder) if inside else Path(picture.path.name)
    return relative.with_suffix("").as_posix()


def _rows(path: Path) -> list[Row]:
    try:
        with open_regular(path) as file:
            if path.suffix.lower() == ".parquet":
                return _parquet(path, file)
            text = _text(file.read())
        if path.suffix.lower() == ".csv":
            return _spreadsheet(path, text)
        rows = [json.loads(line) for line in text.splitlines() if line.strip()]
    except DiptychError:
        raise
    except (OSError, csv.Error, ValueError, RecursionError) as error:
        raise DiptychError(f"{path}: not a table that can be read: {reason_of(error)}") from None
    if not all(isinstance(row, dict) for row in rows):
        raise DiptychError(f'{path}: every line is an object, as {{"photo": "a.jpg", ...}}')
    return rows


def _text(content: bytes) -> str:
    """Of a file in UTF-8 or, as spreadsheets write it, in UTF-16."""
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return content.decode("utf-16")
    if content[1:2] == b"\0":
        return content.decode("utf-16-le")
    return content.decode("utf-8-sig", "surrogateescape")


def _spreadsheet(path: Path, text: str) -> list[Row]:
    """The lines below the headings; columns and lines with nothing in them are dropped."""
    if text[:4].lower() == "sep=":  # which tells a spreadsheet what parts the cells
        text = text.partition("\n")[2]
    delimiter = max(",;\t", key=text.partition("\n")[0].count)
    table = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    lines = [line for line in ([cell.strip() for cell in cells] for cells in table) if any(line)]
    if not lines:
        return []
    headings, *lines = lines
    for heading in headings:
        file = PANEL.sub(r"\1", heading)
        if _file(path.parent, file) or PurePath(file).suffix.lower() in PICTURES:
            raise DiptychError(
                f"{path}: its first line has no headings but a file, {heading}: put a line above "
                "that names the columns, as in source,target"
            )
    named = [heading for heading in headings if heading]
    if len(set(named)) < len(named):
        raise DiptychError(f"{path}: two columns have one heading: {', '.join(named)}")
    for number, line in enumerate(lines, 1):
        beyond = [
            cell for i, cell in enumerate(line) if cell and not (headings[i : i + 1] or [""])[0]
        ]
        if beyond:
            raise DiptychError(f"{path}, pair {number}: {beyond[0]} stands below no heading")
    return [
        {heading: cell for heading, cell in zip_longest(headings, line, fillvalue="") if heading}
        for line in lines
    ]


def _parquet(path: Path, file: BinaryIO) -> list[Row]:
    """Cells that hold one thing each. A small file can say millions of lines, and long ones."""
    needs = f"{path}: needs pyarrow: pip install 'diptych[hub]'"
    pa, parquet = optional("pyarrow", needs), optional("pyarrow.parquet", needs)
    compute = optional("pyarrow.compute", needs)
    schema = parquet.ParquetFile(file).schema_arrow
    kinds = {field.name: field.type for field in schema if not pa.types.is_nested(field.type)}
    text = [
        name
        for name, kind in kinds.items()
        if any(
            holds(kind)
            for holds in (pa.types.is_string, pa.types.is_large_string, pa.types.is_dictionary)
        )
    ]
    table = parquet.ParquetFile(file, read_dictionary=text)
    rows: list[Row] = []
    left = MOST_LETTERS
    if table.metadata.num_rows * len(kinds) > MOST_CELLS:
        raise DiptychError(
            f"{path}: {table.metadata.num_rows:,} lines of {len(kinds)} columns: {MOST_CELLS:,} "
            "cells are the most; larger sets go into shards (.tar)"
        )
    for batch in table.iter_batches(columns=list(kinds)):
        for name in text:
            column = batch.column(name)
            lengths = compute.binary_length(column.dictionary).take(column.indices)
            left -= compute.sum(lengths).as_py() or 0
        if left < 0:
            raise DiptychError(f"{path}: more than {MOST_LETTERS:,} letters in its cells")
        rows += batch.to_pylist()
    return rows
