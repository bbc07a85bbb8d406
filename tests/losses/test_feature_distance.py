import pytest
import torch
from torch import Tensor

from diptych.losses.feature_distance import feature_distance, feature_distances, normalized


def maps(seed: int = 0) -> list[Tensor]:
    random = torch.Generator().manual_seed(seed)
    return [torch.randn(2, c, s, s, generator=random) for c, s in ((24, 8), (40, 4), (112, 2))]


def test_each_place_has_length_one():
    (first, *_) = maps()
    sizes = normalized(7 * first).square().mean(1).sqrt()
    torch.testing.assert_close(sizes, torch.ones(2, 8, 8), atol=1e-2, rtol=0)
    assert not normalized(torch.zeros(1, 4, 2, 2)).any(), "no NaN where nothing is seen"


def test_worked_out_by_hand():
    """(3, 4) over its root mean square of 5 / sqrt 2, beside (4, 3) over the same."""
    one, other = (torch.tensor(pair).view(1, 2, 1, 1) for pair in ([3.0, 4.0], [4.0, 3.0]))
    expected = 1 / (5 / 2**0.5 + 1e-3)
    assert float(feature_distance([one], [other])) == pytest.approx(expected)
    # A size that is alike halves it, however many places it has.
    alike = torch.ones(1, 5, 9, 9)
    assert float(feature_distance([one, alike], [other, alike])) == pytest.approx(expected / 2)


def test_nothing_between_equals_and_the_same_both_ways():
    assert feature_distance(maps(), maps()) == 0
    assert feature_distance(maps(), [5 * each for each in maps()]) < 1e-2, "length says nothing"
    there, back = feature_distance(maps(), maps(1)), feature_distance(maps(1), maps())
    assert there == back > 0.5


def test_each_picture_by_itself_and_their_mean():
    one, other = maps(), maps(1)
    each = feature_distances(one, other)
    alone = [
        feature_distance([x[i : i + 1] for x in one], [y[i : i + 1] for y in other]) for i in (0, 1)
    ]
    torch.testing.assert_close(each, torch.stack(alone))
    torch.testing.assert_close(each.mean(), feature_distance(one, other))
    assert each[0] != each[1]


def test_maps_of_unlike_numbers_are_no_pair():
    with pytest.raises(ValueError, match="zip"):
        feature_distance(maps(), maps()[:2])


def test_a_step_down_its_gradient_brings_maps_nearer():
    moved, target = [each.requires_grad_() for each in maps()], maps(1)
    before = feature_distance(moved, target)
    gradients = torch.autograd.grad(before, moved)
    with torch.no_grad():
        nearer = [each - 0.5 * g / g.abs().max() for each, g in zip(moved, gradients, strict=True)]
        assert feature_distance(nearer, target) < before
