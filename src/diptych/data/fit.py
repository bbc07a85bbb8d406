"""To which size a picture is brought before parts of it are taken: said in one place."""

from dataclasses import dataclass
from typing import Literal

Size = tuple[int, int]  # height and width


@dataclass(frozen=True)
class Fit:
    """How pictures become the size that crops are cut from.

    `shorter`: the shorter side becomes that of `size`, the ratio of the sides stays. `resize`: all
    become exactly `size`. `patches`: they stay as they are.
    """

    kind: Literal["shorter", "resize", "patches"]
    size: Size

    def of(self, size: Size) -> Size:
        """Height and width that a picture of `size` is brought to; no side falls below 1."""
        if self.kind == "patches":
            return size
        if self.kind == "resize":
            return self.size
        height, width = size
        shorter, wanted = min(height, width), min(self.size)
        return (
            max(1, round(height * wanted / shorter)),
            max(1, round(width * wanted / shorter)),
        )
