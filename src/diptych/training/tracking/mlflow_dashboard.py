"""MLflow: https://mlflow.org/docs/latest/ml/tracking.

MLFLOW_TRACKING_URI says where it keeps all.
"""

import logging
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from diptych.training.tracking.dashboard import PROJECT, Dashboard

IDENTITY = "diptych.run"  # a tag, by which a run that goes on is found


class MLflow(Dashboard):
    """A run of the experiment that MLFLOW_EXPERIMENT_NAME names."""

    package = "mlflow"
    quiet: ClassVar = {"MLFLOW_DISABLE_TELEMETRY": "true"}

    def begin(self, out: Path, identity: str, config: Mapping[str, Any]) -> str:
        """The recipe's keys become the run's parameters."""
        logging.getLogger("mlflow").setLevel(logging.WARNING)  # it tells of each table it makes
        self.client = self.library.MlflowClient()
        name = os.environ.get("MLFLOW_EXPERIMENT_NAME", PROJECT)
        experiment = self.client.get_experiment_by_name(name)
        number = experiment.experiment_id if experiment else self.client.create_experiment(name)
        runs = self.client.search_runs([number], f"tags.`{IDENTITY}` = '{identity}'", max_results=1)
        if runs:
            self.run = runs[0].info.run_id
            self.client.update_run(self.run, "RUNNING")
            known = runs[0].data.params
        else:
            tags = {IDENTITY: identity}
            run = self.client.create_run(number, tags=tags, run_name=out.resolve().name)
            self.run, known = run.info.run_id, {}
        # A parameter is written once: what changed since, as the budget, is a tag.
        entities = self.library.entities
        params = [entities.Param(key, str(value)) for key, value in config.items()]
        self._batch(params=[one for one in params if one.key not in known])
        changed = [one for one in params if known.get(one.key, one.value) != one.value]
        self._batch(tags=[entities.RunTag(f"now.{one.key}", one.value) for one in changed])
        return f"run {self.run} of the experiment {name} in {self.library.get_tracking_uri()}"

    def add_figures(self, step: int, figures: Mapping[str, float]) -> None:
        """In one request."""
        now = int(1000 * time.time())
        metric = self.library.entities.Metric
        self._batch(metrics=[metric(key, float(figures[key]), now, step) for key in figures])

    def add_picture(self, step: int, path: Path) -> None:  # noqa: ARG002
        """As an artifact, under its own name."""
        self.client.log_artifact(self.run, str(path), "previews")

    def add_results(self, results: Mapping[str, Any]) -> None:
        """Scores become metrics, the model's place a tag."""
        now, entities = int(1000 * time.time()), self.library.entities
        scores = {key: value for key, value in results.items() if isinstance(value, float)}
        self._batch(
            metrics=[entities.Metric(key, value, now, 0) for key, value in scores.items()],
            tags=[
                entities.RunTag(key, str(value))
                for key, value in results.items()
                if key not in scores
            ],
        )

    def end(self, finished: bool) -> None:
        """A run that was stopped is KILLED, in MLflow's words, until it goes on."""
        self.client.set_terminated(self.run, "FINISHED" if finished else "KILLED")

    def _batch(self, **entries: Any) -> None:
        if any(entries.values()):
            self.client.log_batch(self.run, **entries)
