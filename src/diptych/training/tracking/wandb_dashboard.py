"""Weights & Biases: https://docs.wandb.ai/ref/python/. WANDB_MODE=offline keeps all in `out`."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from diptych.training.tracking.dashboard import PROJECT, Dashboard


class WeightsAndBiases(Dashboard):
    """A run of the project that WANDB_PROJECT names."""

    package = "wandb"
    quiet: ClassVar = {"WANDB_ERROR_REPORTING": "false"}

    def begin(self, out: Path, identity: str, config: Mapping[str, Any]) -> str:
        """`step` is a figure as others are: of steps that are made again it takes both."""
        self.run = self.library.init(
            project=os.environ.get("WANDB_PROJECT", PROJECT),
            id=identity,
            resume="allow",
            name=os.environ.get("WANDB_NAME", out.resolve().name),
            dir=os.environ.get("WANDB_DIR", str(out)),
            config=dict(config),
            settings=self.library.Settings(silent=True, console="off", save_code=False),
        )
        self.run.define_metric("step")
        self.run.define_metric("*", step_metric="step")
        if self.run.offline:
            folder = Path(self.run.dir).parent
            return f"kept in {folder}: wandb sync {folder}"
        return str(self.run.url)

    def add_figures(self, step: int, figures: Mapping[str, float]) -> None:
        """As one row."""
        self.run.log({"step": step, **figures})

    def add_picture(self, step: int, path: Path) -> None:
        """A copy of the file."""
        self.run.log({"step": step, "previews": self.library.Image(str(path))})

    def add_results(self, results: Mapping[str, Any]) -> None:
        """Into the run's summary."""
        self.run.summary.update(dict(results))

    def end(self, finished: bool) -> None:  # noqa: ARG002
        """A run that was stopped is as much at an end, until it goes on."""
        self.run.finish()
