"""The colours that one would name a picture by: its largest, a plain background left out."""

import numpy as np
import torch
from PIL import Image

from diptych.images.lab import rgb_to_lab

SIDE = 64  # pixels, to which a picture is reduced
APART = 12.0  # distance in Lab from which colours are two
PLAIN = 0.6  # share of the border from which one colour is a background
CERTAIN = 0.85  # and from which there is nothing else: things that stand alone, no scenes
LEAST = 0.05  # share of the picture that has to be left beside it


def main_colours(picture: np.ndarray, count: int = 2) -> list[str]:
    """Up to `count` colours of a picture `(H, W, 3)` uint8 as `#rrggbb`, the largest first."""
    image = Image.fromarray(picture)
    image.thumbnail((SIDE, SIDE), Image.Resampling.BOX)
    pixels = _without_background(np.asarray(image))
    few = Image.fromarray(pixels[None]).quantize(8, Image.Quantize.MEDIANCUT, kmeans=3)
    palette = np.array(few.getpalette(), np.uint8).reshape(-1, 3)
    sizes = np.bincount(np.asarray(few).ravel(), minlength=len(palette))
    chosen: list[np.ndarray] = []
    for place in np.argsort(-sizes, kind="stable"):
        colour = palette[place]
        if sizes[place] and all(_distance(colour, other) >= APART for other in chosen):
            chosen.append(colour)
    return [f"#{colour.tobytes().hex()}" for colour in chosen[:count]]


def on_plain_ground(picture: np.ndarray) -> bool:
    """Whether a picture `(H, W, 3)` uint8 shows something before one plain colour."""
    image = Image.fromarray(picture)
    image.thumbnail((SIDE, SIDE), Image.Resampling.BOX)
    return _border(np.asarray(image))[1] >= CERTAIN


def lab_of(colours: np.ndarray) -> np.ndarray:
    """`(N, 3)` uint8 as Lab, float."""
    fractions = torch.from_numpy(colours.astype(np.float32) / 255)
    return rgb_to_lab(fractions.T[None, :, :, None])[0, :, :, 0].T.numpy()


def _without_background(picture: np.ndarray) -> np.ndarray:
    """The pixels `(N, 3)` that differ from a border of one colour, or all."""
    middle, share = _border(picture)
    pixels = picture.reshape(-1, 3)
    if share >= PLAIN:
        others = pixels[_distance(pixels, middle) >= APART]
        if len(others) >= LEAST * len(pixels):
            return others
    return pixels


def _border(picture: np.ndarray) -> tuple[np.ndarray, float]:
    """The colour in the middle of those on the border, and the share of it that has that."""
    border = np.concatenate([picture[0], picture[-1], picture[:, 0], picture[:, -1]])
    middle = np.median(border, axis=0).astype(np.uint8)
    return middle, float((_distance(border, middle) < APART).mean())


def _distance(colours: np.ndarray, other: np.ndarray) -> np.ndarray:
    lab = lab_of(np.concatenate([colours.reshape(-1, 3), other.reshape(1, 3)]))
    apart: np.ndarray = np.linalg.norm(lab[:-1] - lab[-1], axis=1)
    return apart
