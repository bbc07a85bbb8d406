"""Real label maps are told from real photos, heights and scans that hold as few numbers."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from diptych.data.label_files import concluded_classes, without_padding
from diptych.data.pairs import Picture
from diptych.images.values import read_values


def stored(numbers: list[np.ndarray], folder: Path) -> list[Picture]:
    pictures = [Picture(folder / f"{i}.png") for i in range(len(numbers))]
    for values, picture in zip(numbers, pictures, strict=True):
        Image.fromarray(values.astype(np.uint8)).save(picture.path)
    return pictures


def test_land_cover_is_classes(shared_data):
    files = sorted((shared_data / "geotiff/LULC").glob("*.tif"))
    assert concluded_classes([Picture(path) for path in files]) == (10, False)


@pytest.mark.parametrize(
    ("folder", "levels"),
    [
        *(("bsds500/train", levels) for levels in (3, 4, 8, 16, 32)),
        *(("ct_mri/CT", levels) for levels in (3, 4, 8, 16, 32)),
        *(("rgbd16/depth", levels) for levels in (16, 32)),  # fewer pass for classes
    ],
)
def test_pictures_of_few_levels_are_none(folder, levels, shared_data, tmp_path):
    numbers = []
    for path in sorted((shared_data / folder).iterdir())[:4]:
        values = read_values(path)[:256, :256, 0].astype(float)
        numbers.append((values / (values.max() + 1) * levels).astype(int))
    assert concluded_classes(stored(numbers, tmp_path)) is None


def test_what_speaks_against_classes(tmp_path):
    areas = np.zeros((64, 64), int)
    areas[10:30, 10:30], areas[20:50, 40:60], areas[40:60, 5:25] = 3, 1, 2
    for number, (values, expected) in enumerate(
        (
            (areas, (4, False)),
            (np.where(areas == 2, 255, areas), (4, True)),
            (areas * 40, None),  # spread over the levels
            (areas.clip(0, 1), None),  # two: masks, which are asked about
            (np.random.default_rng(0).integers(0, 4, areas.shape), None),  # no areas
            (np.where(areas == 2, 63, areas), None),  # most numbers never come
        )
    ):
        (tmp_path / str(number)).mkdir()
        assert concluded_classes(stored([values], tmp_path / str(number))) == expected


def test_a_table_ends_where_only_padding_follows():
    table = ("#000000", "#ff0000", "#000000", "#000000")
    assert without_padding(table) == table[:2]
    assert without_padding(table[:2]) == table[:2]
