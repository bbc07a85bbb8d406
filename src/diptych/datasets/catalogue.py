"""The datasets of the paper that diptych can fetch: what they are, how large, on what terms."""

import tomllib
from dataclasses import dataclass
from importlib import resources

from diptych.datasets.embedded import EMBEDDED
from diptych.errors import DiptychError

HOST = "http://efrosgans.eecs.berkeley.edu/pix2pix/datasets"
HUB = "https://huggingface.co"


@dataclass(frozen=True)
class KnownDataset:
    """A published set of pairs, side by side: A is the left half, B the right one.

    The hub holds the same pairs cut apart and without their splits: all are one train split there.
    """

    name: str
    task: str  # as source -> target
    pairs: tuple[int, int, int]  # published in train, val and test
    megabytes: int  # of the host's archive, about; unpacked it takes as much again
    terms: str
    origin: str  # where the pictures come from, and their own terms stand
    recipe: str  # the one of diptych's that trains on it as the paper does
    hub_megabytes: int | None = None  # about; None: not known

    @property
    def hub(self) -> str:
        """The repository on the hub."""
        return f"huggan/{self.name}"

    def url(self, base: str = HOST) -> str:
        """Where the archive lies on the host, or on a mirror of it."""
        return f"{base.rstrip('/')}/{self.name}.tar.gz"


def _catalogue() -> dict[str, KnownDataset]:
    tables = tomllib.loads((resources.files(__package__) / "catalogue.toml").read_text("utf-8"))
    return {
        name: KnownDataset(name, **table | {"pairs": tuple(table["pairs"])})
        for name, table in tables.items()
    }


CATALOGUE = _catalogue()


def find_dataset(name: str) -> KnownDataset:
    """The dataset of this name; raises DiptychError that lists the names where there is none."""
    if name not in CATALOGUE:
        raise DiptychError(
            f"dataset {name!r} is not known: one of {', '.join([*CATALOGUE, *EMBEDDED])}"
        )
    return CATALOGUE[name]
