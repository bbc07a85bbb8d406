"""Parts of the work at a request, which traces show; where none are kept, nothing at all."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

Begin = Callable[[str], AbstractContextManager[object]]

_begin: Begin = nullcontext


def span(name: str) -> AbstractContextManager[object]:
    """A part of the work, within the one that has begun here."""
    return _begin(name)


def have_spans_begun_by(begin: Begin = nullcontext) -> None:
    """From now on, by what keeps traces; by nothing again where it is left out."""
    global _begin  # noqa: PLW0603 - as whose traces they are: a process has one that keeps them
    _begin = begin
