"""The model file: weights with a header that says all a translation needs.

What training writes and translation reads. Every field of the header is checked where it is read;
whether the networks are those that the weights are of, `model_networks` sees.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from diptych.images.domain import Domain, Line, Name
from diptych.tensor_file import Part, read_file_header, read_tensors, write_tensors
from diptych.version import __version__

if TYPE_CHECKING:
    import torch  # which reading a header does without

FORMAT = 3
DISCRIMINATOR = "discriminator."  # before the names of its tensors, where the file has one
NORMALIZATIONS = ("image", "stored")

LARGEST_MULTIPLE = 1024  # that sides are padded to: U-Nets of ten levels
LARGEST_SCALE = 8
LARGEST_CROP = 2**24  # pixels, 4096x4096
LARGEST_TARGET = 2**26  # pixels, 8192x8192
MANY = 2**40  # steps, seconds, pairs

Count = Annotated[int, Field(ge=0, le=MANY)]
Side = Annotated[int, Field(ge=1, le=2**16)]
Length = Annotated[int, Field(ge=1, le=MANY)]  # of a picture's side
Split = Annotated[str, Field(pattern="^(train|val|test)$")]
Score = Annotated[float, Field(ge=-1e40, le=1e40)]
Number = Annotated[float, Field(ge=-1e6, le=1e6)]
Colour = Annotated[str, Field(pattern="^#[0-9a-f]{6}$")]
Colours = Annotated[list[Colour], Field(min_length=1, max_length=4)]
Metric = Annotated[str, Field(pattern="^[a-z][a-z0-9_]{0,39}$")]


class Network(Part):
    """A class of the table of generators or discriminators, and its arguments."""

    name: Name
    options: dict[Line, Any]


class TestTime(Part):
    """How the network behaves when it translates."""

    dropout: bool = False
    # By the statistics of each image, padding left out, or by those among the weights.
    normalization: Literal["image", "stored"] = "image"


class Strip(Part):
    """Where source and target lie in a picture that holds both side by side."""

    panels: int = Field(ge=2, le=2**10)
    source: int = Field(ge=0)
    target: int = Field(ge=0)

    @model_validator(mode="after")
    def _two_of_the_panels(self) -> Self:
        if max(self.source, self.target) >= self.panels or self.source == self.target:
            raise ValueError(f"source and target are two of the {self.panels} panels, from 0")
        return self


class KnownLooks(Part):
    """Looks of training targets, for a generator that takes one (see `networks.told_look`)."""

    examples: list[list[Number]] = Field(min_length=1, max_length=64)
    # What each had beyond what the other pairs foretell of it: to draw looks from.
    left: list[list[Number]]
    # The largest colours of each, `#rrggbb`; none where targets have no colours.
    colours: list[Colours]
    # Looks of targets whose colours were changed, and these, where it learned from such.
    changed: list[list[Number]] = Field([], max_length=64)
    changed_colours: list[Colours] = Field([])
    # The share of each number's variance that sources foretell.
    foretold: list[Number]

    @model_validator(mode="after")
    def _alike(self) -> Self:
        numbers = len(self.foretold)
        if len(self.left) != len(self.examples):
            raise ValueError("left is of the examples, one row each")
        if any(len(row) != numbers for row in (*self.examples, *self.left, *self.changed)):
            raise ValueError(f"examples, left and changed are rows of {numbers} numbers")
        if self.colours and len(self.colours) != len(self.examples):
            raise ValueError("colours are of the examples, one list each")
        if len(self.changed_colours) != len(self.changed):
            raise ValueError("changed_colours are of the changed, one list each")
        return self


class Dataset(Part):
    """What the model was trained on."""

    fingerprint: Line
    pairs: dict[Split, Count]  # none of a model of other code, which does not say

    @property
    def training_pairs(self) -> str:
        """How many it learned from, in words."""
        return f"{self.pairs['train']:,} pairs" if "train" in self.pairs else "unknown pairs"

    @property
    def spared(self) -> bool:
        """Whether the pairs of val and test are no training pairs: of fewer than 5 none are."""
        return self.pairs.get("train", 0) >= 5


class Header(Part):
    """All about the model that is not a weight."""

    format: int = Field(FORMAT, ge=1)
    version: Line = __version__
    generator: Network
    discriminator: Network | None = None  # kept to train on; a translation does without
    size_multiple: int = Field(ge=1, le=LARGEST_MULTIPLE)
    scale: int = Field(1, ge=1, le=LARGEST_SCALE)
    crop_size: tuple[Side, Side]  # height and width of what it was trained at, in pixels
    # Height and width, in the middle, of the pictures that it learned from; None: not known.
    picture_size: tuple[Length, Length] | None = None
    source: Domain
    target: Domain
    # Width and height of the results where source and target differ in shape; else None.
    target_size: tuple[Side, Side] | None = None
    test: TestTime
    # The result is that of the whole picture, also where memory holds no more than parts of it.
    tiling: Literal["whole"] = "whole"
    strip: Strip | None = None
    look: KnownLooks | None = None  # where the generator takes a look
    dataset: Dataset
    recipe: dict[Line, dict[Line, Any]]  # read with care: by the recipes of its time
    step: Count = 0
    seconds: float = Field(0.0, ge=0, le=MANY)
    scores: dict[Metric, Score] = Field({})  # means over the validation pairs

    @model_validator(mode="before")
    @classmethod
    def _of_the_first_format(cls, tables: Any) -> Any:
        """Whose crops were square and given by one side, and whose domains were 8-bit colours."""
        if not isinstance(tables, dict) or tables.get("format") != 1:
            return tables
        tables = dict(tables)
        if isinstance(tables.get("crop_size"), int):
            tables["crop_size"] = 2 * [tables["crop_size"]]
        for side in ("source", "target"):
            if isinstance(tables.get(side), dict) and "range" in tables[side]:
                colours = tables[side] | {"range": [tables[side]["range"]]}
                if colours.pop("bits", 8) != 8:
                    raise ValueError(f"{side}.bits: 8 were all there were")
                tables[side] = {"kind": colours.pop("colour", "rgb")} | colours
        return tables

    @model_validator(mode="after")
    def _sound(self) -> Self:
        if self.crop_size[0] * self.crop_size[1] > LARGEST_CROP:
            raise ValueError(f"crop_size is more than {LARGEST_CROP:,} pixels")
        if self.target_size and self.target_size[0] * self.target_size[1] > LARGEST_TARGET:
            raise ValueError(f"target_size is more than {LARGEST_TARGET:,} pixels")
        kind = self.target.kind
        if kind not in {"rgb", "gray", "chroma", "values", "labels"}:
            raise ValueError(f"target.kind: nothing is translated to {kind}")
        if kind == "chroma" and not self.source.is_picture:
            raise ValueError("target.kind: chroma takes its lightness from a picture as source")
        numbers = self.generator.options.get("look_numbers", 0)
        known = len(self.look.foretold) if self.look is not None else 0
        if known != numbers:
            raise ValueError(f"look: of {known} numbers; generator.options.look_numbers: {numbers}")
        stored = self.generator.options.get("stored_statistics")
        if self.test.normalization == "stored" and not stored:
            raise ValueError("test.normalization: this generator has no stored_statistics")
        return self


def write_model(
    path: Path,
    weights: Mapping[str, "torch.Tensor"],
    header: Header,
    discriminator: Mapping[str, "torch.Tensor"] | None = None,
) -> None:
    """Write the generator's weights, the discriminator's where there are some, and the header."""
    beside = {DISCRIMINATOR + name: tensor for name, tensor in (discriminator or {}).items()}
    write_tensors(path, {**weights, **beside}, header)


def read_header(path: Path) -> Header:
    """The header alone; raises DiptychError where the file is not a model of this program."""
    return read_file_header(path, Header)


def read_model(path: Path) -> tuple[Header, dict[str, "torch.Tensor"]]:
    """Header and the generator's weights, as `read_tensors`."""
    header, tensors = read_tensors(path, Header)
    of_generator = (name for name in tensors if not name.startswith(DISCRIMINATOR))
    return header, {name: tensors[name] for name in of_generator}


def read_discriminator(path: Path) -> dict[str, "torch.Tensor"]:
    """The discriminator's weights, as `read_tensors`: none where the file has no discriminator."""
    _, tensors = read_tensors(path, Header)
    of_discriminator = (name for name in tensors if name.startswith(DISCRIMINATOR))
    return {name.removeprefix(DISCRIMINATOR): tensors[name] for name in of_discriminator}
