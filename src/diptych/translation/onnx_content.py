"""What an ONNX file may not hold, found in its bytes before any runtime opens it.

A tensor can say that its numbers lie in another file, by any name; the runtime would read that one.
Where tensors stand in the messages of the format is all that is known of it here, so that neither
the `onnx` package nor its parser is needed.
"""

import mmap
from collections.abc import Iterator
from pathlib import Path

from diptych.errors import DiptychError
from diptych.regular_file import open_regular

# For each message the fields that hold others, by their numbers in onnx.proto.
_WITHIN = {
    "model": {7: "graph", 20: "training", 25: "function"},
    "training": {1: "graph", 2: "graph"},
    "graph": {1: "node", 5: "tensor", 15: "sparse"},
    "function": {7: "node", 11: "attribute"},
    "node": {5: "attribute"},
    "attribute": {5: "tensor", 6: "graph", 10: "tensor", 11: "graph", 22: "sparse", 23: "sparse"},
    "sparse": {1: "tensor", 2: "tensor"},
    "tensor": {},
}
# Fields of a tensor.
_NAME, _EXTERNAL, _LOCATION = 8, 13, 14
_VARINT, _EIGHT, _LENGTH, _FOUR = 0, 1, 2, 5  # how fields are stored

Field = tuple[int, int | memoryview]  # its number, and what it holds


def check_content(model: Path, content: bytes | None = None) -> None:
    """Raise DiptychError where numbers lie outside of the file.

    `content` is that of the file where it is in memory. ValueError where it is damaged.
    """
    if content is not None:
        _check(model, memoryview(content))
        return
    with open_regular(model) as file:
        if not file.seek(0, 2):
            raise ValueError("it is empty")
        _check(model, memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)))


def _check(model: Path, content: memoryview) -> None:
    messages = [("model", content)]
    while messages:
        kind, message = messages.pop()
        if kind == "tensor":
            _check_tensor(model, message)
        else:
            within = _WITHIN[kind]
            messages += [
                (within[number], held)
                for number, held in _fields(message)
                if number in within and isinstance(held, memoryview)
            ]


def _check_tensor(model: Path, message: memoryview) -> None:
    fields = list(_fields(message))
    if any(number == _EXTERNAL or (number == _LOCATION and held) for number, held in fields):
        said = next((held for number, held in fields if number == _NAME), 0)
        name = bytes(said).decode(errors="replace")[:80]
        raise DiptychError(
            f"{model}: the numbers of {name!r} lie in another file, which is not read: "
            "export it as one file"
        )


def _fields(message: memoryview) -> Iterator[Field]:
    """The fields of a message, one after the other; ValueError where it is damaged."""
    at = 0
    while at < len(message):
        tag, at = _varint(message, at)
        number, stored = tag >> 3, tag & 7
        if stored == _VARINT:
            value, at = _varint(message, at)
            yield number, value
            continue
        length = {_EIGHT: 8, _FOUR: 4}.get(stored)
        if stored == _LENGTH:
            length, at = _varint(message, at)
        if length is None or at + length > len(message):
            raise ValueError("it is cut off, or damaged")
        yield number, message[at : at + length]
        at += length


def _varint(message: memoryview, at: int) -> tuple[int, int]:
    """A number of any length, and the place behind it."""
    value = 0
    for step, byte in enumerate(message[at : at + 10]):
        value |= (byte & 127) << 7 * step
        if byte < 128:
            return value, at + step + 1
    raise ValueError("it is cut off, or damaged")
