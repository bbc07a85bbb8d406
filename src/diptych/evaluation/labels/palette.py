"""The discrete labels behind label pictures whose flat colours carry the noise of JPEG."""

import math

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from diptych.errors import DiptychError
from diptych.evaluation.labels.confusion import SegmentationScores, segmentation_scores
from diptych.images.domain import Domain

_FLAT = 8  # levels of 0..255: JPEG moves a flat colour by a few; what varies more is an edge
_BIN = 4  # levels of one bin of the colour histogram
_SIDE = 256 // _BIN
# Widths of cubes of bins, the odd numbers that tell the known label sets from photos.
_DENSE = 3  # a label is where a cube of this width holds the most
_APART = 5  # among the places of a cube of this width
_NOISE = 7  # and nearly all of its pixels lie within this one
# A label covers at least this share of the flat area: less is ringing, or too little to learn from.
_LEAST_SHARE = 2e-4
# Of label pictures this share is flat, and this share of that lies near a label. Measured: flat .37
# and more, near .98 and more, Google's maps being the lowest; of photos at most .89 lies near.
_LEAST_FLAT = 0.1
_LEAST_NEAR = 0.95
_MOST = 256  # labels: classes are stored in 8 bits
_PIXELS = 2**20  # looked at together: what bounds the memory


class _FlatColours(Domain):
    """8-bit colours of labels: resized to their nearest, for a blend of two is another label."""

    @property
    def sharp(self) -> bool:
        """They must not be mixed."""
        return True


FLAT_COLOURS = _FlatColours(name="labels")


def recover_palette(pictures: np.ndarray) -> np.ndarray:
    """The colours of the labels in `pictures`, the most frequent first.

    Only flat areas count, pixels whose 3x3 neighbourhood hardly varies: elsewhere labels blend into
    each other. A label is a colour more frequent there than any other nearby, its noise averaged
    out. The same pictures always give the same palette. Give them at their native size: in a
    reduced picture small labels have no flat area left. One photo by itself may pass for labels, a
    set of them does not.

    Args:
        pictures: uint8 `(N, H, W, 3)`; some dozens of them tell rare labels from noise.

    Returns:
        uint8 `(K, 3)`, K at most 256.

    Raises:
        DiptychError: the pictures have no discrete palette; photos have none.
    """
    histogram = torch.zeros(4, _SIDE**3, dtype=torch.float64)
    for chunk in _chunks(pictures):
        histogram += _histogram(chunk)
    histogram = histogram.reshape(4, _SIDE, _SIDE, _SIDE)
    flat = histogram[0].sum().item()
    if flat <= _LEAST_FLAT * math.prod(pictures.shape[:3]):
        raise DiptychError(
            "no palette: these pictures have hardly any flat area, as photos do; "
            "labels are areas of one colour each"
        )
    dense = _over_cubes(histogram, _DENSE)
    # Ties go to the first bin: two peaks side by side would be one label twice.
    first = dense[0] - torch.arange(_SIDE**3).reshape(dense[0].shape) / 2**20
    highest = first[None]
    for kernel in _along_each_axis(_APART, 3):
        highest = F.max_pool3d(highest, kernel, 1, [side // 2 for side in kernel])
    peaks = (first == highest[0]) & (dense[0] >= _LEAST_SHARE * flat)
    near = _over_cubes(peaks[None].double(), _NOISE)[0] > 0
    peak_count, share = int(peaks.sum()), histogram[0][near].sum().item() / flat
    if share < _LEAST_NEAR or not 2 <= peak_count <= _MOST:
        raise DiptychError(
            f"no palette: {peak_count} frequent colours make up {share:.0%} of the flat area, "
            f"and labels are 2 to {_MOST} colours that make up {_LEAST_NEAR:.0%} or more"
        )
    counts, *sums = dense[:, peaks]
    colours = (torch.stack(sums, 1) / counts[:, None]).round().to(torch.uint8)
    palette: np.ndarray = colours[counts.argsort(descending=True, stable=True)].numpy()
    return palette


def to_classes(pictures: np.ndarray, palette: np.ndarray) -> np.ndarray:
    """The number of the palette's nearest colour (Euclidean; the first of equally near ones).

    Args:
        pictures: uint8 `(N, H, W, 3)`.
        palette: uint8 `(K, 3)`, K from 1 to 256.

    Returns:
        uint8 `(N, H, W)`, each below K.
    """
    pixels = pictures.reshape(-1, 3)
    classes = np.zeros(len(pixels), np.uint8)
    for start in range(0, len(pixels), _PIXELS):
        r, g, b = pixels[start : start + _PIXELS].T.astype(np.float32)
        nearest = np.full(r.shape, np.inf, np.float32)
        for number, (cr, cg, cb) in enumerate(palette.astype(np.float32)):
            # Whole numbers below 2^24, so exact.
            distance = (r - cr) ** 2 + (g - cg) ** 2 + (b - cb) ** 2
            classes[start : start + _PIXELS][distance < nearest] = number
            np.minimum(nearest, distance, out=nearest)
    return classes.reshape(pictures.shape[:3])


def palette_scores(
    translated: np.ndarray, target: np.ndarray, palette: np.ndarray
) -> SegmentationScores:
    """Scores of translated label pictures or maps, each pixel taken for its nearest colour.

    The paper's photo -> labels: no segmenter, the translation is the segmentation.

    Args:
        translated: uint8 `(N, H, W, 3)`.
        target: the same shape.
        palette: uint8 `(K, 3)`, as `recover_palette` gives it.
    """
    predicted, truth = to_classes(translated, palette), to_classes(target, palette)
    return segmentation_scores(predicted, truth, len(palette))


def _chunks(pictures: np.ndarray) -> list[np.ndarray]:
    step = max(1, _PIXELS // max(1, math.prod(pictures.shape[1:3])))
    return [pictures[start : start + step] for start in range(0, len(pictures), step)]


def _histogram(pictures: np.ndarray) -> Tensor:
    """Float64 `(4, bins)`: how many flat pixels each bin holds, and the sums of their channels."""
    x = torch.from_numpy(np.moveaxis(pictures, -1, 1).astype(np.float32))
    highest, lowest = x, -x
    for kernel in _along_each_axis(3, 2):
        padding = [side // 2 for side in kernel]
        highest, lowest = (F.max_pool2d(each, kernel, 1, padding) for each in (highest, lowest))
    flat = (highest + lowest).amax(1) <= _FLAT
    pixels = x.movedim(1, -1)[flat].double()
    bins = (pixels.long() // _BIN) @ torch.tensor([_SIDE**2, _SIDE, 1])
    return torch.stack(
        [
            torch.bincount(bins, weights, minlength=_SIDE**3)
            for weights in (torch.ones(len(pixels)).double(), *pixels.T)
        ]
    )


def _over_cubes(histogram: Tensor, width: int) -> Tensor:
    """`(C, S, S, S)`: for each bin the sum over the cube of `width` bins around it."""
    for kernel in _along_each_axis(width, 3):
        padding = [side // 2 for side in kernel]
        histogram = F.avg_pool3d(histogram, kernel, 1, padding, divisor_override=1)
    return histogram


def _along_each_axis(width: int, axes: int) -> list[list[int]]:
    """The kernels that one after the other do what a cube of that width does, in far less time."""
    return [[width if i == axis else 1 for i in range(axes)] for axis in range(axes)]
