"""The FCN-style score of a set, added up batch by batch."""

from pathlib import Path

import numpy as np

from diptych.data.fitting import Size, array_size
from diptych.errors import DiptychError
from diptych.evaluation.labels.confusion import SegmentationScores, scores_of
from diptych.evaluation.labels.fcn import LabelJudge, label_judge
from diptych.evaluation.results import Result, Results


class Segmented:
    """Adds up what a judge finds in `results`.

    `segmenter`: a judge, or the file of one, which is read, or trained and written, with the first
    batch, at the size of its pairs.
    """

    def __init__(self, segmenter: Path | LabelJudge, results: Results) -> None:
        self._segmenter, self._results = segmenter, results
        self._size: Size | None = None
        self._sums: dict[str, np.ndarray] = {}

    def add(self, batch: list[Result]) -> None:
        """Raises DiptychError where pairs differ in size, and as `label_judge`."""
        size, results = array_size(batch[0].target), self._results
        if self._size not in {None, size}:
            raise DiptychError("--segmenter: needs pairs at one size: leave --size native out")
        self._size = size
        if isinstance(self._segmenter, Path):
            self._segmenter = label_judge(
                results.data, results.domains, results.recipe, size, self._segmenter
            )
        for who, areas in self._segmenter(batch, results).items():
            self._sums[who] = self._sums.get(who, 0) + areas

    def scores(self) -> dict[str, SegmentationScores]:
        """Of real photos, the ceiling, and of the translated."""
        return {who: scores_of(areas) for who, areas in self._sums.items()}
