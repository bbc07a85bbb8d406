from urllib.parse import urlsplit

import pytest

from diptych.config import recipe_names
from diptych.datasets.catalogue import CATALOGUE, KnownDataset, find_dataset
from diptych.errors import DiptychError


@pytest.mark.parametrize("known", CATALOGUE.values(), ids=CATALOGUE)
def test_every_entry_says_what_one_must_know(known: KnownDataset) -> None:
    source, arrow, target = known.task.partition(" -> ")
    assert source
    assert arrow
    assert target
    assert known.pairs[0] > 0
    assert known.pairs[1] or known.pairs[2]
    assert known.megabytes > 0
    assert known.terms.endswith(".")
    assert urlsplit(known.origin).scheme in {"http", "https"}
    assert known.recipe in recipe_names()
    assert known.hub == f"huggan/{known.name}"


def test_entries_stand_under_their_names() -> None:
    assert all(name == known.name for name, known in CATALOGUE.items())
    assert len(CATALOGUE) == 6


def test_the_address_is_the_hosts_or_a_mirrors() -> None:
    known = find_dataset("maps")
    assert known.url() == "http://efrosgans.eecs.berkeley.edu/pix2pix/datasets/maps.tar.gz"
    assert known.url("https://mirror.example/sets/") == "https://mirror.example/sets/maps.tar.gz"


def test_names_those_that_are_known() -> None:
    with pytest.raises(DiptychError, match=r"'faces' is not known: one of facades, maps, .*day"):
        find_dataset("faces")
