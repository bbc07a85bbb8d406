"""Kernel Inception Distance: how far apart two sets of pictures are, pairs or not.

Binkowski et al., "Demystifying MMD GANs", ICLR 2018.
"""

import warnings
from collections.abc import Iterable

import numpy as np
import torch
from torch import nn

from diptych.errors import DiptychError


def kid(
    translated: Iterable[np.ndarray],
    target: Iterable[np.ndarray],
    features: nn.Module,
    subsets: int = 100,
    subset_size: int = 50,
) -> tuple[float, float]:
    """Squared distance of two sets of pictures in the space of `features`; 0 for equal sets.

    The estimate is unbiased, so it may fall a little below 0. The subsets are the same on every
    call, and the caller's random state stays as it was.

    `translated` and `target`: batches of pictures, uint8 ``(N, H, W, C)``; neither the number nor
    the order has to match. `features`, in evaluation mode, takes a batch as it is, uint8
    ``(N, C, H, W)`` in [0, 255] on the network's device, and returns float ``(N, D)``: sizing and
    normalisation are its own affair, as in the Inception network that gives KID its name.

    Returns the mean over so many random `subsets`, and their standard deviation; `subset_size`
    pictures of each set are drawn for one. Raises DiptychError where that is below 2 or above the
    number of pictures.
    """
    # Here, not above: it takes seconds to import, and only KID needs it.
    from torchmetrics.image.kid import KernelInceptionDistance

    with warnings.catch_warnings():
        # It says that the features of all pictures are kept in memory: some kilobytes each.
        warnings.filterwarnings("ignore", "Metric `Kernel Inception Distance`", UserWarning)
        metric = KernelInceptionDistance(features, subsets=subsets, subset_size=subset_size)
    device = next((p.device for p in features.parameters()), torch.device("cpu"))
    counts = {True: 0, False: 0}
    for real, batches in ((False, translated), (True, target)):
        for batch in batches:
            # A copy: torch warns about arrays that it must not write to.
            pictures = torch.from_numpy(np.moveaxis(batch, -1, 1).copy(order="C"))
            metric.update(pictures.to(device), real=real)
            counts[real] += len(batch)
    if not 2 <= subset_size <= min(counts.values()):
        raise DiptychError(
            f"KID: subset_size is {subset_size} and has to lie between 2 and the number of "
            f"pictures, here {counts[False]} translated and {counts[True]} targets"
        )
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(0)
        mean, spread = metric.compute()
    return mean.item(), spread.item()
