"""How well translated pictures match the colours of their targets, as a set.

The paper's comparison of colour distributions (figure 6): marginal histograms of L, a and b in Lab,
and the intersection of each with the targets'.
"""

import numpy as np
import torch

from diptych.images.lab import rgb_to_lab

CHANNELS = ("L", "a", "b")
LOWEST = (0, -128, -128)  # the value that the first bin of each channel stands for
BINS = (101, 256, 256)

_PIXELS = 2**20  # converted at once: what bounds the memory


def lab_histograms(pictures: np.ndarray) -> dict[str, np.ndarray]:
    """The share of pixels at each value of L, a and b, over all pictures together.

    Bins are one unit wide and centred on whole numbers, from `LOWEST` on: 0..100 for L, -128..127
    for a and b. So a gray, which 8 bits put next to a = b = 0, falls into one bin and not on an
    edge. `pictures`: uint8 `(N, H, W, 3)`, at least one pixel. Returns for each of `CHANNELS`
    float64 `(bins,)` with the sum 1.
    """
    colours = pictures.reshape(-1, 3)
    counts = [np.zeros(bins, np.int64) for bins in BINS]
    for start in range(0, len(colours), _PIXELS):
        rgb = torch.from_numpy(colours[start : start + _PIXELS] / np.float32(255))
        lab = rgb_to_lab(rgb.T[..., None])[..., 0].round().long().numpy()
        for i, values in enumerate(lab):
            counts[i] += np.bincount(values - LOWEST[i], minlength=BINS[i])
    return {name: count / count.sum() for name, count in zip(CHANNELS, counts, strict=True)}


def histogram_intersections(translated: np.ndarray, target: np.ndarray) -> dict[str, float]:
    """Overlap of the Lab histograms of two sets of pictures: 1 when equal, 0 when disjoint.

    Both uint8 `(N, H, W, 3)`; neither the number nor the size has to match. Returns for each of
    `CHANNELS` the sum over bins of the smaller share.
    """
    ours, theirs = lab_histograms(translated), lab_histograms(target)
    return {name: float(np.minimum(ours[name], theirs[name]).sum()) for name in CHANNELS}
