"""Trackio: https://huggingface.co/docs/trackio. It keeps all on this machine, in TRACKIO_DIR."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from diptych.training.tracking.dashboard import PROJECT, Dashboard


class Trackio(Dashboard):
    """A run of the project that TRACKIO_PROJECT names."""

    package = "trackio"
    quiet: ClassVar = {"GRADIO_ANALYTICS_ENABLED": "False", "HF_HUB_DISABLE_TELEMETRY": "1"}

    def __init__(self) -> None:
        super().__init__()
        # What they print would stand in the midst of the progress.
        for module in (self.library, self.library.run, self.library.utils):
            module.print = _say_nothing

    def begin(self, out: Path, identity: str, config: Mapping[str, Any]) -> str:
        """Runs are known by their names, so the identity is part of it."""
        project = os.environ.get("TRACKIO_PROJECT", PROJECT)
        self.run = self.library.init(
            project=project,
            name=f"{out.resolve().name}-{identity[:6]}",
            resume="allow",
            config=dict(config),
            embed=False,
            auto_log_gpu=False,
            auto_log_cpu=False,
        )
        return f"run {self.run.name}: trackio show --project {project}"

    def add_figures(self, step: int, figures: Mapping[str, float]) -> None:
        """Under their step."""
        self.run.log(dict(figures), step=step)

    def add_picture(self, step: int, path: Path) -> None:
        """A copy of the file."""
        self.run.log({"previews": self.library.Image(path)}, step=step)

    def add_results(self, results: Mapping[str, Any]) -> None:
        """As a last row."""
        self.run.log(dict(results))

    def end(self, finished: bool) -> None:  # noqa: ARG002
        """A run that was stopped is as much at an end, until it goes on."""
        self.run.finish()


def _say_nothing(*_: object, **__: object) -> None:
    """In place of `print`."""
