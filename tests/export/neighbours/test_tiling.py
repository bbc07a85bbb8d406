"""Tiles hold what a generator sees, in whole percents, and begin where its maps do."""

import pytest

from diptych.errors import DiptychError
from diptych.export.neighbours.tiling import tiles_for


@pytest.mark.parametrize(
    ("reach", "multiple", "size"),
    [
        (95, 32, None),
        (351, 32, None),
        (505, 32, None),
        (511, 256, None),
        (20, 1, None),
        (95, 32, 800),
        (0, 4, 512),
    ],
)
def test_exact_tiles(reach, multiple, size):
    tiles = tiles_for(reach, multiple, size)
    assert tiles.exact
    assert tiles.size == (size or tiles.size)
    assert tiles.overlap == int(tiles.size * tiles.percent / 100 * 2) // 2
    assert tiles.overlap // 2 >= reach
    assert (tiles.size - tiles.overlap) % multiple == 0
    assert tiles.overlap % 2 == 0
    assert size or tiles.percent <= 50


def test_the_default_recipe_takes_tiles_of_2048():
    assert (tiles_for(505, 32).size, tiles_for(505, 32).percent) == (2048, 50)


@pytest.mark.parametrize(("reach", "size"), [(None, None), (505, 256)])
def test_where_no_tile_holds_it_half_of_each_lies_in_the_next(reach, size):
    tiles = tiles_for(reach, 32, size)
    assert (tiles.size, tiles.percent, tiles.exact) == (size or 512, 50, False)


@pytest.mark.parametrize("size", [500, 0, 5024])
def test_a_size_that_no_tile_has_is_refused(size):
    with pytest.raises(DiptychError, match=f"--size {size}: tiles of this model are multiples"):
        tiles_for(95, 32, size)
