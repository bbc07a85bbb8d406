"""Whether translated pictures show what their labels say, on the dataset at hand.

Labels -> photo: a segmenter, trained once on the real training pairs and kept in a file, looks at
the translated photos. Photo -> labels or map: each pixel is taken for its nearest colour.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from diptych.data.fitting import Fit, Size
from diptych.data.pairs import COLOURS, Pair, PairedData, Picture, Progress, evenly_spread
from diptych.data.prepare import refuse_other_shape
from diptych.data.store.decoded import decoded
from diptych.data.store.wanted import Wanted
from diptych.errors import DiptychError
from diptych.evaluation.labels.confusion import SegmentationScores, segmentation_scores
from diptych.evaluation.labels.palette import (
    FLAT_COLOURS,
    palette_scores,
    recover_palette,
    to_classes,
)
from diptych.evaluation.labels.segmenter import (
    SegmentationNet,
    read_segmenter,
    segment,
    train_segmenter,
    write_segmenter,
)

LOOKED_AT = 60  # label pictures that the palette is recovered from
CEILING = "real photos, the ceiling"


@dataclass(frozen=True)
class LabelJudge:
    """A palette, and where the labels are the sources a network that segments photos."""

    palette: np.ndarray
    network: SegmentationNet | None

    def __call__(
        self, pairs: Sequence[Pair], translated: np.ndarray, targets: np.ndarray
    ) -> dict[str, SegmentationScores]:
        """Scores of the translated pictures of `pairs`, and their ceiling.

        `translated` and `targets`: `(N, H, W, 3)` uint8. Raises DiptychError where a label picture
        is bad.
        """
        if self.network is None:
            return {"translated": palette_scores(translated, targets, self.palette)}
        height, width = targets.shape[1:3]
        truth, _ = _labelled(pairs, self.palette, (height, width))
        count = len(self.palette)
        return {
            CEILING: segmentation_scores(segment(self.network, targets), truth, count),
            "translated": segmentation_scores(segment(self.network, translated), truth, count),
        }


def label_judge(
    paired: PairedData,
    size: int,
    file: Path,
    *,
    steps: int = 2000,
    on_progress: Progress | None = None,
) -> LabelJudge:
    """The judge for these pairs, at `size` pixels a side.

    The segmenter is read from `file`; where there is none yet it is trained on the training pairs
    and written there. Raises DiptychError where there are none, where neither side consists of flat
    colours, or the file is of other pairs.
    """
    training = paired.splits["train"]
    if not training:
        raise DiptychError(f"{paired.root}: no training pairs, whose labels it is scored by")
    labels = _palette([pair.target for pair in training])
    if labels is not None:
        return LabelJudge(labels, None)
    labels = _palette([pair.source.parts[0] for pair in training])
    if labels is None:
        raise DiptychError(
            f"{paired.root}: no labels to score by: neither {paired.domains[0]} nor "
            f"{paired.domains[1]} consists of a few flat colours"
        )
    if not file.is_file():
        classes, photos = _labelled(training, labels, (size, size))
        network = train_segmenter(
            photos, classes, len(labels), steps=steps, on_progress=on_progress
        )
        write_segmenter(file, network, labels, paired.fingerprint())
    network, header = read_segmenter(file)
    if header.fingerprint != paired.fingerprint():
        raise DiptychError(
            f"{file}: a segmenter of other pairs than those in {paired.root}; name another file"
        )
    return LabelJudge(np.array(header.palette, np.uint8), network)


def _labelled(
    pairs: Sequence[Pair], palette: np.ndarray, size: Size
) -> tuple[np.ndarray, np.ndarray]:
    """Classes `(N, H, W)` of the sources, the first of several, and the targets beside them."""
    fit = Fit("resize", size)
    labels, photos = decoded(
        [
            Wanted([pair.source.parts[0] for pair in pairs], FLAT_COLOURS, fit),
            Wanted([pair.target for pair in pairs], COLOURS, fit),
        ]
    )
    for pair, label, photo in zip(pairs, labels.own, photos.own, strict=True):
        refuse_other_shape(pair, label, photo)
    return to_classes(labels.array(), palette), photos.array()


def _palette(pictures: Sequence[Picture]) -> np.ndarray | None:
    """The flat colours of pictures at their own size; None where they have none."""
    looked_at = [picture.read() for picture in evenly_spread(pictures, LOOKED_AT)]
    height = min(picture.shape[0] for picture in looked_at)
    width = min(picture.shape[1] for picture in looked_at)
    try:
        return recover_palette(np.stack([picture[:height, :width] for picture in looked_at]))
    except DiptychError:
        return None
