"""Files and requests that hypothesis makes up: whatever comes, a value or an error of one line.

Few and always the same by default; with DIPTYCH_FUZZ so many a surface, others each time, as
`make torture` has them. With --hypothesis-show-statistics each surface tells how many there were.
"""

import json
import os
import re
import signal
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import hypothesis
from hypothesis import strategies as st
from hypothesis.configuration import set_hypothesis_home_dir

from diptych.errors import DiptychError

MANY = int(os.environ.get("DIPTYCH_FUZZ", "0"))
FEW = 12
SECONDS = 30  # that one may take, on a busy machine
MEMORY = 500  # megabytes beside what the program holds
NUMBERS = [0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF]

set_hypothesis_home_dir(tempfile.gettempdir())  # what it notes of Python is not for the checkout


def fuzzed(**strategies: st.SearchStrategy[Any]) -> Callable[..., Any]:
    """A test of what these give, by name."""

    def of(test: Callable[..., None]) -> Callable[..., None]:
        settings = hypothesis.settings(
            max_examples=MANY or FEW,
            derandomize=not MANY,
            database=None,
            deadline=None,
            print_blob=True,
            suppress_health_check=list(hypothesis.HealthCheck),
        )
        return settings(hypothesis.given(**strategies)(test))

    return of


def give(
    action: Callable[[], Any], *, names: Path | str = "", refuses: Sequence[type[Exception]] = ()
) -> Any:
    """What an action gives; None where it was refused in a line, which `names` something.

    Or by an error of one of the types, which others make a line of.
    """
    try:
        with in_time(), in_memory():
            value = action()
    except DiptychError as error:
        check_line(str(error), names)
    except tuple(refuses):
        pass
    else:
        hypothesis.event("taken")
        return value
    hypothesis.event("refused")
    return None


def check_line(message: str, names: Path | str = "") -> None:
    """An error is one line, and not a long one."""
    assert str(names) in message, message
    assert not re.search(r"[\n\r]", message), message
    assert 0 < len(message) < 1500, message
    assert "Traceback" not in message, message


class Hung(BaseException):
    """It takes longer than anything may."""


@contextmanager
def in_time() -> Iterator[None]:
    """Within it what takes too long is ended."""

    def end(*_: object) -> None:
        raise Hung

    before = signal.signal(signal.SIGALRM, end)
    signal.alarm(SECONDS)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


@contextmanager
def in_memory() -> Iterator[None]:
    """Within it no more may be taken, where the system tells what is."""
    try:
        Path("/proc/self/clear_refs").write_text("5")  # the most so far is what it is now
    except OSError:
        yield
        return
    before = _megabytes("VmRSS")
    try:
        yield
    finally:
        taken = _megabytes("VmHWM") - before
        assert taken < MEMORY, f"{taken} MB"


def _megabytes(what: str) -> int:
    status = Path("/proc/self/status").read_text("ascii")
    return int(re.search(rf"{what}:\s*(\d+) kB", status)[1]) // 1024


@st.composite
def damaged(draw: st.DrawFn, contents: Sequence[bytes]) -> bytes:
    """One of the contents, with a few changes."""
    changed = bytearray(draw(st.sampled_from(contents)))
    for _ in range(draw(st.integers(1, 4))):
        how = draw(st.sampled_from(["byte", "number", "cut", "insert", "repeat", "drop"]))
        place = draw(st.integers(0, max(0, len(changed) - 1)))
        if draw(st.booleans()):  # where most files say what they are
            place %= 200
        length = draw(st.integers(1, 64))
        if how == "byte":
            changed[place : place + 1] = bytes([draw(st.integers(0, 255))])
        elif how == "number":
            size, order = draw(st.sampled_from([2, 4, 8])), draw(st.sampled_from(["big", "little"]))
            number = draw(st.sampled_from(NUMBERS)) % (1 << 8 * size)
            changed[place : place + size] = number.to_bytes(size, order)
        elif how == "cut":
            del changed[place:]
        elif how == "insert":
            changed[place:place] = draw(st.binary(max_size=20))
        elif how == "repeat":
            changed[place:place] = changed[place : place + length]
        else:
            del changed[place : place + length]
    return bytes(changed)


WORDS = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
NUMBER = st.one_of(
    st.integers(-(2**70), 2**70), st.integers(-2, 300), st.floats(), st.sampled_from(NUMBERS)
)
JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), NUMBER, WORDS),
    lambda inside: st.lists(inside, max_size=4) | st.dictionaries(WORDS, inside, max_size=4),
    max_leaves=8,
)


@st.composite
def altered(draw: st.DrawFn, tables: Sequence[Any], other: st.SearchStrategy[Any] = JSON) -> Any:
    """One of nested tables, with something else, or nothing, in a few of its places."""
    whole = json.loads(json.dumps(draw(st.sampled_from(tables))))
    for _ in range(draw(st.integers(1, 3))):
        holder, depth = whole, draw(st.integers(0, 5))
        while isinstance(holder, dict | list) and holder:
            key = draw(
                st.sampled_from([*holder] if isinstance(holder, dict) else range(len(holder)))
            )
            inside = holder[key]
            if depth and isinstance(inside, dict | list) and inside:
                holder, depth = inside, depth - 1
                continue
            how = draw(st.sampled_from(["replaced", "missing", "beside"]))
            if how == "missing":
                del holder[key]
            elif how == "beside" and isinstance(holder, dict):
                holder[draw(WORDS)] = draw(other)
            else:
                holder[key] = draw(other)
            break
    return whole
