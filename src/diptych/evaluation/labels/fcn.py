"""Whether translated pictures show what their labels say, on the dataset at hand.

Labels -> photo: a segmenter, trained once on real training pairs and kept in a file, looks at the
translated photos. Photo -> labels or map: each pixel is taken for its nearest colour. Classes are
found in pictures as large as they are, and then brought to a size by their nearest neighbour:
resized colours blend, and a blend of two passes for a third.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from diptych.data.domains import Domains
from diptych.data.fitting import Fit, Size, array_size, fit_to_look
from diptych.data.pairs import COLOURS, Pair, PairedData, Picture, Progress, evenly_spread
from diptych.data.prepare import centre, prepared
from diptych.errors import DiptychError
from diptych.evaluation.labels.confusion import areas
from diptych.evaluation.labels.palette import recover_palette, to_classes
from diptych.evaluation.labels.segmenter import (
    NO_CLASS,
    SegmentationNet,
    read_segmenter,
    segment,
    train_segmenter,
    write_segmenter,
)
from diptych.evaluation.results import Result, Results
from diptych.images.arrays import resized
from diptych.images.display import colours, displayed
from diptych.images.domain import Domain
from diptych.schema import Recipe

LOOKED_AT = 60  # label pictures that the palette is recovered from
LEARNED_FROM = 1000  # training pairs that the segmenter is trained on
CEILING = "real photos, the ceiling"


@dataclass(frozen=True)
class Labels:
    """The side of pairs that is labels: how its files are read, and the colours of its classes."""

    of: Callable[[Pair], Picture]
    domain: Domain
    palette: np.ndarray

    def classes(self, array: np.ndarray) -> np.ndarray:
        """The classes `(H, W)` in an array of the domain; NO_CLASS where there is none."""
        if self.domain.kind != "labels":
            return np.asarray(to_classes(array[None], self.palette)[0])
        classes: np.ndarray = array[..., 0].astype(np.int16)
        classes[array[..., 0] == self.domain.void] = NO_CLASS
        return classes

    def read(self, pair: Pair, fit: Fit) -> np.ndarray:
        """The classes of a pair, brought to its size as its pictures are."""
        classes = self.classes(self.of(pair).read(self.domain))
        return centre(_brought(classes, fit.of(array_size(classes))), fit.size)


def _brought(classes: np.ndarray, size: Size) -> np.ndarray:
    """Classes `(H, W)` at another size: each the nearest."""
    return np.asarray(resized(classes[..., None], size, _INDICES)[..., 0])


_INDICES = Domain(name="classes", kind="labels", channels=256)


@dataclass(frozen=True)
class LabelJudge:
    """The labels, and where they are the sources a network that segments photos."""

    labels: Labels
    network: SegmentationNet | None

    def __call__(self, batch: Sequence[Result], results: Results) -> dict[str, np.ndarray]:
        """The `areas` that scores come from, of a batch of `results` whose targets have one size.

        Of the translated pictures and, where a network looks, of the real ones, the ceiling; those
        of all batches add up. Raises DiptychError where a label picture is bad.
        """
        target = results.domains[1]
        size = array_size(batch[0].target)
        # Labels of a folder's pairs become as large as its pictures, as the pairs do.
        fit = results.fit or Fit("resize", size)
        truth = np.stack([self.labels.read(results.pairs[one.name], fit) for one in batch])
        if self.network is None:
            seen = [
                one.as_it_came if target.kind == "labels" else displayed(one.as_it_came, target)
                for one in batch
            ]
            found = np.stack([_brought(self.labels.classes(picture), size) for picture in seen])
            return {"translated": self._areas(found, truth)}
        return {
            who: self._areas(segment(self.network, displayed(np.stack(photos), target)), truth)
            for who, photos in (
                (CEILING, [one.target for one in batch]),
                ("translated", [one.translated for one in batch]),
            )
        }

    def _areas(self, classes: np.ndarray, truth: np.ndarray) -> np.ndarray:
        count = len(self.labels.palette)
        compared = (truth != NO_CLASS) & (classes != NO_CLASS)
        if not compared.any():
            return np.zeros((3, count), np.int64)
        return areas(classes[compared][None], truth[compared][None], count)


def label_judge(
    paired: PairedData,
    domains: Domains,
    recipe: Recipe,
    size: Size,
    file: Path,
    *,
    steps: int = 2000,
    on_progress: Progress | None = None,
) -> LabelJudge:
    """The judge for these pairs; classes are those of the domains, or flat colours of pictures.

    The segmenter is read from `file`; where there is none yet it is trained, at `size`, on training
    pairs evenly spread, and written there. Raises DiptychError where there are none, where neither
    side is labels, or the file is of other pairs or classes.
    """
    training = paired.splits["train"]
    if not training:
        raise DiptychError(f"{paired.root}: no training pairs, whose labels it is scored by")
    labels = _labels(training, lambda pair: pair.target, domains[1])
    if labels is not None:
        return LabelJudge(labels, None)
    source = domains[0].parts[0] if domains[0].parts else domains[0]
    labels = _labels(training, lambda pair: pair.source.parts[0], source)
    if labels is None:
        raise DiptychError(
            f"{paired.root}: no labels to score by: neither {paired.domains[0]} nor "
            f"{paired.domains[1]} consists of a few flat colours"
        )
    fingerprint = paired.fingerprint()
    if not file.is_file():
        chosen = evenly_spread(training, LEARNED_FROM)
        fit = fit_to_look(recipe.data, size)
        same = recipe.data.shapes == "same"
        photos = [prepared(pair, domains, fit, same_shape=same)[1] for pair in chosen]
        network = train_segmenter(
            displayed(np.stack(photos), domains[1]),
            np.stack([labels.read(pair, fit) for pair in chosen]),
            len(labels.palette),
            steps=steps,
            on_progress=on_progress,
        )
        write_segmenter(file, network, labels.palette, fingerprint)
    network, header = read_segmenter(file)
    palette = np.array(header.palette, np.uint8)
    if header.fingerprint != fingerprint:
        raise DiptychError(
            f"{file}: a segmenter of other pairs than those in {paired.root}; name another file"
        )
    if labels.domain.kind == "labels" and not np.array_equal(palette, labels.palette):
        raise DiptychError(
            f"{file}: a segmenter of other classes than {labels.domain.name} has; name another file"
        )
    return LabelJudge(Labels(labels.of, labels.domain, palette), network)


def _labels(pairs: Sequence[Pair], of: Callable[[Pair], Picture], domain: Domain) -> Labels | None:
    """What a side is as labels: what its domain says, or flat colours, or None where it is none."""
    if domain.kind == "labels":
        return Labels(of, domain, colours(domain))
    if domain.kind not in {"rgb", "gray"}:
        return None
    looked_at = [of(pair).read(COLOURS) for pair in evenly_spread(pairs, LOOKED_AT)]
    height = min(picture.shape[0] for picture in looked_at)
    width = min(picture.shape[1] for picture in looked_at)
    try:
        palette = recover_palette(np.stack([picture[:height, :width] for picture in looked_at]))
    except DiptychError:
        return None
    return Labels(of, COLOURS, palette)
