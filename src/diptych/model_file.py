"""The model file: `.safetensors` with a JSON header that says all a translation needs.

What training writes and translation reads; nothing in it is ever executed.
"""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from safetensors import SafetensorError, safe_open

from diptych.datasets.hub_client import fetch, is_address
from diptych.errors import DiptychError
from diptych.images.domain import Domain
from diptych.version import __version__
from diptych.whole_file import whole_file

if TYPE_CHECKING:
    import torch  # which reading a header does without

FORMAT = 3
KEY = "diptych"  # of the header among the file's metadata
DISCRIMINATOR = "discriminator."  # before the names of its tensors, where the file has one
NORMALIZATIONS = ("image", "stored")


class Part(BaseModel):
    """Unknown keys are refused: a file that has them is of a newer format than it says."""

    model_config = ConfigDict(extra="forbid", frozen=True)


AnyHeader = TypeVar("AnyHeader", bound=Part)


class Network(Part):
    """A class of the table of generators or discriminators, and its arguments."""

    name: str
    options: dict[str, Any]


class TestTime(Part):
    """How the network behaves when it translates."""

    dropout: bool = False
    # By the statistics of each image, padding left out, or by those among the weights.
    normalization: Literal["image", "stored"] = "image"


class Strip(Part):
    """Where source and target lie in a picture that holds both side by side."""

    panels: int = Field(ge=2)
    source: int = Field(ge=0)
    target: int = Field(ge=0)


class Dataset(Part):
    """What the model was trained on."""

    fingerprint: str
    pairs: dict[str, int]


class Header(Part):
    """All about the model that is not a weight."""

    format: int = FORMAT
    version: str = __version__
    generator: Network
    discriminator: Network | None = None  # kept to train on; a translation does without
    size_multiple: int = Field(ge=1)
    scale: int = Field(1, ge=1)
    crop_size: tuple[int, int]  # height and width of what it was trained at, in pixels
    source: Domain
    target: Domain
    # Width and height of the results where source and target differ in shape; else None.
    target_size: tuple[int, int] | None = None
    test: TestTime
    # The result is that of the whole picture, also where memory holds no more than parts of it.
    tiling: Literal["whole"] = "whole"
    strip: Strip | None = None
    dataset: Dataset
    recipe: dict[str, dict[str, Any]]
    step: int = 0
    seconds: float = 0.0
    scores: dict[str, float] = {}  # means over the validation pairs


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
    return read_tensors(path, Header, "model", FORMAT, wanted=None)[0]


def read_model(path: Path) -> tuple[Header, dict[str, "torch.Tensor"]]:
    """Header and the generator's weights, on the CPU; raises DiptychError as `read_header`."""
    return read_tensors(
        path, Header, "model", FORMAT, wanted=lambda name: not name.startswith(DISCRIMINATOR)
    )


def read_discriminator(path: Path) -> dict[str, "torch.Tensor"]:
    """The discriminator's weights, on the CPU: none where the file has no discriminator."""
    _, weights = read_tensors(
        path, Header, "model", FORMAT, wanted=lambda name: name.startswith(DISCRIMINATOR)
    )
    return {name.removeprefix(DISCRIMINATOR): tensor for name, tensor in weights.items()}


def parse_header(text: str, name: str) -> Header:
    """The header in the metadata of a model called `name`; raises DiptychError as `read_header`."""
    return _header(name, text, Header, "model", FORMAT)


def model_path(place: Path) -> Path:
    """The model file meant by a run directory, a file or an address on the hub, `hf://user/name`.

    A model on the hub is fetched. Raises DiptychError where there is none.
    """
    if is_address(place):
        return fetch(place)
    if place.is_dir():
        path = place / "model.safetensors"
        if not path.is_file():
            raise DiptychError(
                f"{place}: a folder without model.safetensors; give a run directory or a model file"
            )
        return path
    if not place.is_file():
        raise DiptychError(
            f"{place}: no such model; give a run directory, a .safetensors file or hf://user/name"
        )
    return place


def write_tensors(path: Path, tensors: Mapping[str, "torch.Tensor"], header: Part) -> None:
    """Write tensors and a header of any kind as one whole file."""
    from safetensors.torch import save

    plain = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    with whole_file(path) as aside:
        # Written here rather than by the library, whose files only their owner can read.
        aside.write_bytes(save(plain, metadata={KEY: header.model_dump_json()}))


def read_tensors(
    path: Path,
    schema: type[AnyHeader],
    kind: str,
    newest: int,
    wanted: Callable[[str], bool] | None = lambda _: True,
) -> tuple[AnyHeader, dict[str, "torch.Tensor"]]:
    """The header, checked by its `schema`, and the `wanted` tensors, of a file of that `kind`.

    Tensors are on the CPU; where none is wanted, torch is not needed. Raises DiptychError where the
    file is damaged, of another program or kind, or of a format above the `newest` that is known.
    """
    try:
        with safe_open(path, framework="pt" if wanted else "np") as file:
            text = (file.metadata() or {}).get(KEY)
            if text is None:
                raise DiptychError(
                    f"{path}: a safetensors file of another program: it has no diptych header"
                )
            header = _header(path, text, schema, kind, newest)
            names = filter(wanted, file.keys()) if wanted else ()
            return header, {name: file.get_tensor(name) for name in names}
    except (SafetensorError, OSError) as error:
        raise DiptychError(
            f"{path}: not a whole safetensors file ({error}); copy or train it again"
        ) from None


def _header(
    path: Path | str, text: str, schema: type[AnyHeader], kind: str, newest: int
) -> AnyHeader:
    try:
        tables = json.loads(text)
        version, found = tables["format"], tables.get("kind", "model")
        if found != kind:
            raise DiptychError(f"{path}: a diptych {found}, not a {kind}")
        if not isinstance(version, int):
            raise TypeError("format is no number")
        if version > newest:
            raise DiptychError(
                f"{path}: {kind} format {version}, newer than this diptych "
                f"{__version__} reads ({newest}): pip install --upgrade diptych"
            )
        return schema.model_validate(tables)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise DiptychError(f"{path}: damaged header: {place}: {first['msg']}") from None
    except DiptychError:
        raise
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise DiptychError(f"{path}: damaged header: {error}") from None
