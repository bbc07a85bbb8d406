"""Tiles of which every part that is kept is what it would be in the whole picture."""

from dataclasses import dataclass

from diptych.errors import DiptychError
from diptych.translation.plain_form import LARGEST, LEAST_TILE

STEP = 32  # pixels by which tiles are larger
SIDE = 512  # pixels a side, where no tile is large enough
MOST = 50  # percent that lies in the next tile, where nobody chooses a size


@dataclass(frozen=True)
class Tiling:
    """Square tiles of `size`, of which `percent` lies in the next."""

    size: int
    percent: int
    exact: bool

    @property
    def overlap(self) -> int:
        """In pixels, as the plugin counts them."""
        return int(self.size * self.percent / 100 * 2) // 2


def tiles_for(reach: int | None, multiple: int, size: int | None = None) -> Tiling:
    """The smallest tiles, or those of a `size`, that hold what a generator sees.

    `reach`: pixels to each side, None for the whole picture. Tiles begin at multiples of
    `multiple`, as maps of a network do. Where a size cannot hold it, half of each tile lies in the
    next. Raises DiptychError where it is no such multiple.
    """
    least = -(-LEAST_TILE // multiple) * multiple
    if size is not None and (size % multiple or not least <= size <= LARGEST):
        raise DiptychError(
            f"--size {size}: tiles of this model are multiples of {multiple}, from {least} to "
            f"{LARGEST:,}"
        )
    step = max(multiple, STEP)
    sizes = [size] if size is not None else range(step, LARGEST + 1, step)
    for side in sizes:
        if reach is None:
            break
        most = 90 if size is not None else MOST
        for percent in range(most + 1):
            tiling = Tiling(side, percent, exact=True)
            if _fits(tiling, multiple) and tiling.overlap // 2 // multiple * multiple >= reach:
                return tiling
    side = size or -(-SIDE // multiple) * multiple
    half = (percent for percent in range(MOST, -1, -1))
    return next(t for p in half if _fits(t := Tiling(side, p, exact=False), multiple))


def _fits(tiling: Tiling, multiple: int) -> bool:
    """Whether tiles begin where the network's maps do, and overlap evenly."""
    return tiling.overlap % 2 == 0 and (tiling.size - tiling.overlap) % multiple == 0
