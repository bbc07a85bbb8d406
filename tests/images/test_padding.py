import numpy as np
import pytest
import torch

from diptych.images.padding import pad_to_multiple


def random_pictures(*shape: int) -> torch.Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(0)) * 2 - 1


@pytest.mark.parametrize("multiple", [1, 9, 32])
@pytest.mark.parametrize("height", [1, 4, 5, 16, 17, 33])
@pytest.mark.parametrize("width", [1, 5, 16, 64])
def test_padding_reflects_and_where_that_is_too_short_repeats_the_edge(height, width, multiple):
    pictures = random_pictures(2, 3, height, width)
    expected = pictures.numpy()
    for axis, side in ((2, height), (3, width)):
        missing = -side % multiple
        pads = [(0, 0)] * 4
        pads[axis] = (0, missing)
        expected = np.pad(expected, pads, mode="reflect" if missing < side else "edge")
    padded = pad_to_multiple(pictures, multiple)
    assert padded.shape == (2, 3, *(-(-side // multiple) * multiple for side in (height, width)))
    assert np.array_equal(padded.numpy(), expected)


def test_a_multiple_already_comes_back_as_it_is():
    pictures = random_pictures(1, 3, 32, 64)
    assert pad_to_multiple(pictures, 32) is pictures
