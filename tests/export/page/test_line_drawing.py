"""Which sources are drawings, and how their lines look."""

import numpy as np
import pytest
from PIL import Image, ImageDraw

from diptych.export.page.line_drawing import pen_of
from diptych.images.files import find_images


def drawing(width: int, ink=(0, 0, 0), paper=(255, 255, 255)) -> np.ndarray:
    """Lines of every direction, smoothed as by a renderer."""
    large = Image.new("RGB", (1024, 1024), paper)
    pen = ImageDraw.Draw(large)
    pen.ellipse((120, 120, 560, 560), outline=ink, width=8 * width)
    pen.line((600, 950, 950, 600), fill=ink, width=8 * width)
    return np.asarray(large.resize((128, 128), Image.Resampling.BOX))


@pytest.mark.parametrize("width", [2, 3, 5])
def test_the_width_of_lines_is_measured(width):
    pen = pen_of([drawing(width)] * 2)
    assert pen.width == pytest.approx(width, rel=0.1)
    assert (pen.paper, pen.ink) == ("#ffffff", "#000000")


def test_chalk_on_a_board_is_a_drawing_too():
    pen = pen_of([drawing(3, (240, 240, 200), (10, 60, 40))])
    assert (pen.paper, pen.ink) == ("#0a3c28", "#f0f0c8")


@pytest.mark.parametrize(
    "source",
    [
        np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8),
        np.full((64, 64, 3), 255, np.uint8),
        np.minimum(drawing(3), drawing(5, (200, 30, 30))[::-1]),
    ],
    ids=["noise", "blank", "two colours"],
)
def test_other_pictures_are_none(source):
    assert pen_of([source]) is None


def test_real_edges_are_drawings_and_real_shoes_are_not(shared_data):
    paths = find_images(shared_data / "edges2shoes" / "val")[:8]
    pairs = [np.asarray(Image.open(path).convert("RGB")) for path in paths]
    pen = pen_of([pair[:, 256:] for pair in pairs])
    assert (pen.paper, pen.ink) == ("#ffffff", "#000000")
    assert 0.5 < pen.width < 3
    assert pen_of([pair[:, :256] for pair in pairs]) is None
