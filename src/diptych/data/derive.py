"""Sources made from their targets on the fly: what a task asks a model to undo.

A batch of photos goes in as the targets; out comes what the model will be given. All draws come
from the random generator that is handed over, so that a step, or a picture, can be made again.
"""

import io
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image, ImageFilter

from diptych.errors import DiptychError
from diptych.images.domain import Kind
from diptych.images.encoding import to_pictures
from diptych.images.lab import lab_to_rgb, rgb_to_lab
from diptych.images.opening import picture_of
from diptych.images.rgb import resize
from diptych.schema import Derive

Random = np.random.Generator


def degrade(photo: np.ndarray, settings: Derive, random: Random) -> np.ndarray:
    """Blur, make smaller, add noise and compress, each within the recipe's range."""
    image = Image.fromarray(photo)
    blur = random.uniform(*settings.blur)
    if blur:
        image = image.filter(ImageFilter.GaussianBlur(blur))
    image = resize(image, (image.width // settings.scale, image.height // settings.scale))
    sigma = random.uniform(*settings.noise)
    if sigma:
        noisy = np.asarray(image) + random.normal(0, sigma, (image.height, image.width, 3))
        image = Image.fromarray(noisy.round().clip(0, 255).astype(np.uint8))
    quality = round(random.uniform(*settings.jpeg))
    if quality < 100:
        compressed = io.BytesIO()
        image.save(compressed, "JPEG", quality=quality)
        image = picture_of(compressed.getvalue())
    return np.asarray(image)


def lightness(photo: np.ndarray, settings: Derive, random: Random) -> np.ndarray:  # noqa: ARG001
    """The gray picture of the same lightness L (in Lab)."""
    lab = rgb_to_lab(torch.from_numpy(photo.copy()).movedim(-1, 0)[None].float() / 255)
    gray = lab_to_rgb(lab * torch.tensor([1.0, 0.0, 0.0]).view(3, 1, 1))
    pictures = to_pictures(gray * 2 - 1)
    return np.asarray(pictures[0])


def holes(photo: np.ndarray, settings: Derive, random: Random) -> np.ndarray:
    """The photo with a transparent rectangle: RGBA, its share of the area within the range."""
    height, width = photo.shape[:2]
    area = random.uniform(*settings.holes)
    stretch = random.uniform(max(0.5, area), min(2.0, 1 / area))  # so that it fits inside
    tall = max(1, round(height * (area * stretch) ** 0.5))
    wide = max(1, round(width * (area / stretch) ** 0.5))
    top, left = random.integers(height - tall + 1), random.integers(width - wide + 1)
    alpha = np.full((height, width, 1), 255, np.uint8)
    alpha[top : top + tall, left : left + wide] = 0
    return np.concatenate([photo * (alpha > 0), alpha], axis=2)


def edges(photo: np.ndarray, settings: Derive, random: Random) -> np.ndarray:  # noqa: ARG001
    """Thin black outlines on white, by Canny's detector (scikit-image's)."""
    try:
        from scipy import ndimage  # type: ignore[import-untyped]
        from skimage.feature import canny
    except ImportError:
        raise DiptychError(
            "the task sketch finds edges with scikit-image: pip install 'diptych[sketch]'"
        ) from None
    gray = np.asarray(Image.fromarray(photo).convert("L")) / 255
    # By the picture's own contrast, so that dim photos have outlines too.
    outlines = canny(  # type: ignore[no-untyped-call]
        gray, settings.edge_blur, 0.8, 0.9, use_quantiles=True
    )
    if (np.diff(gray) == 0).mean() > 0.5:  # so flat that it finds contrast in errors of rounding
        seen = 2 * round(4 * settings.edge_blur) + 3  # pixels that a place's contrast comes from
        outlines &= ndimage.maximum_filter(gray, seen) > ndimage.minimum_filter(gray, seen)
    return np.repeat(np.where(outlines, 0, 255).astype(np.uint8)[..., None], 3, axis=2)


@dataclass(frozen=True)
class Derivation:
    """How a source comes from its target, what the two are called, and how they are encoded."""

    make: Callable[[np.ndarray, Derive, Random], np.ndarray]
    domains: tuple[str, str]
    source: Kind = "rgb"
    target: Kind = "rgb"


DERIVATIONS: dict[str, Derivation] = {
    "degrade": Derivation(degrade, ("degraded", "clean")),
    "lightness": Derivation(lightness, ("black and white", "colour"), "lightness", "chroma"),
    "holes": Derivation(holes, ("with a hole", "whole"), "rgba"),
    "edges": Derivation(edges, ("drawing", "photo")),
}


def derive(photos: np.ndarray, settings: Derive, random: Random) -> np.ndarray:
    """Sources `(N, H / scale, W / scale, 3 or 4)` uint8 of photos `(N, H, W, 3)` uint8."""
    make = DERIVATIONS[settings.kind].make
    return np.stack([make(photo, settings, random) for photo in photos])
