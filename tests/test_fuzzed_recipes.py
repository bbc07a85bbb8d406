"""Recipes that hypothesis makes up: each is a recipe, the same when written out, or one line."""

import re
import tomllib

import pytest
import tomli_w
from hypothesis import strategies as st
from tests.fuzz import NUMBER, WORDS, altered, check_line, damaged, fuzzed, give

from diptych.config import flat, load_recipe, recipe_from, recipe_names, to_toml, with_overrides
from diptych.errors import DiptychError
from diptych.schema import Recipe

TABLES = [load_recipe(name).model_dump(mode="json", exclude_none=True) for name in recipe_names()]
TEXTS = [to_toml(load_recipe(name)).encode() for name in ("diptych", "pix2pix", "restore")]
KEYS = sorted(flat(Recipe()))
# What TOML can hold.
SINGLE = st.booleans() | NUMBER.filter(lambda n: not isinstance(n, int) or abs(n) < 2**63) | WORDS
VALUES = st.recursive(
    SINGLE | st.sampled_from(["auto", "none", "told", "patches", "own", "percentile:1,99"]),
    lambda inside: st.lists(inside, max_size=3) | st.dictionaries(WORDS, inside, max_size=3),
    max_leaves=5,
)


def same_again(recipe: Recipe | None) -> None:
    """What was taken is the same when it was written out, as a run does it."""
    if recipe is not None:
        assert recipe_from(tomllib.loads(to_toml(recipe)), "again") == recipe


@fuzzed(content=damaged(TEXTS))
def test_files_of_recipes(content, tmp_path):
    path = tmp_path / "mine.toml"
    path.write_bytes(content)
    same_again(give(lambda: load_recipe(str(path)), names=path))


@fuzzed(tables=altered(TABLES, VALUES))
def test_tables_of_recipes(tables, tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text(tomli_w.dumps(tables) if isinstance(tables, dict) else str(tables), "utf-8")
    same_again(give(lambda: load_recipe(str(path)), names=path))


@fuzzed(
    stated=st.dictionaries(
        st.sampled_from(KEYS) | st.sampled_from(["domain.photo.kind", "domain.x.range"]) | WORDS,
        VALUES,
        min_size=1,
        max_size=3,
    )
)
def test_overrides(stated):
    same_again(give(lambda: load_recipe("diptych", stated)))
    same_again(give(lambda: with_overrides(Recipe(), stated)))


@fuzzed(
    texts=st.lists(
        st.builds(
            lambda key, value: f"{key}={value}",
            st.sampled_from(KEYS) | WORDS,
            st.text(max_size=20) | VALUES.map(repr),
        )
        | st.text(max_size=20),
        min_size=1,
        max_size=3,
    )
)
def test_overrides_in_words(texts):
    same_again(give(lambda: load_recipe("pix2pix", texts)))


@pytest.mark.parametrize(
    ("stated", "words"),
    [
        ({"domain.x.range": []}, "domain.x: range is dtype, [lo, hi]"),
        ({"train.seed": 2**64}, "train.seed = 18446744073709551616"),
        ({"train.steps": 2**70}, "train.steps = "),
    ],
)
def test_found_before(stated, words):
    with pytest.raises(DiptychError, match=re.escape(words)) as caught:
        load_recipe("diptych", stated)
    check_line(str(caught.value))


def test_a_key_may_hold_the_end_of_a_line(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text('"a\\nb" = 1\n')
    with pytest.raises(DiptychError, match=r"a\\nb is not a key") as caught:
        load_recipe(str(path))
    check_line(str(caught.value))
