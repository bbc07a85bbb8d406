"""What is wrong with translated pictures as a whole, by figures beside those of the targets."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from diptych.doctor.alignment_rules import register_of
from diptych.doctor.shift import find_shift

FEWEST = 4  # pictures; of fewer nothing is said
LEVELS = 255


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong: what was seen, with its figures, and what can be done.

    A grave one means that going on is of no use.
    """

    name: str
    words: str
    grave: bool = False


def picture_faults(
    sources: np.ndarray, translated: np.ndarray, targets: np.ndarray
) -> Iterator[Finding]:
    """Of pictures `(N, H, W, 3)` uint8 as a person sees them, sources of any size."""
    if len(translated) < FEWEST:
        return
    ours, theirs = (pictures.astype(np.float32) for pictures in (translated, targets))
    apart, apart_targets = (float(pictures.std(axis=0).mean()) for pictures in (ours, theirs))
    if apart < 2 and apart_targets > 10:
        yield Finding(
            "constant",
            f"results are all the same, whatever the source ({apart:.1f} levels apart, targets "
            f"{apart_targets:.0f}): lower train.learning_rate, or raise loss.l1",
            grave=True,
        )
    ends, ends_targets = (_at_the_ends(pictures) for pictures in (translated, targets))
    if ends > 0.9 and ends_targets < 0.6:
        dark = (translated < LEVELS // 2).mean() > 0.5
        yield Finding(
            "saturated",
            f"results are {'black' if dark else 'white or of pure colours'}: {ends:.0%} of their "
            f"values lie at an end of the range, {ends_targets:.0%} of the targets': lower "
            "train.learning_rate",
            grave=True,
        )
    if sources.shape == translated.shape:
        kept, asked = (float(np.abs(pictures - sources).mean()) for pictures in (ours, theirs))
        if asked > 10 and kept < 0.2 * asked:
            yield Finding(
                "copies",
                f"results are their sources ({kept:.1f} levels from them, targets {asked:.0f}): "
                "look whether source and target are the right sides (data.direction), and whether "
                "pairs belong together (data check)",
            )
    chroma, chroma_targets = (_chroma(pictures) for pictures in (ours, theirs))
    if chroma_targets > 8 and chroma < 0.15 * chroma_targets:
        yield Finding(
            "gray",
            f"results have hardly any colour ({chroma:.1f} levels, targets {chroma_targets:.0f}): "
            "sources do not say it; generator.look = told has the generator told",
        )
    grid, grid_targets = (grid_energy(pictures) for pictures in (ours, theirs))
    if grid > 4.5 and grid > 3 * grid_targets:
        yield Finding(
            "checkerboard",
            f"results show a grid of pixels ({grid:.1f} times what lies beside it in their "
            f"spectrum, targets {grid_targets:.1f}): with a U-Net take generator.name = resunet, "
            "else raise loss.l1 or begin the discriminator later (loss.adversarial_from)",
        )


def pair_faults(sources: np.ndarray, targets: np.ndarray) -> Iterator[Finding]:
    """Of pairs `(N, H, W, 3)` uint8, by the doctor's measure of how they lie on each other."""
    shifts = [find_shift(*pair) for pair in zip(sources, targets, strict=True)]
    register = register_of(dict(enumerate(shifts)))
    fault = register.in_words("the source", "the target") if register is not None else None
    if fault is not None:
        message, advice = fault
        yield Finding("misaligned", f"pairs look misaligned: {message}: {advice} (data check)")


def grid_energy(pictures: np.ndarray) -> float:
    """How much stronger patterns of period 2 and 4 are than those near them, on average.

    Upsampling by strides leaves such (Odena et al. 2016); 1 where there is none. Of `(N, H, W, 3)`.
    """
    height, width = (side // 4 * 4 for side in pictures.shape[1:3])
    if min(height, width) < 32:
        return 1.0
    gray = pictures[:, :height, :width].mean(axis=3)
    window = np.hanning(height)[:, None] * np.hanning(width)
    spectrum = np.abs(np.fft.fft2((gray - gray.mean(axis=(1, 2), keepdims=True)) * window)) ** 2
    power = spectrum.mean(axis=0)
    ratios = []
    for period in (2, 4):
        for down, across in ((1, 0), (0, 1), (1, 1)):
            place = down * height // period, across * width // period
            rows = (place[0] + np.arange(-6, 7)) % height
            columns = (place[1] + np.arange(-6, 7)) % width
            near = power[np.ix_(rows, columns)]
            peak = near[5:8, 5:8].max()  # the window spreads it by a place
            near[5:8, 5:8] = np.nan
            # Along the axes lies what straight edges leave: not to be taken for what is near.
            ratios.append(peak / max(float(np.nanquantile(near, 0.9)), 1e-9))
    return float(np.mean(ratios))


def _at_the_ends(pictures: np.ndarray) -> float:
    return float(((pictures <= 2) | (pictures >= LEVELS - 2)).mean())


def _chroma(pictures: np.ndarray) -> float:
    """How far channels lie from their mean, in levels."""
    return float(np.abs(pictures - pictures.mean(axis=3, keepdims=True)).mean())
