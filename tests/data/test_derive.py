import io
import sys

import numpy as np
import pytest
import torch
from PIL import Image, ImageFilter

from diptych.data.derive import DERIVATIONS, derive
from diptych.errors import DiptychError
from diptych.images.domain import plain
from diptych.images.encoding import encode
from diptych.images.lab import rgb_to_lab
from diptych.images.rgb import read_image
from diptych.schema import Derive

SETTINGS = {
    "degrade": Derive(kind="degrade", scale=2, blur=(0, 1), noise=(0, 20), jpeg=(60, 100)),
    "lightness": Derive(kind="lightness"),
    "holes": Derive(kind="holes", holes=(0.1, 0.4)),
    "edges": Derive(kind="edges"),
}
DRAWN = [kind for kind in SETTINGS if kind in {"degrade", "holes"}]  # at random


def random(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def blobs(count: int = 2, height: int = 48, width: int = 40, seed: int = 0) -> np.ndarray:
    """Smooth made-up photos."""
    coarse = random(seed).integers(0, 256, (count, 6, 5, 3), np.uint8)
    size = (width, height)
    return np.stack(
        [np.asarray(Image.fromarray(c).resize(size, Image.Resampling.BICUBIC)) for c in coarse]
    )


def flat(level: int, count: int = 1, size: int = 40) -> np.ndarray:
    return np.full((count, size, size, 3), level, np.uint8)


def test_each_kind_has_settings_here():
    assert SETTINGS.keys() == DERIVATIONS.keys()


@pytest.mark.parametrize("kind", SETTINGS)
def test_what_a_photo_becomes_follows_from_the_seed(kind):
    photos, settings = blobs(), SETTINGS[kind]
    before = photos.copy()
    first, again = (derive(photos, settings, random(3)) for _ in range(2))
    assert first.dtype == np.uint8
    channels = 4 if kind == "holes" else 3
    assert first.shape == (2, 48 // settings.scale, 40 // settings.scale, channels)
    assert np.array_equal(first, again)
    assert np.array_equal(photos, before), "the photos themselves are left alone"
    other = derive(photos, settings, random(4))
    assert np.array_equal(first, other) == (kind not in DRAWN)
    # The sources go with their photos, one by one.
    alone = derive(photos[:1], settings, random(3))
    assert np.array_equal(first[:1], alone)


@pytest.mark.parametrize("kind", DRAWN)
def test_photos_of_one_batch_draw_each_their_own(kind):
    first, second = derive(np.repeat(blobs(1), 2, 0), SETTINGS[kind], random())
    assert not np.array_equal(first, second)


@pytest.mark.parametrize("kind", SETTINGS)
def test_a_photo_may_be_read_only(kind):
    photos = blobs()
    photos.flags.writeable = False
    derive(photos, SETTINGS[kind], random())


# --------------------------------------------------------------------------------- degrade


def test_nothing_asked_for_is_nothing_done():
    assert np.array_equal(derive(blobs(), Derive(kind="degrade"), random()), blobs())


@pytest.mark.parametrize("scale", [2, 4, 8])
def test_smaller_is_by_pillows_bicubic(scale):
    made = derive(blobs(), Derive(kind="degrade", scale=scale), random())
    for photo, small in zip(blobs(), made, strict=True):
        size = (40 // scale, 48 // scale)
        expected = Image.fromarray(photo).resize(size, Image.Resampling.BICUBIC)
        assert np.array_equal(small, np.asarray(expected))


@pytest.mark.parametrize(("low", "high"), [(0, 0), (5, 5), (10, 40)])
def test_noise_lies_within_its_range(low, high):
    made = derive(flat(128, 200), Derive(kind="degrade", noise=(low, high)), random())
    levels = made.astype(float)
    sigmas = levels.std(axis=(1, 2, 3))
    assert 0.93 * low <= sigmas.min() <= low + 0.1 * (high - low) + 0.5
    assert high - 0.1 * (high - low) - 0.5 <= sigmas.max() <= 1.07 * high
    assert abs(levels.mean() - 128) < 0.2
    if low == high == 5:  # rounded to levels, each channel by itself
        noise = levels.reshape(-1, 3) - 128
        assert sigmas.mean() == pytest.approx(np.sqrt(25 + 1 / 12), abs=0.02)
        assert np.abs(np.corrcoef(noise.T) - np.eye(3)).max() < 0.01


def test_noise_stays_within_the_levels():
    settings = Derive(kind="degrade", noise=(60, 60))
    assert derive(flat(0), settings, random()).mean() == pytest.approx(60 / np.sqrt(2 * np.pi), 0.1)
    assert derive(flat(255), settings, random()).min() > 0, "nothing wraps around"


@pytest.mark.parametrize("quality", [1, 40, 99])
def test_compression_is_jpeg_of_the_quality(quality):
    settings = Derive(kind="degrade", jpeg=(quality, quality))
    for photo, made in zip(blobs(), derive(blobs(), settings, random()), strict=True):
        file = io.BytesIO()
        Image.fromarray(photo).save(file, "JPEG", quality=quality)
        assert np.array_equal(made, np.asarray(Image.open(file)))


def test_qualities_lie_within_their_range(monkeypatch):
    asked = []
    save = Image.Image.save

    def remember(image, file, form, quality):
        asked.append(quality)
        save(image, file, form, quality=quality)

    monkeypatch.setattr(Image.Image, "save", remember)
    derive(flat(9, 300, 8), Derive(kind="degrade", jpeg=(70, 90)), random())
    assert set(asked) == set(range(70, 91))


def test_blurs_lie_within_their_range():
    """By what is left of a bright point: the least and the most blurred one."""
    points = flat(0, 200, 21)
    points[:, 10, 10] = 255
    peaks = derive(points, Derive(kind="degrade", blur=(0.5, 1.5)), random())[:, 10, 10, 0]
    least, most = (
        np.asarray(Image.fromarray(points[0]).filter(ImageFilter.GaussianBlur(b)))[10, 10, 0]
        for b in (0.5, 1.5)
    )
    assert most <= peaks.min() < most + 5
    assert least - 10 < peaks.max() <= least


def test_noise_is_of_the_small_picture():
    """Blur and reduction come first, so that noise is not averaged away."""
    settings = Derive(kind="degrade", scale=4, blur=(2, 2), noise=(20, 20))
    made = derive(flat(128, 4, 160), settings, random()).astype(float)
    assert made.std() == pytest.approx(20, abs=0.5)


# ------------------------------------------------------------------------------- lightness


def test_lightness_is_kept_and_colour_gone():
    made = derive(blobs(), Derive(kind="lightness"), random())
    assert (made == made[..., :1]).all(), "gray"
    was, now = (rgb_to_lab(torch.tensor(x).movedim(-1, 1) / 255)[:, 0] for x in (blobs(), made))
    # Half a level of gray is up to about a fifth of a step of L in the mids, more near black.
    torch.testing.assert_close(was, now, atol=0.25, rtol=0)


def test_grays_are_left_as_they_are():
    grays = np.arange(256, dtype=np.uint8).reshape(1, 16, 16, 1).repeat(3, -1)
    assert np.array_equal(derive(grays, Derive(kind="lightness"), random()), grays)


# ----------------------------------------------------------------------------------- holes


@pytest.mark.parametrize("bounds", [(0.05, 0.25), (0.1, 0.1), (0.5, 0.9), (0.9, 0.9)])
@pytest.mark.parametrize(("height", "width"), [(100, 100), (60, 180)])
def test_the_holes_share_lies_within_its_range(bounds, height, width):
    photos = blobs(1, height, width).repeat(150, 0)
    made = derive(photos, Derive(kind="holes", holes=bounds), random())
    hole = made[..., 3] == 0
    assert set(np.unique(made[..., 3])) == {0, 255}
    shares = hole.mean(axis=(1, 2))
    slack = 0.01  # whole pixels
    assert bounds[0] - slack <= shares.min() <= shares.max() <= bounds[1] + slack
    if bounds[0] < bounds[1]:
        assert np.ptp(shares) > 0.9 * (bounds[1] - bounds[0])
    assert np.array_equal(made[..., :3][~hole], photos[~hole])
    assert not made[..., :3][hole].any(), "what is missing cannot be seen"
    tall, wide = (hole.any(axis=axis).sum(axis=1) for axis in (2, 1))
    assert (tall * wide == hole.sum(axis=(1, 2))).all(), "rectangles"
    assert len({tuple(np.argwhere(one)[0]) for one in hole}) > 30, "in many places"


def test_a_hole_in_a_single_pixel():
    made = derive(flat(7, 1, 1), Derive(kind="holes"), random())
    assert made.tolist() == [[[[0, 0, 0, 0]]]]
    assert encode(torch.from_numpy(made), plain("holed", "rgba")).flatten().tolist() == [
        0,
        0,
        0,
        -1,
    ]


# ----------------------------------------------------------------------------------- edges


def test_edges_are_thin_black_outlines_on_white():
    photo = flat(250, 1, 60)
    photo[:, 20:40, 15:45] = (200, 30, 30)
    (drawn,) = derive(photo, Derive(kind="edges"), random())
    assert set(np.unique(drawn)) == {0, 255}
    rows, columns = np.nonzero(drawn[..., 0] == 0)
    inside = np.maximum(np.abs(rows - 29.5) - 10, np.abs(columns - 29.5) - 15)
    assert np.abs(inside).max() < 2.5, "nowhere but at the outline"
    assert 0.8 * 100 < len(rows) < 1.3 * 100, "one pixel wide, all around"


@pytest.mark.parametrize("level", [0, 1, 77, 128, 200, 254, 255])
def test_a_flat_photo_has_no_edges(level):
    assert (derive(flat(level), Derive(kind="edges"), random()) == 255).all()


def test_a_flat_background_has_no_edges():
    """Though nine tenths of the picture, where quantiles of the contrast lie, are flat."""
    photo = flat(128, 1, 100)
    photo[:, 45:55, 45:55] = 240
    (drawn,) = derive(photo, Derive(kind="edges"), random())
    rows, columns = np.nonzero(drawn[..., 0] == 0)
    assert len(rows) > 20
    # As far as the detector's blur reaches.
    assert np.abs(np.concatenate([rows, columns]) - 49.5).max() < 15


def test_a_dim_photo_has_the_edges_of_the_bright_one(shared_data):
    photo = np.asarray(read_image(min((shared_data / "bsds500" / "val").iterdir())))[:160, :160]
    bright, dim = (
        derive(picture[None], Derive(kind="edges"), random())[0, ..., 0] == 0
        for picture in (photo, photo // 3)
    )
    assert 0.02 < bright.mean() < 0.3
    assert (bright & dim).sum() > 0.6 * bright.sum()


def test_a_wider_blur_leaves_fewer_edges():
    photo = random().integers(0, 256, (1, 64, 64, 3), np.uint8)
    counts = [
        (derive(photo, Derive(kind="edges", edge_blur=blur), random()) == 0).mean()
        for blur in (0.7, 1.4, 3)
    ]
    assert counts == sorted(counts, reverse=True)
    assert counts[0] > 1.5 * counts[2]


def test_without_scikit_image_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "skimage.feature", None)
    with pytest.raises(DiptychError, match=r"pip install 'diptych\[sketch\]'$"):
        derive(blobs(), Derive(kind="edges"), random())
