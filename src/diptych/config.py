"""The recipe: all that a training run is, as typed tables. The defaults are the paper's values.

A recipe file is TOML and states only where it differs. Overrides are `table.key=value` strings.
"""

import tomllib
from collections.abc import Iterable, Mapping
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Literal

import tomli_w
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from diptych.errors import DiptychError

Positive = Annotated[int, Field(ge=1)]
NotNegative = Annotated[int, Field(ge=0)]
Range = tuple[Annotated[float, Field(ge=0)], Annotated[float, Field(ge=0)]]


class Table(BaseModel):
    """A table of the recipe: unknown keys are refused, values cannot change afterwards."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Data(Table):
    """Where source and target are found in the data, and how pairs are prepared."""

    direction: str = Field("a_to_b", description="a_to_b, b_to_a, or by names: 'labels -> photo'")
    domains: tuple[str, ...] = Field((), description="names of A and B, in this order")
    names: tuple[str, ...] = Field((), description="names of source and target, whichever is A")
    source: str = Field("", description="folder of the sources, where the two are apart")
    target: str = Field("", description="folder of the targets")
    panels: tuple[str, ...] = Field((), description="names of a strip's panels, left to right")
    fit: Literal["resize", "patches"] = Field(
        "resize", description="crops of pictures resized to a square, or of pictures as they are"
    )
    load_size: Positive = Field(286, description="pictures are resized to this square, in pixels")
    crop_size: Positive = Field(256, description="and a random square of this side is taken")
    shapes: Literal["same", "own"] = Field(
        "same", description="own: source and target differ in shape, and results get the target's"
    )
    split_seed: int = Field(0, description="chooses the slice that stands in for a missing split")

    @model_validator(mode="after")
    def _consistent(self) -> "Data":
        if self.fit == "resize" and self.load_size < self.crop_size:
            raise ValueError(f"load_size {self.load_size} is below crop_size {self.crop_size}")
        if bool(self.source) != bool(self.target):
            raise ValueError("source and target are named together or not at all")
        if len(self.domains) not in (0, 2):
            raise ValueError("domains names two, as in ['photo', 'labels']")
        if len(self.names) not in (0, 2):
            raise ValueError("names gives two, as in ['edges', 'photo']")
        if self.fit == "patches" and self.shapes == "own":
            raise ValueError(
                "patches are cut at one place of both: shapes 'own' needs fit 'resize'"
            )
        if self.panels and len(set(self.panels)) < max(2, len(self.panels)):
            raise ValueError("panels names two or more, all different")
        return self


class Derive(Table):
    """How sources are made from photos, where the data holds targets alone."""

    kind: Literal["none", "degrade", "lightness", "holes", "edges"] = Field(
        "none", description="none: the data holds pairs"
    )
    scale: Literal[1, 2, 4, 8] = Field(1, description="degrade: so many times smaller, bicubic")
    blur: Range = Field((0.0, 0.0), description="degrade: radius of a Gaussian, in pixels")
    noise: Range = Field((0.0, 0.0), description="degrade: standard deviation, of 255")
    jpeg: Range = Field((100.0, 100.0), description="degrade: quality; 100 does not compress")
    holes: Range = Field((0.1, 0.25), description="holes: share of the picture that is missing")
    edge_blur: float = Field(
        1.4, gt=0, description="edges: Gaussian before the detector, in pixels"
    )

    @model_validator(mode="after")
    def _consistent(self) -> "Derive":
        for name in ("blur", "noise", "jpeg", "holes"):
            low, high = getattr(self, name)
            if low > high:
                raise ValueError(f"{name} [{low}, {high}] runs from the lower to the higher")
        if not 1 <= self.jpeg[0] <= self.jpeg[1] <= 100:
            raise ValueError("jpeg lies between 1 and 100")
        if not 0 < self.holes[0] <= self.holes[1] <= 0.9:
            raise ValueError("holes lies between 0 and 0.9")
        if self.scale > 1 and self.kind != "degrade":
            raise ValueError("scale goes with kind 'degrade'")
        return self


class Augment(Table):
    """More pairs from those there are; the jitter is data.load_size beside data.crop_size."""

    mirror: bool = Field(True, description="mirror half of the pairs")
    rotation: float = Field(0.0, ge=0, le=180, description="turn by up to so many degrees")
    scale: Range = Field((1.0, 1.0), description="enlarge by a factor within")
    colour: float = Field(
        0.0, ge=0, lt=1, description="change the source's colours by up to this share"
    )

    @model_validator(mode="after")
    def _consistent(self) -> "Augment":
        if not 0 < self.scale[0] <= self.scale[1]:
            raise ValueError("scale runs from the lower to the higher, both above 0")
        return self


class Generator(Table):
    """The network that translates."""

    name: str = "unet"
    base_channels: Positive = 64
    skips: bool = Field(True, description="false: the paper's encoder-decoder")
    dropout: float = Field(0.5, ge=0, lt=1)
    statistics: Literal["batch", "image"] = Field(
        "batch", description="normalise by the statistics of the batch or of each image"
    )
    blocks: Positive = Field(8, description="residual: blocks of two convolutions")
    noise_channels: NotNegative = Field(
        0, description="channels of Gaussian noise beside the source"
    )


class Discriminator(Table):
    """The network that tells targets from translated pictures."""

    name: str = "patchgan"
    receptive_field: Literal[1, 16, 70, 286] = 70
    base_channels: Positive = 64
    statistics: Literal["batch", "image"] = "batch"


class Loss(Table):
    """The objective: an adversarial part and an L1 part (equation 4)."""

    adversarial: Literal["cgan", "gan", "none"] = "cgan"
    l1: float = Field(100.0, ge=0, description="weight of the L1 part; 0 leaves it out")

    @model_validator(mode="after")
    def _something(self) -> "Loss":
        if self.adversarial == "none" and self.l1 == 0:
            raise ValueError("adversarial 'none' and l1 0 leave nothing to learn from")
        return self


class Train(Table):
    """The optimisation, and what is done beside it."""

    epochs: Positive = 200
    steps: NotNegative = Field(0, description="a budget of steps in place of epochs; 0: none")
    minutes: float = Field(0.0, ge=0, description="a budget of wall clock, before both; 0: none")
    batch_size: Positive = 1
    learning_rate: float = Field(2e-4, gt=0)
    beta1: float = Field(0.5, ge=0, lt=1)
    beta2: float = Field(0.999, ge=0, lt=1)
    precision: Literal["fp32", "bf16"] = "fp32"
    ema: float = Field(0.0, ge=0, lt=1, description="decay of the weights' average; 0: none")
    seed: NotNegative = 0
    log_steps: Positive = Field(50, description="steps between two lines of the log")
    validate_epochs: Positive = Field(5, description="epochs between two validations")
    validation_pairs: Positive = Field(32, description="at most so many pairs are validated on")
    preview_pairs: Positive = Field(4, description="pairs shown in every preview")
    checkpoint_steps: Positive = Field(5000, description="most steps between two checkpoints")
    checkpoint_minutes: float = Field(5.0, gt=0, description="most minutes between two")
    keep_checkpoints: Positive = Field(2, description="so many of the latest are kept")
    keep_best_checkpoint: bool = Field(False, description="and the one of the best model")


class Test(Table):
    """How the model behaves once trained: stored with it, a choice when translating."""

    dropout: bool = Field(False, description="true: with noise, by dropout as the paper tests")


class Recipe(Table):
    """All tables of a recipe."""

    data: Data = Data()
    derive: Derive = Derive()
    augment: Augment = Augment()
    generator: Generator = Generator()
    discriminator: Discriminator = Discriminator()
    loss: Loss = Loss()
    train: Train = Train()
    test: Test = Test()


# Keys that a run may be continued with though they differ from those it began with.
MAY_CHANGE = frozenset(
    f"train.{key}"
    for key in (
        "epochs",
        "steps",
        "minutes",
        "log_steps",
        "validate_epochs",
        "checkpoint_steps",
        "checkpoint_minutes",
        "keep_checkpoints",
        "keep_best_checkpoint",
    )
)


def flat(recipe: Recipe) -> dict[str, Any]:
    """The recipe as one dict: `{"train.epochs": 200, ...}`."""
    return {
        f"{table}.{key}": value
        for table, keys in recipe.model_dump(mode="json").items()
        for key, value in keys.items()
    }


def recipe_names() -> list[str]:
    """The recipes that come with diptych."""
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
        f"recipe {name!r} is not known: one of {', '.join(recipe_names())}, or a .toml file"
    )


def load_recipe(name: str = "pix2pix", overrides: Mapping[str, Any] | Iterable[str] = ()) -> Recipe:
    """A recipe by name or from a TOML file, with overrides.

    `overrides` is a dict (`{"train.epochs": 50}`) or strings (`"train.epochs=50"`), whose values
    are read as TOML or, failing that, as plain text.

    Raises DiptychError where a key or value is wrong, naming the valid ones.
    """
    try:
        tables = tomllib.loads(recipe_text(name))
    except tomllib.TOMLDecodeError as error:
        raise DiptychError(f"recipe {name}: not valid TOML: {error}") from None
    return _validated(_overridden(tables, overrides), f"recipe {name}")


def with_overrides(recipe: Recipe, overrides: Mapping[str, Any] | Iterable[str]) -> Recipe:
    """The recipe with some keys replaced; raises DiptychError as `load_recipe`."""
    return _validated(_overridden(recipe.model_dump(), overrides), "--set")


def _overridden(
    tables: dict[str, Any], overrides: Mapping[str, Any] | Iterable[str]
) -> dict[str, Any]:
    if not isinstance(overrides, Mapping):
        overrides = dict(_parsed(override) for override in overrides)
    for key, value in overrides.items():
        table, _, last = key.partition(".")
        if not last or not isinstance(tables.setdefault(table, {}), dict):
            raise DiptychError(f"{key}: not a key of the recipe: {_valid_keys(())}")
        tables[table][last] = value
    return tables


def recipe_from(tables: Mapping[str, Any], where: str) -> Recipe:
    """A recipe from tables that `where` (a file) brought."""
    return _validated(tables, where)


def to_toml(recipe: Recipe) -> str:
    """The whole recipe as TOML, defaults included."""
    return tomli_w.dumps(recipe.model_dump(mode="json"))


def differing(old: Recipe, new: Recipe) -> dict[str, tuple[Any, Any]]:
    """The keys in which two recipes differ, with both values."""
    before, now = flat(old), flat(new)
    return {key: (before[key], now[key]) for key in now if before[key] != now[key]}


def _parsed(override: str) -> tuple[str, Any]:
    key, equals, text = override.partition("=")
    if not equals:
        raise DiptychError(f"--set {override}: write it as table.key=value")
    try:
        return key.strip(), tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return key.strip(), text.strip()


def _validated(tables: Mapping[str, Any], where: str) -> Recipe:
    try:
        return Recipe.model_validate(tables)
    except ValidationError as error:
        first = error.errors()[0]
        place = first["loc"]
        key = ".".join(str(part) for part in place)
        if first["type"] == "extra_forbidden":
            raise DiptychError(
                f"{where}: {key} is not a key; valid are {_valid_keys(place[:-1])}"
            ) from None
        given = "" if isinstance(first["input"], dict) else f" = {first['input']!r}"
        message = first["msg"].removeprefix("Value error, ")
        raise DiptychError(f"{where}: {key}{given}: {message[0].lower()}{message[1:]}") from None


def _valid_keys(place: tuple[int | str, ...]) -> str:
    keys = flat(Recipe())
    table = f"{place[0]}." if place else ""
    return ", ".join(key for key in keys if key.startswith(table))
