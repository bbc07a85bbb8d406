"""What a tracker's package is asked for."""

import os
from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from diptych.errors import optional

PROJECT = "diptych"  # that runs are kept in, unless the package is told another


class Dashboard(ABC):
    """One run, as a tracker's package keeps it; whatever that raises is raised.

    `quiet`: variables of the environment, set where nobody set them, so that the package tells
    its makers nothing of whoever uses it. Raises DiptychError where the package is missing.
    """

    package: ClassVar[str]
    quiet: ClassVar[Mapping[str, str]]

    def __init__(self) -> None:
        for name, value in self.quiet.items():
            os.environ.setdefault(name, value)
        self.library: Any = optional(
            self.package,
            f"--track {self.package}: needs its package: pip install 'diptych[{self.package}]'",
        )

    @abstractmethod
    def begin(self, out: Path, identity: str, config: Mapping[str, Any]) -> str:
        """Begin, or go on with, the run of an identity; where it can be looked at."""

    @abstractmethod
    def add_figures(self, step: int, figures: Mapping[str, float]) -> None:
        """Losses or scores, by name."""

    @abstractmethod
    def add_picture(self, step: int, path: Path) -> None:
        """The previews of a validation, a PNG file."""

    @abstractmethod
    def add_results(self, results: Mapping[str, Any]) -> None:
        """What a finished run came to: where its model is, and the scores of that."""

    @abstractmethod
    def end(self, finished: bool) -> None:
        """Close the run: finished, or stopped and to go on."""
