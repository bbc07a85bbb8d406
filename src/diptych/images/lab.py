"""Between sRGB and CIE Lab, under the white D65, as differentiable functions of tensors.

sRGB is IEC 61966-2-1; Lab is CIE 15. The paper colours photos in Lab, from L to a and b, and
compares the colours of its outputs with the real ones there (figure 6).
"""

import torch
from torch import Tensor

# Linear sRGB to XYZ. The white is what the matrix makes of (1, 1, 1), so that grays have a = b = 0.
_TO_XYZ = torch.tensor(
    [
        [0.4124564, 0.3575761, 0.1804375],
        [0.2126729, 0.7151522, 0.0721750],
        [0.0193339, 0.1191920, 0.9503041],
    ],
    dtype=torch.float64,
)
_WHITE = _TO_XYZ.sum(1, keepdim=True)
_TO_RELATIVE = _TO_XYZ / _WHITE
_FROM_RELATIVE = torch.linalg.inv(_TO_RELATIVE)

_DELTA = 6 / 29  # below it CIE's cube root is a straight line
_HALVINGS = 20  # of a chroma of at most some hundreds: to better than 1e-3
_IN_GRAPHS = 15  # to a part of a level, since each of them is many operations
_ROUNDING = 1e-5  # how far float32 puts white outside [0, 1]


def rgb_to_lab(rgb: Tensor) -> Tensor:
    """sRGB `(..., 3, H, W)` in [0, 1] to L in 0..100, a and b (about -86..98 and -108..94)."""
    linear = torch.where(
        rgb > 0.04045, ((rgb.clamp(min=0.04045) + 0.055) / 1.055) ** 2.4, rgb / 12.92
    )
    x, y, z = _mixed(_TO_RELATIVE, linear).unbind(-3)
    fx, fy, fz = _compressed(x), _compressed(y), _compressed(z)
    return torch.stack([116 * fy - 16, 500 * (fx - fy), 200 * (fy - fz)], -3)


def lab_to_rgb(lab: Tensor) -> Tensor:
    """The inverse of `rgb_to_lab`; colours outside sRGB have values outside [0, 1]."""
    lightness, a, b = lab.unbind(-3)
    fy = (lightness + 16) / 116
    relative = torch.stack([_expanded(f) for f in (fy + a / 500, fy, fy - b / 200)], -3)
    linear = _mixed(_FROM_RELATIVE, relative)
    curve = 1.055 * linear.clamp(min=0.0031308) ** (1 / 2.4) - 0.055
    return torch.where(linear > 0.0031308, curve, 12.92 * linear)


@torch.no_grad()
def lab_to_rgb_in_gamut(lab: Tensor) -> Tensor:
    """Lab `(..., 3, H, W)` to sRGB in [0, 1], with L (0..100) and hue as they are.

    Where the colour lies outside sRGB, a and b shrink together, found by bisection, until it fits.
    Clipping the channels instead would change the lightness, which colouring takes from its source.
    """
    pixels = lab.movedim(-3, -1)
    rgb = lab_to_rgb(lab).movedim(-3, -1).clone()
    outside = ~_fits(rgb)
    if torch.compiler.is_exporting():  # a graph does to every pixel what it does to any
        rgb = torch.where(outside[..., None], _shrunk(pixels.flatten(0, -2)).view_as(rgb), rgb)
    elif outside.any():
        rgb[outside] = _shrunk(pixels[outside])
    return rgb.movedim(-1, -3).clamp(0, 1)


def _shrunk(lab: Tensor) -> Tensor:
    """sRGB `(P, 3)` of colours `(P, 3)`, with as much of their chroma as fits."""
    low, high = torch.zeros_like(lab[:, :1]), torch.ones_like(lab[:, :1])
    for _ in range(_IN_GRAPHS if torch.compiler.is_exporting() else _HALVINGS):
        middle = (low + high) / 2
        fits = _fits(_with_chroma(lab, middle)).unsqueeze(1)
        low, high = torch.where(fits, middle, low), torch.where(fits, high, middle)
    return _with_chroma(lab, low)


def _with_chroma(lab: Tensor, share: Tensor) -> Tensor:
    """sRGB `(P, 3)` of the colours `(P, 3)` whose a and b are multiplied by `share` `(P, 1)`."""
    reduced = torch.cat([lab[:, :1], lab[:, 1:] * share], 1)
    return lab_to_rgb(reduced[..., None, None])[..., 0, 0]


def _fits(rgb: Tensor) -> Tensor:
    """Which of the colours `(..., 3)` sRGB can show."""
    return ((rgb >= -_ROUNDING) & (rgb <= 1 + _ROUNDING)).all(-1)


def _mixed(matrix: Tensor, channels: Tensor) -> Tensor:
    return torch.einsum("ij,...jhw->...ihw", matrix.to(channels), channels)


def _compressed(t: Tensor) -> Tensor:
    # This clamp and those above keep the gradient finite where the straight line is in use.
    curve = t.clamp(min=_DELTA**3) ** (1 / 3)
    return torch.where(t > _DELTA**3, curve, t / (3 * _DELTA**2) + 4 / 29)


def _expanded(f: Tensor) -> Tensor:
    return torch.where(f > _DELTA, f**3, 3 * _DELTA**2 * (f - 4 / 29))
