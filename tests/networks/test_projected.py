import pytest
import torch
from torch import Tensor

from diptych.networks import build_discriminator
from diptych.networks.efficientnet_lite0 import CHANNELS, STRIDES
from diptych.networks.projected import Projection
from diptych.networks.spectral import SpectralConv2d


def maps(size: tuple[int, int], count: int = 2, seed: int = 0) -> list[Tensor]:
    """As the frozen network makes them of pictures of a size."""
    random = torch.Generator().manual_seed(seed)
    sizes = [[-(-side // stride) for side in size] for stride in STRIDES]
    return [
        torch.randn(count, channels, *each, generator=random)
        for channels, each in zip(CHANNELS, sizes, strict=True)
    ]


def discriminator(base_channels: int = 8, **options: bool):
    torch.manual_seed(0)
    return build_discriminator("projected", base_channels=base_channels, **options)


@pytest.mark.parametrize("size", [(32, 32), (256, 256), (100, 130)])
def test_the_projection_keeps_sizes_and_widens_downwards(size):
    given = maps(size)
    mixed = Projection(8)(given)
    assert [each.shape[1] for each in mixed] == [8, 16, 32, 64]
    assert [each.shape[-2:] for each in mixed] == [each.shape[-2:] for each in given]


def test_smaller_maps_reach_larger_ones_and_not_the_other_way():
    projection, given = Projection(8), maps((64, 64))
    mixed = projection(given)
    for changed in range(4):
        other = [each + 1 if level == changed else each for level, each in enumerate(given)]
        differs = [not torch.equal(x, y) for x, y in zip(mixed, projection(other), strict=True)]
        assert differs == [level <= changed for level in range(4)]


def test_the_projection_does_not_learn_and_is_kept():
    judge = discriminator()
    learned = dict(judge.named_parameters())
    assert learned
    assert not any("projection" in name for name in learned)
    kept = [name for name in judge.state_dict() if name.startswith("projection.")]
    assert len(kept) == 2 * (4 + 3)
    torch.manual_seed(5)
    other = build_discriminator("projected", base_channels=8)
    given = maps((64, 64))
    assert not torch.equal(other.projection(given)[0], judge.projection(given)[0])
    other.load_state_dict(judge.state_dict())
    assert torch.equal(other.projection(given)[0], judge.projection(given)[0])


@pytest.mark.parametrize(
    ("size", "sides"),
    [
        ((256, 256), [(16, 16), (16, 16), (8, 8), (8, 8)]),
        ((128, 128), [(8, 8), (8, 8), (4, 4), (4, 4)]),
        ((64, 96), [(4, 6), (4, 6), (2, 3), (2, 3)]),
        ((32, 32), [(2, 2), (2, 2), (1, 1), (1, 1)]),
    ],
)
def test_logits_of_patches_at_four_sizes(size, sides):
    judge = discriminator()
    logits = judge(*judge.projection(maps(size)), *judge.projection(maps(size, seed=1)))
    assert [each.shape for each in logits] == [(2, 1, *side) for side in sides]


def test_source_and_picture_are_judged_together():
    judge = discriminator().eval()
    source, picture, other = (judge.projection(maps((64, 64), seed=i)) for i in range(3))
    logits = judge(*source, *picture)
    for changed in (judge(*other, *picture), judge(*source, *other), judge(*picture, *source)):
        for x, y in zip(logits, changed, strict=True):
            assert not torch.allclose(x, y)


def test_a_picture_is_judged_alone_where_no_source_is_asked_for():
    judge = discriminator(beside_source=False).eval()
    picture, other = (judge.projection(maps((64, 96), seed=i)) for i in range(2))
    logits = judge(*picture)
    assert [each.shape for each in logits] == [(2, 1, *s) for s in [(4, 6), (4, 6), (2, 3), (2, 3)]]
    for x, y in zip(logits, judge(*other), strict=True):
        assert not torch.allclose(x, y)


def test_every_layer_of_every_head_is_normalised_and_learns():
    judge = discriminator()
    for head in judge.heads:
        layers = [layer for layer in head if list(layer.parameters())]
        assert len(layers) >= 3
        assert all(isinstance(layer, SpectralConv2d) for layer in layers)
    given = judge.projection(maps((64, 64)))
    sum(each.square().mean() for each in judge(*given, *given)).backward()
    assert all(p.grad is not None and p.grad.any() for p in judge.parameters())


def test_the_length_of_its_weights_changes_nothing():
    judge, (x, y) = discriminator().eval(), (maps((64, 64), seed=i) for i in range(2))
    shown = [*judge.projection(x), *judge.projection(y)]
    before = judge(*shown)
    with torch.no_grad():
        for layer in judge.modules():
            if isinstance(layer, SpectralConv2d):
                layer.weight.mul_(50)
    for one, other in zip(before, judge(*shown), strict=True):
        torch.testing.assert_close(one, other, atol=1e-5, rtol=1e-4)
