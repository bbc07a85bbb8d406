"""A discriminator's decisions as pictures: heat maps with their scale, and files of them."""

import json
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import fmean

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from diptych.evaluation.evaluate import Row
from diptych.evaluation.patches import Decisions, JudgedPair, PatchJudge, mean_decisions
from diptych.images.sheet import BACKGROUND, INK, as_large, sheet
from diptych.images.writing import save_image
from diptych.whole_file import whole_file

# From what is taken for translated, by what is neither, to what is taken for real: told apart by
# those, too, who do not tell red from green.
TRANSLATED, NEITHER, REAL = (200, 80, 20), (238, 238, 232), (30, 95, 170)
SHARE = 0.6  # of the heat, over the picture in gray
LEAST_WIDTH = 128  # of pictures in a sheet, in pixels
NOTHING = "-"  # of a discriminator that decides nothing yet


def heat(places: np.ndarray) -> np.ndarray:
    """`(H, W, 3)` uint8 of decisions `(H, W)` from 0 to 1."""
    ends = np.array([TRANSLATED, NEITHER, REAL], np.float32)
    channels = [np.interp(places, (0, 0.5, 1), ends[:, i]) for i in range(3)]
    return np.stack(channels, axis=-1).round().astype(np.uint8)


def heat_over(picture: np.ndarray, decisions: Decisions | None) -> np.ndarray:
    """The heat map over a picture `(H, W, 3)` uint8 in gray; that alone where there is none."""
    gray = np.asarray(Image.fromarray(picture).convert("L"))[..., None].repeat(3, axis=-1)
    if decisions is None:
        return gray
    mixed = (1 - SHARE) * gray + SHARE * heat(decisions.places())
    return np.asarray(mixed.round().astype(np.uint8))


def judged_sheet(
    columns: Sequence[tuple[str, np.ndarray]], pairs: Sequence[JudgedPair] | None
) -> Image.Image:
    """Three columns, source, translated and target, as `sheet` takes them, the last two each
    followed by the decisions on it, their mean above; the scale stands below. Of the same size
    where nothing is decided yet.
    """
    source, *sides = columns
    means = mean_decisions(pairs) if pairs else {}
    drawn = [source]
    for (name, pictures), side in zip(sides, ("translated", "target"), strict=True):
        each = [getattr(pair, side) for pair in pairs] if pairs else [None] * len(pictures)
        shown = np.stack([heat_over(*both) for both in zip(pictures, each, strict=True)])
        said = f"{means[side]:.0%}" if means else NOTHING
        drawn += [(name, pictures), (f"taken for real: {said}", shown)]
    return sheet([(name, _legible(shown)) for name, shown in drawn], _scale(bool(pairs)))


def _legible(pictures: np.ndarray) -> np.ndarray:
    """Small ones enlarged by whole pixels, so that there is room for the words above them."""
    times = -(-LEAST_WIDTH // pictures.shape[2])
    return pictures.repeat(times, axis=1).repeat(times, axis=2)


def _scale(decided: bool) -> Image.Image:
    """What the colours mean."""
    low, high = "D of each patch: translated 0 %", "100 % real"
    if not decided:
        low, high = "D has not begun; later: translated 0 %", "100 % real"
    font = ImageFont.load_default(13)
    left, bar, height = round(font.getlength(low)) + 8, 160, 22
    drawn = Image.new("RGB", (left + bar + 8 + round(font.getlength(high)), height), BACKGROUND)
    draw = ImageDraw.Draw(drawn)
    draw.text((0, height // 2), low, INK, font, anchor="lm")
    ramp = heat(np.linspace(0, 1, bar, dtype=np.float32)[None].repeat(12, axis=0))
    drawn.paste(Image.fromarray(ramp), (left, 5))
    draw.text((left + bar + 8, height // 2), high, INK, font, anchor="lm")
    return drawn


class PatchFiles:
    """Writes the decisions on pairs into a folder: a picture each, and a line of numbers."""

    def __init__(self, folder: Path, lines: Path, about: str) -> None:
        self.folder, self.about = folder, about
        self._without = 0  # pairs whose size the discriminator does not take
        self._means: list[tuple[float, float]] = []  # of target and translated
        self._lines = lines.open("w", encoding="utf-8")

    def add(self, row: Row) -> None:
        """Take in one pair, whose decisions the row has."""
        pair = row.judged() if row.judged is not None else None
        if pair is None:
            self._without += 1
            return
        self._means.append((pair.target.mean, pair.translated.mean))
        plain = re.sub(r"[^\w.-]+", "_", row.name)[-80:]
        file = f"{len(self._means):05}_{plain}.png"
        target = row.target[None, ..., :3]
        columns = [
            ("source", as_large(row.source[None], target)),
            ("translated", row.translated[None, ..., :3]),
            ("target", target),
        ]
        save_image(judged_sheet(columns, [pair]), self.folder / file)
        line = {
            "name": row.name,
            "file": file,
            "size": pair.target.size,
            "target": pair.target.numbers(),
            "translated": pair.translated.numbers(),
        }
        self._lines.write(json.dumps(line) + "\n")

    def in_words(self) -> str:
        """As `62 % of the targets, 31 % of the translated pictures, of 106 pairs`."""
        if not self._means:
            return f"none: the sizes of {self._without} are not taken"
        target, translated = (fmean(side) for side in zip(*self._means, strict=True))
        left = f"; {self._without} of other sizes left out" if self._without else ""
        return (
            f"{target:.0%} of the targets, {translated:.0%} of the translated pictures, of "
            f"{len(self._means):,} pairs{left}"
        )

    def close(self) -> None:
        """All lines are written."""
        self._lines.close()


@contextmanager
def patch_files(folder: Path | None, judge: PatchJudge | None) -> Iterator[PatchFiles | None]:
    """In the block pairs are added; then `patches.jsonl` is there, whole, or not at all.

    None without a folder, or without a discriminator.
    """
    if folder is None or judge is None:
        yield None
        return
    with whole_file(folder / "patches.jsonl") as aside:
        files = PatchFiles(folder, aside, judge.about)
        try:
            yield files
        finally:
            files.close()
