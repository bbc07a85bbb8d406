import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from diptych.data.augment import recolour, warp
from diptych.data.batches import Batches
from diptych.data.crops import Rectangles
from diptych.data.pairs import COLOURS
from diptych.schema import Augment, Derive, Recipe

BOTH = (COLOURS, COLOURS)


def random(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def blobs(count: int = 4, size: int = 48, seed: int = 0) -> Tensor:
    coarse = np.random.default_rng(seed).integers(0, 256, (count, 5, 5, 3), np.uint8)
    return torch.from_numpy(
        np.stack(
            [
                np.asarray(Image.fromarray(c).resize((size, size), Image.Resampling.BICUBIC))
                for c in coarse
            ]
        )
    )


FULL = Augment(rotation=30, scale=(0.8, 1.4), colour=0.3)


def test_nothing_asked_for_is_nothing_done_and_nothing_drawn():
    generator = random()
    before = generator.get_state()
    pictures = blobs()
    source, target = warp(pictures, pictures, Augment(), generator)
    assert source is target is pictures
    assert recolour(pictures, Augment(), generator) is pictures
    assert torch.equal(generator.get_state(), before)


@pytest.mark.parametrize("settings", [FULL, Augment(rotation=180), Augment(scale=(1.5, 1.5))])
def test_both_sides_move_alike(settings):
    """The same picture on both sides stays the same."""
    pictures = blobs()
    source, target = warp(pictures, pictures.clone(), settings, random())
    assert source.dtype == torch.uint8
    assert source.shape == pictures.shape
    assert torch.equal(source, target)
    assert (target != pictures).float().mean() > 0.5
    again, _ = warp(pictures, pictures.clone(), settings, random())
    other, _ = warp(pictures, pictures.clone(), settings, random(1))
    assert torch.equal(source, again)
    if settings != Augment(scale=(1.5, 1.5)):
        assert not torch.equal(source, other)
        moved, _ = warp(pictures[:1].expand(4, -1, -1, -1), pictures, settings, random())
        assert len({picture.numpy().tobytes() for picture in moved}) == 4, "each by itself"


def test_one_picture_for_both_is_moved_once():
    pictures = blobs()
    source, target = warp(pictures, pictures, FULL, random())
    assert source is target


def test_a_source_with_other_channels_moves_alike():
    pictures = blobs()
    mask = pictures[..., :1]
    source, target = warp(torch.cat([pictures, mask], -1), pictures, FULL, random())
    assert torch.equal(source[..., :3], target)
    assert torch.equal(source[..., 3], target[..., 0])


def test_enlarging_is_about_the_centre():
    pictures = blobs(1)
    (larger,), _ = warp(pictures, pictures.clone(), Augment(scale=(2, 2)), random())
    middle = Image.fromarray(pictures[0, 12:36, 12:36].numpy())
    expected = np.asarray(middle.resize((48, 48), Image.Resampling.BILINEAR)).astype(int)
    inside = (slice(4, -4),) * 2
    assert np.abs(larger.numpy().astype(int) - expected)[inside].max() <= 2


def test_turns_lie_within_their_range():
    """By where a bright point on the right comes to lie."""
    pictures = torch.zeros(300, 61, 61, 3, dtype=torch.uint8)
    pictures[:, 29:32, 44:47] = 255
    turned, _ = warp(pictures, pictures, Augment(rotation=40), random())
    weight = turned[..., 0].float()
    rows, columns = torch.meshgrid(torch.arange(61.0), torch.arange(61.0), indexing="ij")
    down, along = (
        ((where - 30) * weight).sum((1, 2)) / weight.sum((1, 2)) for where in (rows, columns)
    )
    angles = torch.rad2deg(torch.atan2(down, along))
    assert 38 < angles.max() <= 41
    assert -41 <= angles.min() < -38
    torch.testing.assert_close(torch.hypot(down, along), torch.full((300,), 15.0), atol=1, rtol=0)


def test_sizes_lie_within_their_range():
    pictures = torch.zeros(300, 61, 61, 3, dtype=torch.uint8)
    pictures[:, 25:36, 25:36] = 255
    scaled, _ = warp(pictures, pictures, Augment(scale=(0.6, 1.5)), random())
    sides = (scaled[:, 30, :, 0].float() / 255).sum(1) / 11
    assert 0.58 < sides.min() < 0.66
    assert 1.47 < sides.max() < 1.52


def test_corners_are_filled_by_reflection():
    pictures = torch.full((8, 20, 20, 3), 200, dtype=torch.uint8)
    turned, _ = warp(pictures, pictures, Augment(rotation=90, scale=(0.5, 0.5)), random())
    assert torch.equal(turned, pictures), "no black corners"


def test_colours_change_within_their_share_and_the_mask_does_not():
    level = 120
    pictures = torch.full((300, 4, 4, 3), level, dtype=torch.uint8)
    mask = torch.randint(256, (300, 4, 4, 1), dtype=torch.uint8, generator=random())
    changed = recolour(torch.cat([pictures, mask], -1), Augment(colour=0.2), random())
    assert torch.equal(changed[..., 3:], mask)
    # A flat gray has brightness alone to change.
    levels = changed[:, 0, 0, 0].float()
    assert (changed[..., :3] == changed[:, :1, :1, :1]).all()
    assert 0.8 * level - 1 <= levels.min() < 0.82 * level
    assert 1.18 * level < levels.max() <= 1.2 * level + 1
    assert len(levels.unique()) > 30


def test_contrast_and_saturation_change_too():
    """Each beside the others: contrast beside brightness, saturation beside both."""
    pictures = blobs(60) // 4 + 80  # far from black and white, where levels are cut off
    changed = recolour(pictures, Augment(colour=0.3), random()).float()
    was = pictures.float()

    def spread(p: Tensor) -> Tensor:
        return p.mean(-1).std((1, 2))

    brightness = changed.mean((1, 2, 3)) / was.mean((1, 2, 3))
    contrast = spread(changed) / spread(was) / brightness
    saturation = (spread(was) / spread(changed)) * (
        (changed - changed.mean(-1, keepdim=True)).std((1, 2, 3))
        / (was - was.mean(-1, keepdim=True)).std((1, 2, 3))
    )
    for change in (brightness, contrast, saturation):
        assert 0.68 < change.min() < 0.75
        assert 1.25 < change.max() < 1.32


def batches(settings: Augment, same: bool = True) -> Batches:
    sources, targets = blobs(6, 40).numpy(), blobs(6, 40, seed=0 if same else 1).numpy()
    return Batches(Rectangles(sources, targets, (32, 32)), BOTH, Recipe(augment=settings), 3)


def test_in_a_batch_both_sides_have_one_geometry():
    made = batches(Augment(rotation=20, scale=(1, 1.3)))
    for step in range(8):
        source, target, *_ = made.at(step)
        assert torch.equal(source, target)


def test_in_a_batch_colour_changes_the_source_alone():
    plain, coloured = batches(Augment(), same=False), batches(Augment(colour=0.4), same=False)
    for step in range(4):
        (source, target, *_), (other, same, *_) = plain.at(step), coloured.at(step)
        assert torch.equal(target, same)
        assert (source != other).float().mean() > 0.5


def test_what_is_derived_is_derived_from_the_augmented_target():
    pictures = blobs(6, 40).numpy()
    crops = Rectangles(pictures, pictures, (32, 32))
    settings = Augment(rotation=20, scale=(1, 1.3), colour=0.3)
    recipe = Recipe(augment=settings, derive=Derive(kind="degrade"))
    made = Batches(crops, BOTH, recipe, 3)
    uncoloured = settings.model_copy(update={"colour": 0.0})
    plain = Batches(crops, BOTH, recipe.model_copy(update={"augment": uncoloured}), 3)
    for step in range(4):
        assert torch.equal(*plain.at(step)[:2]), "nothing was taken away here"
        source, target, *_ = made.at(step)
        assert not torch.equal(source, target)
        assert torch.equal(target, plain.at(step)[1])
