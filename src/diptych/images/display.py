"""Arrays of any domain as pictures that a person can look at, and as scores see them."""

import colorsys

import numpy as np

from diptych.images.domain import Domain, apart


def displayed(values: np.ndarray, domain: Domain) -> np.ndarray:
    """`(..., H, W, C)`, arrays of the domain, as `(..., H, W, 3)` uint8; RGBA stays.

    Values: their range from black to white, the first channel as gray, or the first three as red,
    green and blue. Labels: the colours of their palette. Black where there is no data. Of several
    sources the first.
    """
    if domain.parts:
        return displayed(apart(values, domain)[0], domain.parts[0])
    if domain.kind == "labels":
        shown = np.zeros((256, 3), np.uint8)
        shown[: domain.channels] = colours(domain)
        if domain.void is not None:
            shown[int(domain.void)] = 0
        return np.asarray(shown[values[..., 0]])
    if domain.kind == "gray":
        return np.asarray(values.repeat(3, axis=-1))
    if domain.kind != "values":
        return values
    low, high = np.array(domain.range, np.float32).T
    valid = np.isfinite(values)
    if domain.void is not None:
        valid &= values != domain.void
    with np.errstate(invalid="ignore"):
        levels = (values.astype(np.float32) - low) / (high - low) * 255
    levels = np.where(valid, levels, 0).round().clip(0, 255).astype(np.uint8)
    return levels[..., :3] if domain.channels >= 3 else levels[..., :1].repeat(3, axis=-1)


def colours(domain: Domain) -> np.ndarray:
    """`(classes, 3)` uint8: the palette of labels, or colours well apart where they have none."""
    if domain.palette:
        return np.array([list(bytes.fromhex(colour[1:])) for colour in domain.palette], np.uint8)
    # The golden ratio spreads any number of hues.
    spread = [
        colorsys.hsv_to_rgb(i * 0.618034 % 1, 0.65 if i % 2 else 0.9, 0.95 if i % 3 else 0.7)
        for i in range(domain.channels)
    ]
    return (np.array(spread) * 255).round().astype(np.uint8)
