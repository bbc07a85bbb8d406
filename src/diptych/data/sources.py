"""Where pairs come from: a folder, a table, shards, a dataset of `datasets`, or any examples."""

from collections.abc import Iterable
from pathlib import Path

from diptych.data.examples import Example, ExampleSource, InOnePart
from diptych.data.hub_datasets import hub_dataset
from diptych.data.kept.keeping import keep
from diptych.data.pairs import Progress
from diptych.data.shards import find_shards
from diptych.datasets.hub_client import PREFIX
from diptych.errors import DiptychError

Source = str | Path | Iterable[Example]


def at_hand(data: Source, on_progress: Progress | None = None) -> Path:
    """The folder or table of the pairs; those that come from elsewhere are kept first.

    `data`: a folder of pairs or a table of them, which are taken as they are; shards, as
    `find_shards` takes them; `hf://NAME`, as `hub_dataset`; or examples, as `keep`, which calls
    `on_progress`. Raises DiptychError where they cannot be had.
    """
    source = source_of(data)
    return source if isinstance(source, Path) else keep(source, on_progress)


def source_of(data: Source) -> Path | ExampleSource:
    """The folder or table, which is taken as it is, or the source that is kept first."""
    if not isinstance(data, str | Path):
        return InOnePart(data)
    if str(data).startswith(PREFIX):
        return hub_dataset(str(data))
    if "://" in str(data):
        raise DiptychError(
            f"{data}: pairs are read from folders, tables, shards or hf://NAME; other places are "
            "read by evaluate --ray"
        )
    return find_shards(str(data)) or Path(data)
