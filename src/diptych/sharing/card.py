"""The card of a model, the page that the hub shows: written from the header, in plain words."""

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from jinja2 import Environment, PackageLoader, StrictUndefined

from diptych.data.splits import held_out
from diptych.datasets.catalogue import CATALOGUE, KnownDataset
from diptych.datasets.hub_client import Address
from diptych.errors import DiptychError
from diptych.evaluation.summary import METRICS, Metric, score_rows
from diptych.evaluation.words import duration, verdict
from diptych.model_file import Header
from diptych.schema import SPLITS

if TYPE_CHECKING:
    from diptych.sharing.samples import Samples

SHEET = "samples.png"  # name of the picture beside the card


def write_card(
    header: Header,
    address: Address,
    *,
    onnx: bool = False,
    license_id: str | None = None,
    data_terms: str | None = None,
    samples: "Samples | None" = None,
) -> str:
    """The card as Markdown, under the hub's front matter.

    `onnx`: the model is shared as an `.onnx` file. `license_id`: the hub's name of the model's
    licence, as `cc-by-sa-4.0`. `data_terms`: on what terms the pairs may be used.
    """
    # Markdown, in which nothing is escaped.
    pages = Environment(  # noqa: S701
        loader=PackageLoader("diptych.sharing", "."),
        undefined=StrictUndefined,
        keep_trailing_newline=True,
    )
    pairs, target = header.dataset.pairs, header.target.name
    judged = samples.evaluation if samples else None
    return pages.get_template("card.md.jinja").render(
        header=header,
        title=address.name.partition("/")[2],
        source=header.source.name,
        target=target,
        size=_size(header),
        samples=samples,
        sheet=SHEET,
        onnx=onnx,
        address=address,
        counts=", ".join(f"{pairs.get(split, 0):,} {split}" for split in SPLITS if pairs)
        or "unknown",
        published=known_dataset(header),
        data_terms=data_terms,
        license_id=license_id,
        table=_measured(samples) if samples else _stored(header),
        verdict=verdict(judged.scores, judged.baselines, judged.gains, target) if judged else None,
        time=duration(header.seconds),
    )


def check_license(license_id: str) -> None:
    """Raise DiptychError where a licence is not named as the hub names them."""
    if not re.fullmatch(r"[a-z0-9][a-z0-9.-]*", license_id):
        raise DiptychError(
            f"--license {license_id!r}: give the hub's name for it, as mit, cc-by-sa-4.0 or other"
        )


def known_dataset(header: Header) -> KnownDataset | None:
    """The published dataset whose numbers of pairs are the model's, in every split."""
    counts = tuple(header.dataset.pairs.get(split, 0) for split in SPLITS)
    for dataset in CATALOGUE.values():
        if counts in _splits_of(*dataset.pairs):
            return dataset
    return None


def _splits_of(train: int, val: int, test: int) -> set[tuple[int, int, int]]:
    """Numbers of pairs that runs have of a dataset: where it has no test split, val stands in, or a
    slice of train, of which once a tenth was taken however many that were.
    """
    if test:
        return {(train, val, test)}
    slices = {held_out("test", train), train // 10}
    return {(train, val, val), *((train - held, val, held) for held in slices)}


def _size(header: Header) -> str:
    if header.target_size is not None:
        return f"{header.target_size[0]}×{header.target_size[1]} pixels large"
    return f"{header.scale} times as large" if header.scale > 1 else "of the same size"


def _measured(samples: "Samples") -> str:
    judged = samples.evaluation
    rows = [
        [_label(metric), *cells] for metric, cells in score_rows(judged.scores, judged.baselines)
    ]
    return _table([["", "translated", "95 % interval", *judged.baselines], *rows])


def _stored(header: Header) -> str:
    rows = [
        [_label(METRICS[name]), METRICS[name].figure(value)]
        for name, value in header.scores.items()
        if name in METRICS
    ]
    return _table([["", "translated"], *rows])


def _label(metric: Metric) -> str:
    return f"{metric.label} ({metric.better} is better)"


def _table(rows: Sequence[Sequence[str]]) -> str:
    heading, *others = rows
    lines = [heading, ["---", *["---:"] * (len(heading) - 1)], *others]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
