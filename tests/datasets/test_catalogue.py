from urllib.parse import urlsplit

import pytest

from diptych.config import load_recipe, recipe_names
from diptych.datasets.catalogue import CATALOGUE, KnownDataset, find_dataset
from diptych.datasets.embedded import EMBEDDED
from diptych.errors import DiptychError


@pytest.mark.parametrize("dataset", CATALOGUE.values(), ids=CATALOGUE)
def test_every_entry_says_what_one_must_know(dataset: KnownDataset) -> None:
    source, arrow, target = dataset.task.partition(" -> ")
    assert source
    assert arrow
    assert target
    assert dataset.pairs[0] > 0
    assert dataset.pairs[1] or dataset.pairs[2]
    assert dataset.megabytes > 0
    assert dataset.terms.endswith(".")
    assert urlsplit(dataset.origin).scheme in {"http", "https"}
    assert dataset.recipe in recipe_names()
    assert dataset.hub == f"huggan/{dataset.name}"


def test_what_pip_brings_says_the_same() -> None:
    assert not EMBEDDED.keys() & CATALOGUE.keys()
    for name, dataset in EMBEDDED.items():
        assert dataset.name == name
        assert dataset.recipe in recipe_names()
        assert dataset.terms.endswith(".")
        recipe = load_recipe(dataset.recipe)
        assert recipe.data.direction == dataset.task


def test_entries_stand_under_their_names() -> None:
    assert all(name == dataset.name for name, dataset in CATALOGUE.items())
    assert len(CATALOGUE) == 6


def test_the_address_is_the_hosts_or_a_mirrors() -> None:
    dataset = find_dataset("maps")
    assert dataset.url() == "http://efrosgans.eecs.berkeley.edu/pix2pix/datasets/maps.tar.gz"
    assert dataset.url("https://mirror.example/sets/") == "https://mirror.example/sets/maps.tar.gz"


def test_names_those_that_are_known() -> None:
    with pytest.raises(
        DiptychError, match=r"'faces' is not known: one of facades, maps, .*day, earth, openmoji"
    ):
        find_dataset("faces")
