"""Recipes: read from TOML, overridden, compared. What they hold is in `schema`.

Without a method a recipe is the paper's. A method is a recipe that says how to train; a task says
what is learned, and, in tables named after a method, what goes with that one. Overrides are
`table.key=value` strings.
"""

import tomllib
from collections.abc import Iterable, Iterator, Mapping
from importlib import resources
from pathlib import Path
from typing import Any

import tomli_w
from pydantic import ValidationError

from diptych.errors import DiptychError
from diptych.methods import DEFAULT_RECIPE, METHODS
from diptych.schema import DomainSettings, Recipe

# Keys that a run may be continued with though they differ from those it began with.
MAY_CHANGE = frozenset(
    f"train.{key}"
    for key in (
        "epochs",
        "steps",
        "minutes",
        "precision",
        "recompute",
        "accumulate",
        "log_steps",
        "validate_epochs",
        "preview_patches",
        "checkpoint_steps",
        "checkpoint_minutes",
        "keep_checkpoints",
        "keep_best_checkpoint",
    )
)


def flat(recipe: Recipe) -> dict[str, Any]:
    """The recipe as one dict: `{"train.epochs": 200, ...}`."""
    return dict(_flattened("", recipe.model_dump(mode="json", exclude_none=True)))


def recipe_names() -> list[str]:
    """The recipes that come with diptych: methods, and tasks."""
    folder = resources.files("diptych") / "recipes"
    return sorted(file.name[:-5] for file in folder.iterdir() if file.name.endswith(".toml"))


def recipe_text(name: str) -> str:
    """The TOML text of a recipe that comes with diptych, or of a recipe file."""
    if name in recipe_names():
        return (resources.files("diptych") / "recipes" / f"{name}.toml").read_text("utf-8")
    path = Path(name)
    if path.suffix == ".toml" and path.is_file():
        try:
            return path.read_text("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise DiptychError(f"recipe {name}: cannot be read: {error}") from None
    raise DiptychError(
        f"recipe {name!r} is not known: one of {', '.join(recipe_names())}, a task by the paper's "
        "method as pix2pix/facades, or a .toml file"
    )


def load_recipe(
    name: str = DEFAULT_RECIPE, overrides: Mapping[str, Any] | Iterable[str] = ()
) -> Recipe:
    """A recipe by name or from a TOML file, with overrides.

    A method (`diptych`, `pix2pix`), a task by the first of them (`facades`), a task by either
    (`pix2pix/facades`), or a file. That states where it differs from the paper, or from the
    `method` that it names. `overrides` is a dict (`{"train.epochs": 50}`) or strings
    (`"train.epochs=50"`), whose values are read as TOML or, failing that, as plain text.

    Raises DiptychError where a key or value is wrong, naming the valid ones.
    """
    stated = _overridden({}, overrides)
    return recipe_from(_merged(_tables(name), stated), f"recipe {name}")


def _tables(name: str) -> dict[str, Any]:
    """What a recipe states, over that of its method."""
    method, slash, task = name.partition("/")
    if slash and method in METHODS and task in recipe_names() and task not in METHODS:
        return _by_method(method, _read(task))
    tables = _read(name)
    if name in METHODS:
        return tables
    if name in recipe_names():
        return _by_method(DEFAULT_RECIPE, tables)
    method = tables.pop("method", "pix2pix")
    if method not in METHODS:
        raise DiptychError(f"recipe {name}: method = {method!r}: one of {', '.join(METHODS)}")
    return _merged(_read(method), tables)


def _read(name: str) -> dict[str, Any]:
    try:
        return tomllib.loads(recipe_text(name))
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise DiptychError(f"recipe {name}: not valid TOML: {error}") from None


def _by_method(method: str, task: dict[str, Any]) -> dict[str, Any]:
    """A task's own tables over a method's, and over both what the task says for that method."""
    by_method = {each: task.pop(each, {}) for each in METHODS}
    return _merged(_merged(_read(method), task), by_method[method])


def _merged(tables: dict[str, Any], others: dict[str, Any]) -> dict[str, Any]:
    """Both, the `others` first; of a network by another name nothing else is kept."""
    both = dict(tables)
    for key, value in others.items():
        here = both.get(key)
        if isinstance(here, dict) and isinstance(value, dict):
            another = "name" in value and value["name"] != here.get("name", value["name"])
            both[key] = value if another else _merged(here, value)
        else:
            both[key] = value
    return both


def with_overrides(recipe: Recipe, overrides: Mapping[str, Any] | Iterable[str]) -> Recipe:
    """The recipe with some keys replaced, as `load_recipe` does it; raises DiptychError alike."""
    return recipe_from(_merged(recipe.model_dump(), _overridden({}, overrides)), "--set")


def _overridden(
    tables: dict[str, Any], overrides: Mapping[str, Any] | Iterable[str]
) -> dict[str, Any]:
    if not isinstance(overrides, Mapping):
        overrides = dict(parsed_override(override) for override in overrides)
    for key, value in overrides.items():
        *path, last = key.split(".", 2 if key.startswith("domain.") else 1)
        table: Any = tables
        for part in path:
            table = table.setdefault(part, {}) if isinstance(table, dict) else None
        if not path or not isinstance(table, dict):
            raise DiptychError(f"{key}: not a key of the recipe: {_valid_keys(())}")
        table[last] = value
    return tables


def to_toml(recipe: Recipe) -> str:
    """The whole recipe as TOML, defaults included."""
    return tomli_w.dumps(recipe.model_dump(mode="json", exclude_none=True))


def differing(old: Recipe, new: Recipe) -> dict[str, tuple[Any, Any]]:
    """The keys in which two recipes differ, with both values."""
    before, now = flat(old), flat(new)
    keys = dict.fromkeys([*before, *now])
    return {key: (before.get(key), now.get(key)) for key in keys if before.get(key) != now.get(key)}


def _flattened(place: str, table: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for key, value in table.items():
        if isinstance(value, dict):
            yield from _flattened(f"{place}{key}.", value)
        else:
            yield f"{place}{key}", value


def parsed_override(override: str) -> tuple[str, Any]:
    """`table.key=value` as the key and its value, read as TOML or else as plain text."""
    key, equals, text = override.partition("=")
    if not equals:
        raise DiptychError(f"--set {override}: write it as table.key=value")
    try:
        return key.strip(), tomllib.loads(f"value = {text}")["value"]
    except (tomllib.TOMLDecodeError, RecursionError):
        return key.strip(), text.strip()


def recipe_from(tables: Mapping[str, Any], where: str) -> Recipe:
    """A recipe from tables that `where` (a file) brought; raises DiptychError on a wrong one."""
    try:
        return Recipe.model_validate(tables)
    except ValidationError as error:
        first = error.errors()[0]
        # What follows the key is of the schema: which form of a value was tried.
        depth = 3 if first["loc"][:1] == ("domain",) else 2
        place = *first["loc"][:depth], *(p for p in first["loc"][depth:] if isinstance(p, int))
        key = ".".join(str(part) for part in place)
        if first["type"] == "extra_forbidden":
            raise DiptychError(
                f"{where}: {key} is not a key; valid are {_valid_keys(place[:-1])}"
            ) from None
        value = "" if isinstance(first["input"], dict) else f" = {first['input']!r}"
        message = first["msg"].removeprefix("Value error, ")
        raise DiptychError(f"{where}: {key}{value}: {message[0].lower()}{message[1:]}") from None


def _valid_keys(place: tuple[int | str, ...]) -> str:
    keys = [*flat(Recipe()), *(f"domain.NAME.{key}" for key in DomainSettings.model_fields)]
    table = f"{place[0]}." if place else ""
    return ", ".join(key for key in keys if key.startswith(table))
