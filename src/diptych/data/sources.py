"""Where pairs come from: a folder, a table, shards, a dataset of `datasets`, or any examples."""

from collections.abc import Iterable
from pathlib import Path

from diptych.data.examples import Example, keep
from diptych.data.hub_datasets import hub_dataset
from diptych.data.pairs import Progress
from diptych.data.shards import find_shards
from diptych.datasets.hub_client import PREFIX

Source = str | Path | Iterable[Example]


def at_hand(data: Source, on_progress: Progress | None = None) -> Path:
    """The folder or table of the pairs; those that come from elsewhere are kept first.

    `data`: a folder of pairs or a table of them, which are taken as they are; shards, as
    `find_shards` takes them; `hf://NAME`, as `hub_dataset`; or examples, as `keep`, which calls
    `on_progress`. Raises DiptychError where they cannot be had.
    """
    if not isinstance(data, str | Path):
        return keep(data, on_progress)
    if str(data).startswith(PREFIX):
        return keep(hub_dataset(str(data)), on_progress)
    shards = find_shards(str(data))
    return Path(data) if shards is None else keep(shards, on_progress)
