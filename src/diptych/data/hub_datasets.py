"""Datasets of the `datasets` library: `hf://NAME` on the hub, or `hf://PATH` on this machine.

Options follow as in an address: `?config=NAME&revision=NAME&stream=1&rows=1000`. Columns of
pictures are the domains, their files taken as they are stored; other columns are left aside.
"""

import importlib
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

from diptych.data.examples import NO_DOMAINS, Example, ExampleSource
from diptych.data.folder_words import split_named
from diptych.datasets.hub_client import PREFIX, quietly
from diptych.errors import DiptychError, optional, reason_of
from diptych.images.files import find_files
from diptych.schema import SPLITS

_OPTIONS = {"config": r".+", "revision": r".+", "stream": r"[01]", "rows": r"0*[1-9]\d*"}
HOLD_PICTURES = {".parquet", ".arrow"}
ROWS = 10_000  # of a part, where files do not say which
_TIMEOUT = 10  # seconds that the hub gets for its first answer


@dataclass(frozen=True)
class HubDataset(ExampleSource):
    """A dataset by its name on the hub, or its path; its splits are parted as its files are."""

    name: str
    config: str = ""
    revision: str = ""
    stream: bool = False  # nothing is downloaded but what is given
    rows: int = 0  # at most so many of each split; 0: all

    @property
    def location(self) -> str:
        """As it was asked for, without the options."""
        return f"{PREFIX}{self.name}"

    @property
    def identity(self) -> str:
        """On this machine it changes when a file does; on the hub, only by what is asked for.

        So a run goes on with the pairs that it began with, and without the hub.
        """
        asked = f"{self.name} {self.config} {self.revision} {self.rows}"
        path = Path(self.name)
        if not path.exists():
            return f"hub {asked}"
        files = [path] if path.is_file() else find_files(path)
        status = [(str(file), file.stat().st_size, file.stat().st_mtime_ns) for file in files]
        return f"datasets {path.resolve()} {asked} {status}"

    def version(self) -> str:
        """The commit that the hub has by now; empty of what lies here, or where it is not asked."""
        _datasets()  # without it there is nothing to ask for
        return "" if Path(self.name).exists() else self._look_on_hub()

    def size(self) -> int:
        """Bytes of files here that hold pictures, where all of them are taken."""
        path = Path(self.name)
        if self.rows or not path.exists():
            return 0
        files = [path] if path.is_file() else find_files(path)
        return sum(file.stat().st_size for file in files if file.suffix in HOLD_PICTURES)

    def parts(self, version: str) -> list["_Rows"]:
        """One a file of each split; of what is no stream, one for so many thousand rows."""
        with self.said():
            return [
                _Rows(self, split, part)
                for split, rows in self._splits(version)
                for part in self._parted(rows)
            ]

    def _parted(self, rows: Any) -> Iterator[Any]:
        streamed = not hasattr(rows, "select")
        if self.rows and streamed:
            yield rows.take(self.rows)
            return
        if self.rows:
            rows = rows.select(range(min(self.rows, len(rows))))
        count = rows.num_shards if streamed else -(-len(rows) // ROWS) or 1
        for number in range(count):
            yield (
                rows.shard(count, number)
                if streamed
                else rows.shard(count, number, contiguous=True)
            )

    @contextmanager
    def said(self, more: str = "") -> Iterator[None]:
        """Whatever goes wrong within is an error of the dataset, and nothing else is said."""
        try:
            with quietly():
                yield
        except DiptychError:
            raise
        except Exception as error:  # of many types, as it reads many formats from many places
            raise DiptychError(f"{self.location}: {reason_of(error)}{more}") from error

    def _splits(self, version: str) -> Iterator[tuple[str, Any]]:
        """The splits that are train, val or test, their columns of pictures alone, undecoded."""
        image = _datasets().Image
        loaded = self._load(version)
        rows_of = dict(loaded) if isinstance(loaded, Mapping) else {"train": loaded}
        if len(rows_of) == 1 and not any(map(split_named, rows_of)):
            rows_of = {"train": next(iter(rows_of.values()))}
        split_of = {name: split for name in rows_of if (split := split_named(name))}
        if not split_of:
            raise DiptychError(
                f"{self.location}: splits {', '.join(rows_of)}: none of {', '.join(SPLITS)}"
            )
        for name, split in split_of.items():
            rows = rows_of[name]
            features = rows.features or {}
            columns = [
                column
                for column, kind in features.items()
                if isinstance(kind, image) and column not in NO_DOMAINS
            ]
            if not columns:
                has = ", ".join(features) or "none"
                raise DiptychError(f"{self.location}: no column of pictures; it has {has}")
            rows = rows.select_columns(columns)
            for column in columns:
                rows = rows.cast_column(column, image(decode=False))
            yield split, rows

    def _load(self, version: str) -> Any:
        datasets, path = _datasets(), Path(self.name)
        if (path / "dataset_dict.json").is_file() or (path / "state.json").is_file():
            return datasets.load_from_disk(self.name)
        # What lies here already is read in place, and not copied into the library's cache first.
        if path.is_file():
            return datasets.load_dataset("parquet", data_files=self.name, streaming=True)
        config = self.config or None
        if path.is_dir():
            return datasets.load_dataset(str(path.resolve()), config, streaming=True)
        revision = version or self.revision or None
        return datasets.load_dataset(self.name, config, revision=revision, streaming=self.stream)

    def _look_on_hub(self) -> str:
        """Its commit there; raises DiptychError at once where it has none, or cannot be reached."""
        hub = importlib.import_module("huggingface_hub")
        if hub.constants.HF_HUB_OFFLINE:
            return ""
        try:
            revision = self.revision or None
            about = hub.HfApi().dataset_info(self.name, revision=revision, timeout=_TIMEOUT)
            return str(about.sha or "")
        except hub.errors.RevisionNotFoundError as error:
            raise DiptychError(f"{self.location}: has no revision {self.revision!r}") from error
        except hub.errors.RepositoryNotFoundError as error:
            raise DiptychError(
                f"{self.location}: no such dataset on the hub, or one that needs `hf auth login`; "
                "and no such path here"
            ) from error
        except Exception as error:
            raise DiptychError(
                f"{self.location}: the hub cannot be reached: {reason_of(error)}"
            ) from error

    def stored(self, cell: Any) -> bytes | Path | None:
        """The file in a cell, or the one that it names."""
        if cell is None or cell["bytes"] is not None or not cell["path"]:
            return bytes(cell["bytes"]) if cell and cell["bytes"] else None
        path = cell["path"]
        if Path(self.name).exists():
            return Path(path)
        # What comes from the hub may name its own files, and no others of this machine.
        if path.startswith(f"{PREFIX}datasets/{self.name}@") and "::" not in path:
            with importlib.import_module("fsspec").open(path, "rb") as file:
                return bytes(file.read())
        if Path(path).resolve().is_relative_to(Path(_datasets().config.HF_CACHE_HOME).resolve()):
            return Path(path).read_bytes()
        raise DiptychError(f"{self.location}: {path}: lies outside of the dataset")


@dataclass(frozen=True)
class _Rows:
    """Some of a split, as the library has them: a stream, which knows its place, or a table."""

    dataset: HubDataset
    split: str
    rows: Any

    def after(self, count: int, position: Any) -> Iterator[Example]:
        """All but the first `count`; raises DiptychError where they cannot be had any more."""
        with self.dataset.said("; what is kept by now stays, and the same again goes on"):
            rows = self.rows
            if position is not None:
                rows.load_state_dict(position)
            elif count:
                rows = rows.skip(count)
            for row in rows:
                pictures = {column: self.dataset.stored(cell) for column, cell in row.items()}
                yield {**pictures, "split": self.split}

    def position(self) -> Any:
        """Of a stream the library's own words for it."""
        return self.rows.state_dict() if hasattr(self.rows, "state_dict") else None


def hub_dataset(location: str) -> HubDataset:
    """A dataset by its location, as `hf://user/name?stream=1`; raises DiptychError if it is odd."""
    name, _, query = location.removeprefix(PREFIX).partition("?")
    name = name.removeprefix("datasets/")
    if not Path(name).exists() and not re.fullmatch(r"[\w-][\w.-]*/[\w-][\w.-]*", name):
        raise DiptychError(f"{PREFIX}{name}: neither a path here nor user/name on the hub")
    options = dict(parse_qsl(query, keep_blank_values=True))
    for key, value in options.items():
        if key not in _OPTIONS or not re.fullmatch(_OPTIONS[key], value):
            right = "give config=NAME, revision=NAME, stream=1 or rows=NUMBER"
            raise DiptychError(f"{location}: {key}={value}: {right}")
    if "revision" in options and Path(name).exists():
        raise DiptychError(f"{location}: a path here has no revisions")
    return HubDataset(
        name,
        options.get("config", ""),
        options.get("revision", ""),
        options.get("stream") == "1",
        int(options.get("rows", 0)),
    )


def _datasets() -> Any:
    return optional("datasets", f"{PREFIX} needs the datasets library: pip install 'diptych[hub]'")
