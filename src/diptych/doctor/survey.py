"""One pass over the pairs: every file is read once, and a small record kept of it."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np

from diptych.data.pairs import Pair, PairedData, Picture, Progress, counted, evenly_spread, sides
from diptych.doctor.findings import Place
from diptych.doctor.label_sides import Count, Labels, count_indices, count_labels
from diptych.doctor.look import Look, look_at, read_shown
from diptych.doctor.processes import in_processes
from diptych.doctor.shift import Shift, find_shift
from diptych.errors import DiptychError
from diptych.images.arrays import whole_file_of
from diptych.images.description import Description
from diptych.images.domain import Domain
from diptych.images.values import probe
from diptych.schema import SPLITS

HISTOGRAM_PAIRS = 2000  # at most so many pairs, evenly spread, lend their values to the histograms


@dataclass(frozen=True, slots=True)
class Seen:
    """One side of a pair: its header (the size is that of its panel), how it looks, or why not."""

    header: Description | None = None
    look: Look | None = None
    fault: Literal["", "unreadable", "damaged", "panels", "refused"] = ""
    reason: str = ""
    labels: Count | None = None
    values: np.ndarray | None = None  # a sample of them, for a histogram


@dataclass(frozen=True, slots=True)
class Record:
    """What is known of a pair: source and target, or the target alone where sources are made."""

    sides: tuple[Seen, ...]
    shift: Shift | None = None


@dataclass
class Survey:
    """The pairs, every one once, with the splits it is in and what is known of it."""

    data: PairedData
    pairs: list[Pair]
    splits: list[tuple[str, ...]]
    records: list[Record] = field(default_factory=list)
    labels: tuple[Labels | None, ...] = (None, None)
    taken_as: tuple[Domain | None, ...] = (None, None)  # by training, source and target

    @property
    def domains(self) -> tuple[str, ...]:
        """The names of the sides that the records have."""
        derived = self.pairs and self.pairs[0].source == self.pairs[0].target
        return self.data.domains[1:] if derived else self.data.domains

    def domain(self, side: int) -> Domain | None:
        """What training takes a side as; None where nothing would be trained."""
        return self.taken_as[side - len(self.domains)]

    def file(self, number: int, side: int) -> str:
        """A picture of pair `number` as it is told to a person."""
        picture = sides(self.pairs[number])[side]
        strip = f" panel {picture.panel + 1}" if picture.panels > 1 else ""
        return f"{self.in_words(picture.path)}{strip}"

    def place(self, number: int, side: int, detail: str, twin: int | None = None) -> Place:
        """A picture of pair `number` as a finding names it."""
        return Place(self.file(number, side), detail, number, twin)

    def looks(self, side: int) -> dict[int, Look]:
        """Of the pictures of a side that could be read, by the numbers of their pairs."""
        seen = ((number, record.sides[side]) for number, record in enumerate(self.records))
        return {number: one.look for number, one in seen if one.look is not None}

    def looks_of_pairs(self) -> dict[int, list[Look]]:
        """Of all sides together, of the pairs that could be read whole, by their numbers."""
        first, *others = (self.looks(side) for side in range(len(self.domains)))
        return {
            number: [look, *(looks[number] for looks in others)]
            for number, look in first.items()
            if all(number in looks for looks in others)
        }

    def headers(self, side: int) -> dict[int, Description]:
        """Of the files of a side whose header could be read, by the numbers of their pairs."""
        seen = ((number, record.sides[side]) for number, record in enumerate(self.records))
        return {number: one.header for number, one in seen if one.header is not None}

    def of_usual_depth(self, side: int) -> dict[int, Seen]:
        """One side of all pairs whose file has the depth that most have, by the pairs' numbers."""
        types = {number: header.dtype for number, header in self.headers(side).items()}
        usual = most_common(types.values())
        return {n: self.records[n].sides[side] for n, dtype in types.items() if dtype == usual}

    def in_words(self, path: Path) -> str:
        """Relative to the folder of the pairs, where it lies in there."""
        root = self.data.root
        name = (path.relative_to(root) if path.is_relative_to(root) else path).as_posix()
        return name.encode("utf-8", "backslashreplace").decode()  # it need not be valid Unicode


def most_common(words: Iterable[str]) -> str:
    """The first of those that come most often; empty where there are none."""
    return next((word for word, _ in Counter(words).most_common(1)), "")


def list_pairs(data: PairedData) -> Survey:
    """A survey with nothing read yet. A pair that stands in for another split is one pair."""
    splits_of: dict[Pair, list[str]] = {}
    for split in SPLITS:
        for pair in data.splits[split]:
            splits_of.setdefault(pair, []).append(split)
    return Survey(data, list(splits_of), [tuple(names) for names in splits_of.values()])


def read_all(survey: Survey, on_progress: Progress | None = None, processes: int = 0) -> None:
    """Read every pair and fill in the records; 0 processes: as many as cores."""
    lending = set(evenly_spread(range(len(survey.pairs)), HISTOGRAM_PAIRS))
    jobs = [(pair, number in lending) for number, pair in enumerate(survey.pairs)]
    work = partial(examine, labels=survey.labels, taken_as=survey.taken_as)
    for record in counted(in_processes(work, jobs, processes), len(jobs), on_progress):
        survey.records.append(record)


def examine(
    job: tuple[Pair, bool],
    labels: Sequence[Labels | None],
    taken_as: Sequence[Domain | None] = (None, None),
) -> Record:
    """Read a pair, each file once, and measure it; with True take a sample of its values too.

    What training would refuse of what it takes the sides as is told with them.
    """
    pair, lends = job
    files: dict[Path, tuple[np.ndarray, ...]] = {}
    seen: list[Seen] = []
    views: list[np.ndarray] = []
    pictures = sides(pair)
    known = zip(pictures, labels[-len(pictures) :], taken_as[-len(pictures) :], strict=True)
    for picture, side_labels, domain in known:
        headed = read_header(picture)
        if headed.header is None or headed.fault:
            seen.append(headed)
            continue
        nodata = domain.nodata if domain is not None else None
        try:
            if picture.path not in files:
                files[picture.path] = read_shown(picture.path, headed.header, nodata)
        except DiptychError as error:
            seen.append(_faulty(headed, "damaged", error, picture.path))
            continue
        values, view = (_panel(whole, picture) for whole in files[picture.path])
        views.append(view)
        look, sample = look_at(values, view, nodata)
        counts = count_labels(values, view, side_labels)
        measured = Seen(headed.header, look, labels=counts, values=sample if lends else None)
        try:
            array = _as_training(picture, headed.header, files[picture.path][0], domain)
        except DiptychError as error:
            seen.append(replace(_faulty(measured, "refused", error, picture.path), labels=None))
            continue
        if array is not None and domain is not None and domain.kind == "labels":
            measured = replace(measured, labels=count_indices(array, domain))
        seen.append(measured)
    return Record(tuple(seen), find_shift(*views) if len(views) == 2 else None)


def _as_training(
    picture: Picture, header: Description, whole: np.ndarray, domain: Domain | None
) -> np.ndarray | None:
    """The picture as training reads it; None where it cannot but be as it is shown.

    `whole` are the values of its file. Raises DiptychError where training would.
    """
    if domain is None or (domain.is_picture and header.plain):
        return None
    if domain.is_picture or header.plain:
        return picture.read(domain)
    return picture.of(whole_file_of(whole, domain, picture.path))


def read_header(picture: Picture) -> Seen:
    """What the header of a picture's file tells, nothing decoded."""
    try:
        header = probe(picture.path)
    except DiptychError as error:
        return _faulty(Seen(), "unreadable", error, picture.path)
    if header.width % picture.panels:
        words = f"{header.width} pixels wide, which is not {picture.panels} panels of equal width"
        return Seen(header, fault="panels", reason=words)
    return Seen(replace(header, width=header.width // picture.panels))


def view_of(picture: Picture) -> np.ndarray | None:
    """What a picture shows, `(H, W, 3)` uint8; None where its file is bad."""
    seen = read_header(picture)
    if seen.header is None or seen.fault:
        return None
    try:
        return _panel(read_shown(picture.path, seen.header)[1], picture)
    except DiptychError:
        return None


def _panel(whole: np.ndarray, picture: Picture) -> np.ndarray:
    return np.ascontiguousarray(picture.of(whole))


def _faulty(
    seen: Seen, fault: Literal["unreadable", "damaged", "refused"], error: DiptychError, path: Path
) -> Seen:
    reason = str(error).removeprefix(f"{path}: ").replace(f" '{path}'", "")
    return replace(seen, fault=fault, reason=reason)
