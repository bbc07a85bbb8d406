"""Neighbours that stay together, whoever works on them: so each makes the same batches of them."""

from collections.abc import Sequence
from typing import TypeVar

Item = TypeVar("Item")
GROUP = 32  # beyond which no batch goes


def groups_of(items: Sequence[Item]) -> list[Sequence[Item]]:
    """So many neighbours at a time."""
    return [items[begin : begin + GROUP] for begin in range(0, len(items), GROUP)]
