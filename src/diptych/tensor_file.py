"""A tensor file: `.safetensors` with a JSON header that says what its tensors are.

Models and segmenters are such files. Nothing in one is ever executed.
"""

import json
import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError
from safetensors import SafetensorError, safe_open

from diptych.errors import DiptychError
from diptych.version import __version__
from diptych.whole_file import whole_file

if TYPE_CHECKING:
    import torch  # which reading a header does without

KEY = "diptych"  # of the header among the file's metadata
LONGEST = 2**20  # characters of a header: a recipe and 512 ranges a side take a tenth
WORDS = 300  # characters that a message repeats of a file


class Part(BaseModel):
    """Unknown keys are refused: a file that has them is of a newer format than it says."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


AnyHeader = TypeVar("AnyHeader", bound=Part)
Wanted = Callable[[str], bool]


def write_tensors(path: Path, tensors: Mapping[str, "torch.Tensor"], header: Part) -> None:
    """Write tensors and a header of any kind as one whole file."""
    from safetensors.torch import save

    plain = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    with whole_file(path) as aside:
        # Written here rather than by the library, whose files only their owner can read.
        aside.write_bytes(save(plain, metadata={KEY: header.model_dump_json()}))


def read_file_header(path: Path, schema: type[AnyHeader], kind: str, newest: int) -> AnyHeader:
    """The header alone, for which torch is not needed; raises DiptychError as `read_tensors`."""
    with _opened(path, "np") as file:
        return _header(path, file, schema, kind, newest)


def read_shapes(path: Path, wanted: Wanted) -> dict[str, tuple[int, ...]]:
    """The shapes of the `wanted` tensors, none of which is read; raises as `read_tensors`."""
    with _opened(path, "np") as file:
        names = filter(wanted, file.keys())
        return {name: tuple(file.get_slice(name).get_shape()) for name in names}


def read_tensors(
    path: Path, schema: type[AnyHeader], kind: str, newest: int, wanted: Wanted = lambda _: True
) -> tuple[AnyHeader, dict[str, "torch.Tensor"]]:
    """The header, checked by its `schema`, and the `wanted` tensors, of a file of that `kind`.

    Tensors are on the CPU. Raises DiptychError where the file is damaged, of another program or
    kind, or of a format above the `newest` that is known.
    """
    with _opened(path, "pt") as file:
        header = _header(path, file, schema, kind, newest)
        return header, {name: file.get_tensor(name) for name in filter(wanted, file.keys())}


def parse_header(
    where: Path | str, text: str, schema: type[AnyHeader], kind: str, newest: int
) -> AnyHeader:
    """The header in a file's metadata; raises DiptychError, naming `where`, as `read_tensors`."""
    try:
        if len(text) > LONGEST:
            raise ValueError(f"{len(text):,} characters, more than {LONGEST:,}")
        tables = json.loads(text, parse_constant=_no_number, parse_float=_finite)
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
        return schema.model_validate(tables)
    except ValidationError as error:
        raise DiptychError(f"{where}: damaged header: {first_fault(error)}") from None
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
def _opened(path: Path, framework: str) -> Iterator[Any]:
    try:
        with safe_open(path, framework=framework) as file:
            yield file
    except (SafetensorError, OSError) as error:
        raise DiptychError(
            f"{path}: not a whole safetensors file ({in_words(error)}); copy or train it again"
        ) from None


def _header(path: Path, file: Any, schema: type[AnyHeader], kind: str, newest: int) -> AnyHeader:
    text = (file.metadata() or {}).get(KEY)
    if text is None:
        raise DiptychError(
            f"{path}: a safetensors file of another program: it has no diptych header"
        )
    return parse_header(path, text, schema, kind, newest)


def _no_number(text: str) -> NoReturn:
    raise ValueError(f"{text} is no number")


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        _no_number(text)
    return number
