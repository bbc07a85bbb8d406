import numpy as np
import pytest
import torch

from diptych.data.batches import Batch, Batches
from diptych.data.crops import Rectangles
from diptych.data.pairs import COLOURS
from diptych.images.encoding import to_pictures, to_unit_range
from diptych.schema import Augment, Recipe, Train

COUNT, SIZE, CROP = 7, 12, 8
BOTH = (COLOURS, COLOURS)


def marked_pairs() -> tuple[np.ndarray, np.ndarray]:
    """Every pixel of a source holds its (pair, row, column); targets are its negative."""
    pair, row, column = np.mgrid[:COUNT, :SIZE, :SIZE].astype(np.uint8)
    source = np.stack([pair, row, column], -1)
    return source, 255 - source


def batches(batch_size: int = 3, mirror: bool = True, seed: int = 0, crop: int = CROP) -> Batches:
    crops = Rectangles(*marked_pairs(), (crop, crop))
    recipe = Recipe(augment=Augment(mirror=mirror), train=Train(batch_size=batch_size, seed=seed))
    return Batches(crops, BOTH, recipe)


def origins(step: Batch) -> list[tuple[int, int, int, bool]]:
    """Pair, top row, left column and whether mirrored, of each picture of a batch."""
    found = []
    for source in to_pictures(step[0]).astype(int):
        pair, row, column = source[..., 0], source[..., 1], source[..., 2]
        mirrored = bool(column[0, 0] > column[0, -1])
        top, left = row.min(), column.min()
        side = len(row)
        rows, columns = np.mgrid[top : top + side, left : left + side]
        assert (pair == pair[0, 0]).all()
        assert np.array_equal(row, rows)
        assert np.array_equal(column, columns[:, ::-1] if mirrored else columns)
        found.append((int(pair[0, 0]), int(top), int(left), mirrored))
    return found


def of_epochs(made: Batches, count: int) -> list[tuple[int, int, int, bool]]:
    return [origin for i in range(count * made.steps_per_epoch) for origin in origins(made.at(i))]


def test_source_and_target_share_one_geometry():
    made = batches()
    for step in range(60):
        source, target, known, _ = made.at(step)
        assert known is None
        assert source.shape == target.shape == (len(source), 3, CROP, CROP)
        assert np.array_equal(to_pictures(target), 255 - to_pictures(source))


def test_every_corner_is_taken_and_half_are_mirrored():
    seen = of_epochs(batches(), 150)
    corners = range(SIZE - CROP + 1)
    expected = {(top, left, m) for top in corners for left in corners for m in (False, True)}
    assert {origin[1:] for origin in seen} == expected
    assert 0.45 < np.mean([origin[3] for origin in seen]) < 0.55
    assert not any(mirrored for *_, mirrored in of_epochs(batches(mirror=False), 20))


def test_pictures_of_one_batch_are_cropped_and_mirrored_each_by_itself():
    seen = origins(batches(batch_size=COUNT).at(0))
    assert len({origin[1:3] for origin in seen}) > 1
    assert len({origin[3] for origin in seen}) == 2


def test_a_crop_of_the_whole_picture():
    assert {origin[1:3] for origin in of_epochs(batches(crop=SIZE), 2)} == {(0, 0)}


@pytest.mark.parametrize(
    ("batch_size", "sizes"), [(1, [1] * 7), (3, [3, 3, 1]), (7, [7]), (50, [7])]
)
def test_an_epoch_shows_every_pair_once_in_an_order_of_its_own(batch_size, sizes):
    made = batches(batch_size)
    assert made.steps_per_epoch == len(sizes)
    assert [len(made.at(step)[0]) for step in range(len(sizes))] == sizes
    seen = np.array([origin[0] for origin in of_epochs(made, 4)]).reshape(4, COUNT)
    assert (np.sort(seen) == np.arange(COUNT)).all()
    assert len({tuple(order) for order in seen}) == 4


def test_a_batch_follows_from_seed_and_step_alone():
    """Whatever was asked for before, and whatever else drew random numbers."""
    made = batches()
    forward = [made.at(step) for step in range(12)]
    torch.manual_seed(5)
    np.random.default_rng(5).random()
    for step in reversed(range(12)):
        for again in (made.at(step), batches().at(step)):
            assert all(map(torch.equal, again[:2], forward[step][:2]))


def test_seeds_give_other_orders_and_other_crops():
    seen = [of_epochs(batches(seed=seed), 3) for seed in range(4)]
    for column in (0, 1, 2, 3):
        assert len({tuple(origin[column] for origin in run) for run in seen}) == 4


def test_no_two_epochs_crop_alike():
    made = batches(batch_size=COUNT)
    crops = {tuple(sorted(origins(made.at(epoch)))) for epoch in range(5)}
    assert len(crops) == 5


def test_values_lie_between_minus_one_and_one():
    levels = np.arange(256, dtype=np.uint8).reshape(1, 16, 16, 1).repeat(3, -1)
    unit = to_unit_range(torch.from_numpy(levels))
    assert unit.dtype == torch.float32
    assert unit.shape == (1, 3, 16, 16)
    assert (unit.min(), unit.max()) == (-1, 1)
    assert np.array_equal(to_pictures(unit), levels), "each level comes back as itself"


def test_outputs_are_rounded_and_held_within_the_levels():
    outputs = torch.tensor([-1.2, -1, -0.9999, 0.003, 0.005, 1, 1.5]).view(1, 1, 1, 7)
    levels = to_pictures(outputs).ravel().tolist()
    assert levels == [0, 0, 0, 128, 128, 255, 255]
    assert to_pictures(torch.tensor(0.499 / 127.5 - 1).view(1, 1, 1)).item() == 0
    assert to_pictures(torch.tensor(0.501 / 127.5 - 1).view(1, 1, 1)).item() == 1


def test_a_memory_map_is_read_as_it_is(tmp_path):
    mapped = []
    for number, side in enumerate(marked_pairs()):
        np.save(tmp_path / f"{number}.npy", side)
        mapped.append(np.load(tmp_path / f"{number}.npy", mmap_mode="r"))
    crops = Rectangles(*mapped, (CROP, CROP))
    made = Batches(crops, BOTH, Recipe(), 3)
    assert all(map(torch.equal, made.at(4)[:2], batches().at(4)[:2]))
    kept = [crops.sources.data_ptr(), crops.targets.data_ptr()]
    assert kept == [side.ctypes.data for side in mapped], "nothing is copied"
