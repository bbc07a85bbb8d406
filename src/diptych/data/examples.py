"""Pairs that do not lie in files of their own, as a source gives them: example after example."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Protocol

Example = Mapping[str, Any]  # names of domains and their pictures, and what is none of these:
NO_DOMAINS = frozenset({"split", "name"})


class SourcePart(Protocol):
    """Examples that one process brings, as those of a shard: always the same, in one order."""

    def after(self, count: int, position: Any) -> Iterator[Example]:
        """All but the first `count`; `position` is what it was at that place, None at the first."""

    def position(self) -> Any:
        """What leads on from the example that was given last, in JSON's terms; None: its count."""


class ExampleSource(ABC):
    """What gives examples in parts, each of which can be gone on with from where it was left."""

    @property
    @abstractmethod
    def location(self) -> str:
        """What errors call it."""

    @property
    @abstractmethod
    def identity(self) -> str | None:
        """A text that changes when its pictures do; None where only they tell that."""

    @abstractmethod
    def parts(self, version: str) -> Sequence[SourcePart]:
        """Those of a version; raises DiptychError where they cannot be had."""

    def version(self) -> str:
        """What it is just now, so that it is gone on with as it was; raises as `parts`."""
        return ""

    def size(self) -> int:
        """About the bytes that its pictures take; 0 where nobody knows before they are brought."""
        return 0


@dataclass(frozen=True)
class InOnePart(ExampleSource):
    """Anything that gives examples, as a source of one part; what was given is gone through again.

    `identity` and `location` are those of the examples, where they have any.
    """

    examples: Iterable[Example]

    @property
    def location(self) -> str:
        """Data, where it says nothing else."""
        return str(getattr(self.examples, "location", "data"))

    @property
    def identity(self) -> str | None:
        """None: only its pictures tell when they change."""
        identity = getattr(self.examples, "identity", None)
        return None if identity is None else str(identity)

    def parts(self, version: str) -> Sequence[SourcePart]:  # noqa: ARG002
        """Itself."""
        return [self]

    def after(self, count: int, position: Any) -> Iterator[Example]:  # noqa: ARG002
        """All but the first `count`."""
        return islice(iter(self.examples), count, None)

    def position(self) -> Any:
        """Its count leads on."""
        return None
