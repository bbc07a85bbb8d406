"""A tensor file: `.safetensors` with a JSON header that says what its tensors are.

Models and segmenters are such files. Nothing in one is ever executed.
"""

import json
import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError
from safetensors import SafetensorError, safe_open

from diptych.errors import DiptychError
from diptych.regular_file import check_regular
from diptych.version import __version__
from diptych.whole_file import write_whole

if TYPE_CHECKING:
    import torch  # which reading a header does without

KEY = "diptych"  # of the header among the file's metadata
LONGEST = 2**20  # characters of a header: a recipe and 512 ranges a side take a tenth
WORDS = 300  # characters that a message repeats of a file


class Part(BaseModel):
    """Unknown keys are refused: a file that has them is of a newer format than it says."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


AnyHeader = TypeVar("AnyHeader", bound=Part)


def write_tensors(path: Path, tensors: Mapping[str, "torch.Tensor"], header: Part) -> None:
    """Write tensors and a header of any kind as one whole file."""
    from safetensors.torch import save

    plain = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    # Written here rather than by the library, whose files only their owner can read.
    write_whole(path, save(plain, metadata={KEY: header.model_dump_json()}))


def read_file_header(path: Path, schema: type[AnyHeader]) -> AnyHeader:
    """The header alone, for which torch is not needed; raises DiptychError as `read_tensors`."""
    with _opened(path, "np", schema) as (_, header):
        return header


def read_tensors(
    path: Path, schema: type[AnyHeader]
) -> tuple[AnyHeader, dict[str, "torch.Tensor"]]:
    """The header, checked by its `schema`, and the tensors, on the CPU.

    They are views of the file, which takes memory only as they are used. Raises DiptychError where
    it is damaged, of another program or kind, or of a newer format than the schema's own.
    """
    with _opened(path, "pt", schema) as (file, header):
        names = file.keys()
        return header, {name: file.get_tensor(name) for name in names}


def parse_header(where: Path | str, text: str, schema: type[AnyHeader]) -> AnyHeader:
    """The header in a file's metadata; raises DiptychError, naming `where`, as `read_tensors`."""
    fields = schema.model_fields
    kind = fields["kind"].default if "kind" in fields else "model"
    newest = fields["format"].default
    try:
        if len(text) > LONGEST:
            raise ValueError(f"{len(text):,} characters, more than {LONGEST:,}")
        tables = json.loads(text, parse_constant=_finite, parse_float=_finite)
        version, own_kind = tables["format"], tables.get("kind", "model")
        if own_kind != kind:
            raise DiptychError(f"{where}: a diptych {in_words(own_kind)}, not a {kind}")
        if not isinstance(version, int) or isinstance(version, bool):
            raise TypeError("format is no number")
        if version > newest:
            raise DiptychError(
                f"{where}: {kind} format {in_words(version)}, newer than this diptych "
                f"{__version__} reads ({newest}): pip install --upgrade diptych"
            )
        with faults_in_a_line(f"{where}: damaged header"):
            return schema.model_validate(tables)
    except DiptychError:
        raise
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise DiptychError(f"{where}: damaged header: {in_words(error)}") from None


@contextmanager
def faults_in_a_line(where: Path | str) -> Iterator[None]:
    """Within it what a schema refuses is a DiptychError that names `where`."""
    try:
        yield
    except ValidationError as error:
        raise DiptychError(f"{where}: {first_fault(error)}") from None


def first_fault(error: ValidationError) -> str:
    """Which key is wrong, and why, in one line."""
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    place = ".".join(str(part) for part in first["loc"])
    reason = first["msg"].removeprefix("Value error, ")
    return in_words(f"{place}: {reason}" if place else reason)


def in_words(content: object) -> str:
    """What a message repeats of a file: short, and in one line."""
    text = "".join(char if char.isprintable() else "?" for char in str(content)[: WORDS + 1])
    return text if len(text) <= WORDS else f"{text[:WORDS]}..."


@contextmanager
def _opened(path: Path, framework: str, schema: type[AnyHeader]) -> Iterator[tuple[Any, AnyHeader]]:
    try:
        check_regular(path)
        with safe_open(path, framework=framework) as file:
            text = (file.metadata() or {}).get(KEY)
            if text is None:
                raise DiptychError(
                    f"{path}: a safetensors file of another program: it has no diptych header"
                )
            yield file, parse_header(path, text, schema)
    except (SafetensorError, OSError) as error:
        raise DiptychError(
            f"{path}: not a whole safetensors file ({in_words(error)}); copy or train it again"
        ) from None


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text} is no number")
    return number
