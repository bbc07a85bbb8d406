"""Every rule against the function of torch that it stands for, on windows of all kinds."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from diptych.errors import DiptychError
from diptych.images.padding import pad_to_multiple
from diptych.translation.bounded.feature_maps import FeatureMap
from diptych.translation.bounded.windowed import Moments
from diptych.translation.bounded.workspace import Workspace

SIZES = [(13, 22), (16, 16), (6, 5)]


def noise(*shape: int, seed: int = 0) -> Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed)) * 2 - 1


def as_map(values: Tensor, room: int = 10**9, keep: int = 10**9) -> FeatureMap:
    """A map of values that are there, read as a picture is."""

    def make(_: object, window: tuple, __: object) -> Tensor:
        return values[..., slice(*window[0]), slice(*window[1])]

    _, channels, height, width = values.shape
    return FeatureMap((channels, height, width), Workspace(room, keep), make)


def windows_of(height: int, width: int) -> list:
    """The whole, all corners, single rows, columns and pixels, and some at random."""
    random = np.random.default_rng(0)
    spans = [
        [(0, n), (0, 1), (n - 1, n), (n // 2, n // 2 + 1)]
        + [tuple(sorted(random.choice(n + 1, 2, replace=False))) for _ in range(6)]
        for n in (height, width)
    ]
    return [(tuple(map(int, r)), tuple(map(int, c))) for r in spans[0] for c in spans[1]]


def assert_same(function: Callable, *values: Tensor) -> None:
    expected, made = function(*values), function(*map(as_map, values))
    assert made.shape == expected.shape
    for window in windows_of(*expected.shape[-2:]):
        part = expected[..., slice(*window[0]), slice(*window[1])]
        torch.testing.assert_close(made.compute(window), part, atol=2e-6, rtol=1e-5)


LAYERS = {
    "3x3": nn.Conv2d(4, 6, 3, padding=1),
    "4x4 by 2": nn.Conv2d(4, 6, 4, stride=2, padding=1, bias=False),
    "5x3, uneven": nn.Conv2d(4, 6, (5, 3), stride=(2, 1), padding=(0, 2)),
    "7x7 reflecting": nn.Conv2d(4, 6, 3, padding=2, padding_mode="reflect"),
    "dilated": nn.Conv2d(4, 6, 3, padding=2, dilation=2),
    "depthwise": nn.Conv2d(4, 8, 3, padding=1, groups=4),
    "by 3, leaving some out": nn.Conv2d(4, 6, 2, stride=3),
    "transposed 4x4 by 2": nn.ConvTranspose2d(4, 6, 4, stride=2, padding=1),
    "transposed 3x3 by 2": nn.ConvTranspose2d(4, 6, 3, stride=2, padding=1, output_padding=1),
    "transposed 5x3, uneven": nn.ConvTranspose2d(4, 6, (5, 3), stride=(3, 1), padding=(0, 2)),
    "transposed, dilated": nn.ConvTranspose2d(4, 6, 3, stride=2, padding=2, dilation=2, groups=2),
    "shuffle": nn.PixelShuffle(2),
    "reflection": nn.ReflectionPad2d((3, 1, 0, 4)),
    "nearest": nn.Upsample(scale_factor=2),
    "bilinear": nn.Upsample(scale_factor=3, mode="bilinear"),
    "leaky": nn.LeakyReLU(0.2),
    "in place": nn.ReLU(inplace=True),
    "tanh": nn.Tanh(),
    "dropout that is off": nn.Dropout(0.5).eval(),
}


@torch.no_grad()
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", LAYERS)
def test_a_layer_by_windows_is_the_layer(name, size):
    values = noise(1, 4, *size)
    kept = values.clone()
    if name == "in place":
        assert_same(lambda x: LAYERS[name](x if isinstance(x, FeatureMap) else x.clone()), values)
    else:
        assert_same(LAYERS[name], values)
    assert torch.equal(values, kept)


@torch.no_grad()
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("scale", [2, 4, 8])
def test_bicubic_enlargement(scale, size):
    def larger(x: Tensor) -> Tensor:
        sides = [scale * side for side in x.shape[-2:]]
        enlarged = F.interpolate(x.float(), sides, mode="bicubic", antialias=True)
        return torch.clamp(enlarged, -1, 1)

    assert_same(larger, noise(1, 3, *size))


@pytest.mark.parametrize("multiple", [1, 9, 32])
@pytest.mark.parametrize("side", [1, 4, 5, 16, 17, 33])
def test_which_place_padding_shows(side, multiple):
    assert_same(
        lambda x: pad_to_multiple(x, multiple), torch.arange(side).float().view(1, 1, 1, -1)
    )


@torch.no_grad()
@pytest.mark.parametrize("size", SIZES)
def test_maps_together_and_cuts(size):
    first, second, each = noise(1, 4, *size), noise(1, 4, *size, seed=1), noise(4, 1, 1)
    assert_same(lambda x, y: torch.cat((x, y), dim=1) * 3, first, second)
    assert_same(lambda x, y: (x - each) * each + y, first, second)
    assert_same(lambda x: x[:, 1:3], first)
    assert_same(lambda x: x[..., :5, : size[1] - 1], first)
    assert_same(lambda x: F.relu(x) + x[..., : size[0], :], first)
    assert_same(lambda x: torch.cat([x, x.new_zeros((1, 2, *x.shape[-2:]))], dim=1), first)


@torch.no_grad()
def test_a_map_used_twice_is_computed_once_for_both():
    """With what both reach for: in a chain of shortcuts, once for each use would be 2^n times."""
    calls = []
    values = noise(1, 4, 30, 30)
    x = as_map(values)
    counted = x.derived(lambda parts, *_: calls.append(parts[0].shape) or parts[0])
    small, large = nn.Conv2d(4, 4, 3, padding=1), nn.Conv2d(4, 4, 7, padding=3)
    made = small(counted) + large(counted)
    expected = small(values) + large(values)
    window = (10, 15), (20, 30)
    torch.testing.assert_close(made.compute(window), expected[..., 10:15, 20:30])
    assert calls == [(1, 4, 11, 13)]


@torch.no_grad()
@pytest.mark.parametrize("keep", [0, 10**9])
@pytest.mark.parametrize("valid", [(40, 50), (33, 21), (1, 1)])
@pytest.mark.parametrize("room", [10**9, 6000])
def test_statistics_are_those_of_the_whole_map(keep, valid, room):
    """Also where the mean is far from zero, and the same map is read afterwards as before."""
    values = noise(1, 4, 40, 50) + torch.tensor([0, 100, -1000, 0.001]).view(-1, 1, 1)
    made = F.relu(as_map(values, room, keep))
    assert (len(list(made.windows())) > 1) == (room < 10**9)
    inside = made[..., : valid[0], : valid[1]]
    variance, mean = torch.var_mean(inside, dim=(2, 3), keepdim=True, correction=0)
    true = F.relu(values)[..., : valid[0], : valid[1]].double()
    expected = torch.var_mean(true, dim=(2, 3), keepdim=True, correction=0)
    torch.testing.assert_close(mean, expected[1].float(), atol=0, rtol=1e-6)
    torch.testing.assert_close(variance, expected[0].float(), atol=1e-9, rtol=1e-5)
    assert made.inputs == ()
    for window in windows_of(40, 50):
        part = F.relu(values)[..., slice(*window[0]), slice(*window[1])]
        assert torch.equal(made.compute(window), part)
    workspace, size = made.workspace, 4 * 4 * 40 * 50
    assert (workspace.kept, workspace.on_disk) == ((size, 0) if keep else (0, size))
    del made, inside
    assert (workspace.kept, workspace.on_disk) == (0, 0), "given back with the last who needs it"


def test_moments_of_many_pixels_keep_their_digits():
    """Where torch's own sums over a large map in float32 are off in the fourth."""
    values = (noise(1, 8, 1024, 1024) * 3 + 5).to(memory_format=torch.channels_last)
    moments = Moments(8)
    for strip in values.split(100, dim=2):
        moments.add(strip)
    true = values.double()
    torch.testing.assert_close(moments.mean, true.mean((0, 2, 3)), atol=0, rtol=1e-7)
    expected = true.var((0, 2, 3), correction=0).float()
    torch.testing.assert_close(moments.variance(), expected, atol=0, rtol=1e-6)


@pytest.mark.parametrize(
    ("function", "part"),
    [
        (torch.sigmoid, "no rule for sigmoid"),
        (lambda x: F.pad(x, (1, 1, 1, 1)), "no rule for padding by constant"),
        (lambda x: x[..., 1:, :], "no rule for a cut that does not begin at the top left"),
        (lambda x: x[0], "no rule for a cut by other than slices"),
        (lambda x: F.interpolate(x, [9, 9]), "no rule for enlarging by no whole number"),
        (lambda x: x + noise(6, 6), "no rule for numbers that differ from place to place"),
        (lambda x: x + x[..., :3, :3], "no rule for maps of different sizes together"),
        (lambda x: torch.cat([x, x], dim=2), "no rule for cat along 2"),
        (nn.Dropout(0.5), "no rule for noise"),
        (nn.ConvTranspose2d(4, 2, 2, stride=3), "a transposed convolution that leaves pixels out"),
        (lambda x: torch.var_mean(x, dim=(1, 2)), "no rule for statistics of another kind"),
    ],
)
def test_what_has_no_rule_is_named(function, part):
    with pytest.raises(DiptychError, match=part):
        function(as_map(noise(1, 4, 6, 6)))


def test_windows_are_as_small_as_they_must_be():
    x = nn.Conv2d(3, 8, 3, padding=1)(as_map(noise(1, 3, 64, 48), room=20_000))
    windows = list(x.windows())
    assert all(x.cost(window) <= 20_000 for window in windows)
    area = sum((bottom - top) * (right - left) for (top, bottom), (left, right) in windows)
    assert area == 64 * 48
    assert windows == sorted(windows)
    with pytest.raises(DiptychError, match="of memory for a window: too little"):
        list(nn.Conv2d(3, 8, 3, padding=1)(as_map(noise(1, 3, 64, 48), room=2000)).windows())
