"""What a perceptual study shows: photos and translated pictures that differ in content alone."""

from dataclasses import dataclass

import numpy as np
from PIL import Image

from diptych.data.pairs import Progress
from diptych.errors import DiptychError
from diptych.evaluation.results import Results
from diptych.images.display import displayed
from diptych.images.rgb import to_rgb
from diptych.images.writing import png_of

MOST = 200  # pairs that are translated, evenly spread over the split


@dataclass(frozen=True)
class Trial:
    """A photo and a translated picture side by side: of which pairs, and where the photo is."""

    photo: str
    translated: str
    photo_left: bool


@dataclass(frozen=True)
class Pictures:
    """The pictures of every pair by its name: real and translated, as PNG."""

    real: dict[str, bytes]
    translated: dict[str, bytes]

    def of(self, trial: Trial) -> tuple[bytes, bytes]:
        """The left and the right picture, of equally many bytes."""
        sides = self.real[trial.photo], self.translated[trial.translated]
        longest = max(map(len, sides))
        # What follows a PNG's end is ignored, and would otherwise tell: a blurred one is smaller.
        photo, translated = (side.ljust(longest, b"\0") for side in sides)
        return (photo, translated) if trial.photo_left else (translated, photo)

    def trials(self, count: int, other_pairs: bool, seed: tuple[int, int]) -> list[Trial]:
        """So many trials in an order of their own for each seed, no picture twice.

        With `other_pairs` the photo is never of the pair that the translated picture is of.
        """
        random = np.random.default_rng(seed)
        names = [str(name) for name in random.permutation(list(self.real))[:count]]
        # Moved on by one, each meets another.
        photos = [*names[1:], names[0]] if other_pairs else names
        sides = random.permutation(np.arange(count) % 2 == 0)
        return [
            Trial(photo, name, bool(left))
            for photo, name, left in zip(photos, names, sides, strict=True)
        ]


def check_enough(results: Results, least: int) -> None:
    """Raise DiptychError where a split has too few pairs for so many trials."""
    if len(results.pairs) < least:
        raise DiptychError(
            f"{results.data.root}: {len(results.pairs)} pairs for {least} trials: give --split "
            "all, or lower --trials and --practice"
        )


def make_pictures(
    results: Results, least: int, on_progress: Progress = lambda *_: None
) -> Pictures:
    """The targets and results of a split's pairs, at most `MOST` of them, or `least`."""
    chosen = results.spread(max(MOST, least))
    pictures = Pictures({}, {})
    for one in chosen:
        pictures.real[one.name], pictures.translated[one.name] = (
            _png(displayed(values, results.domains[1])) for values in (one.target, one.translated)
        )
        on_progress(len(pictures.real), len(chosen.pairs))
    return pictures


def _png(picture: np.ndarray) -> bytes:
    return png_of(np.asarray(to_rgb(Image.fromarray(picture))))
