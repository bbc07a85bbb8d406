"""The precision that a network computes pictures in, chosen by what it does to them."""

from collections.abc import Callable

import numpy as np
import torch

from diptych.errors import DiptychError
from diptych.fast.processor import has_bf16
from diptych.images.domain import Domain

PRECISIONS = ("auto", "fp32", "bf16")
# In levels of 255, of 8-bit results. Trained U-Nets differ by 0.1 to 0.25 on average, 54 to 58 dB.
MOST_MEAN, MOST_ROOT = 1.0, 2.55  # the mean difference; its root mean square, 40 dB
LOOKED_AT = 512  # of the first picture, so many rows and columns at the most


def check_precision(precision: str, target: Domain) -> None:
    """Raise DiptychError where there is none of that name, or results must be exact."""
    if precision not in PRECISIONS:
        raise DiptychError(f"--precision {precision!r}: one of {', '.join(PRECISIONS)}")
    if precision == "bf16" and not target.is_picture:
        raise DiptychError("--precision bf16: only for pictures of 8 bits; this model gives others")


def may_be_bf16(target: Domain, device: torch.device) -> bool:
    """Whether it is worth trying: for pictures, where the device computes bfloat16 itself."""
    return target.is_picture and device.type in {"cpu", "cuda"} and has_bf16(device.type)


def difference(
    exact: Callable[[np.ndarray], np.ndarray],
    quick: Callable[[np.ndarray], np.ndarray],
    pictures: np.ndarray,
) -> tuple[float, bool]:
    """The mean difference of two ways in levels, and whether it is little.

    Of the first of `pictures` `(N, H, W, C)`, its top left; `quick` has the next one beside it,
    since of several it may compute otherwise.
    """
    samples = pictures[:2, :LOOKED_AT, :LOOKED_AT]
    apart = exact(samples[:1]).astype(np.float32) - quick(samples)[:1]
    mean, root = np.abs(apart).mean(), np.sqrt(np.square(apart).mean())
    return float(mean), bool(mean < MOST_MEAN and root < MOST_ROOT)
