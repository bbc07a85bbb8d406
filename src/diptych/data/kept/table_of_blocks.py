"""The table of all that was kept of a source, joined from its blocks, which may be many."""

import json
from array import array
from collections import Counter
from collections.abc import Iterator
from hashlib import blake2b
from pathlib import Path

import numpy as np

from diptych.data.kept.block import Row, numbers_in, place_of, read_block
from diptych.data.pairs import as_bytes
from diptych.errors import DiptychError
from diptych.whole_file import whole_file

TABLE = "pairs.jsonl"


def write_table(folder: Path, where: str) -> None:
    """Write the table of the blocks in `folder`, whole; examples without a name are numbered.

    A block at a time is in memory, and 8 bytes of each name. Raises DiptychError where some have
    other domains than the first, or two of a split have one name.
    """
    hashes = array("Q")
    with whole_file(folder / TABLE) as aside, aside.open("w", encoding="utf-8") as table:
        for row in _rows(folder, where):
            hashes.append(_hash(row))
            table.write(json.dumps(row) + "\n")
        _check_names(np.frombuffer(hashes, np.uint64), folder, where)


def _rows(folder: Path, where: str) -> Iterator[Row]:
    """Those of all parts, in order, each with a name."""
    counts: Counter[str] = Counter()  # of each split
    domains: set[str] = set()
    for part in numbers_in(folder):
        inside = folder / place_of(part)
        for number in numbers_in(inside):
            block = read_block(inside / place_of(number))
            domains = domains or block.domains
            if block.rows and block.domains != domains:
                has, others = (" and ".join(sorted(some)) for some in (block.domains, domains))
                raise DiptychError(f"{where}, part {part + 1}: has {has}; the first has {others}")
            for row in block.rows:
                split = row["split"]
                yield {"split": split, "name": f"{counts[split]:06}"} | row
                counts[split] += 1


def _check_names(hashes: np.ndarray, folder: Path, where: str) -> None:
    order = np.sort(hashes)
    several = set(order[1:][order[1:] == order[:-1]].tolist())
    first: dict[tuple[str, str], int] = {}
    for number, row in enumerate(_rows(folder, where) if several else (), 1):
        if _hash(row) in several:
            name = row["split"], row["name"]
            if name in first:
                raise DiptychError(
                    f"{where}, example {number}: the same name, {name[1]!r}, as {where}, "
                    f"example {first[name]}"
                )
            first[name] = number


def _hash(row: Row) -> int:
    name = as_bytes(f"{row['split']}/{row['name']}")
    return int.from_bytes(blake2b(name, digest_size=8).digest())
