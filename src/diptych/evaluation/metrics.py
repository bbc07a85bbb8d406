"""Distances between pictures, pixel by pixel and window by window.

Every function takes two batches ``(N, C, H, W)`` of one shape, float in [0, 1], and returns
``(N,)`` in float64: SSIM subtracts nearly equal numbers, which float32 does not survive.
"""

from dataclasses import dataclass
from typing import Self

from torch import Tensor

# Identical pictures would score infinity, and so would the mean of any set that holds one pair of
# them. 100 dB is beyond what 8 bits can show: one value of a 256x256 photo off by one level.
PSNR_CAP = 100.0

SSIM_WINDOW = 7


def l1(x: Tensor, y: Tensor) -> Tensor:
    """Mean absolute difference, in [0, 1]; lower is better."""
    return (x.double() - y.double()).abs().mean((1, 2, 3))


def psnr(x: Tensor, y: Tensor) -> Tensor:
    """Peak signal-to-noise ratio in dB for a data range of 1, at most ``PSNR_CAP``."""
    error = (x.double() - y.double()).square().mean((1, 2, 3))
    return (-10 * error.log10()).clamp(max=PSNR_CAP)


def psnr_y(x: Tensor, y: Tensor, border: int) -> Tensor:
    """PSNR of brightness (Y of ITU-R BT.601, its offset and range of 219), `border` pixels off.

    What papers on super-resolution print, with the border as wide as the scale. A picture too small
    to lose its border keeps it.
    """
    if min(x.shape[2:]) > 2 * border:
        x, y = (z[..., border:-border, border:-border] for z in (x, y))
    weights = x.new_tensor([65.481, 128.553, 24.966]).view(3, 1, 1) / 255
    return psnr(*((z * weights).sum(1, keepdim=True) for z in (x, y)))


@dataclass(frozen=True)
class Windows:
    """Pictures `(N, C, H, W)`, and the mean and variance of each window of theirs in float64."""

    pictures: Tensor
    mean: Tensor
    variance: Tensor

    @classmethod
    def of(cls, pictures: Tensor) -> Self:
        """Of float64, or of whole levels up to 255 in float32, whose sums are exact."""
        window, sample = _window(pictures)
        mean = _box(pictures, window)
        spread = _box(pictures.square(), window) - mean.square()
        return cls(pictures, mean, sample * spread)

    def __getitem__(self, chosen: list[int]) -> "Windows":
        return Windows(self.pictures[chosen], self.mean[chosen], self.variance[chosen])


def ssim(x: Tensor, y: Tensor) -> Tensor:
    """Structural similarity, at most 1; higher is better.

    Wang et al., "Image Quality Assessment: From Error Visibility to Structural Similarity", 2004,
    with the choices of scikit-image's ``structural_similarity``: a uniform 7x7 window that stays
    inside the picture, sample covariance, the mean over channels. A picture below 7 pixels on a
    side is scored with the largest odd window that fits; one of a single row or column has no
    window with a variance, so only its brightness counts.
    """
    return ssim_of(Windows.of(x.double()), Windows.of(y.double()))


def ssim_of(x: Windows, y: Windows, highest: float = 1.0) -> Tensor:
    """As `ssim`, of what was found before of pictures from 0 to `highest`."""
    window, sample = _window(x.pictures)
    c1, c2 = (0.01 * highest) ** 2, (0.03 * highest) ** 2
    both = x.mean * y.mean
    covariance = _box(x.pictures * y.pictures, window).sub_(both).mul_(sample)
    alike = both.mul_(2).add_(c1) * covariance.mul_(2).add_(c2)
    most = (x.mean.square() + y.mean.square()).add_(c1).mul_(x.variance + y.variance + c2)
    similarity: Tensor = alike.div_(most)
    return similarity.mean((1, 2, 3))


def _window(x: Tensor) -> tuple[int, float]:
    """The side of the windows, and what makes their variance that of a sample."""
    window = min(SSIM_WINDOW, *x.shape[2:])
    window -= 1 - window % 2
    return window, window**2 / max(window**2 - 1, 1)


def _box(x: Tensor, window: int) -> Tensor:
    """Mean over every window that fits, in float64."""
    return _sums(_sums(x, 2, window), 3, window).double() / window**2


def _sums(x: Tensor, axis: int, window: int) -> Tensor:
    """Of every `window` places in a row: put together from sums of one, two and four."""
    fitting, parts = x.shape[axis] - window + 1, []
    start, width = 0, 1
    while width <= window:
        if window & width:
            parts.append(x.narrow(axis, start, fitting))
            start += width
        if 2 * width <= window:
            reaching = x.shape[axis] - width
            x = x.narrow(axis, 0, reaching) + x.narrow(axis, width, reaching)
        width *= 2
    return sum(parts[1:], parts[0])
