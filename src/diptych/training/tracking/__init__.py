"""Experiment trackers by name; their packages are extras, imported when one is asked for."""

from collections.abc import Callable

from diptych.errors import DiptychError
from diptych.training.trackers import Tracker
from diptych.training.tracking.dashboard import Dashboard
from diptych.training.tracking.mlflow_dashboard import MLflow
from diptych.training.tracking.reporting import Reporting
from diptych.training.tracking.trackio_dashboard import Trackio
from diptych.training.tracking.wandb_dashboard import WeightsAndBiases

DASHBOARDS: dict[str, type[Dashboard]] = {
    "wandb": WeightsAndBiases,
    "mlflow": MLflow,
    "trackio": Trackio,
}
ALWAYS = "tensorboard"  # every run writes for it


def trackers_named(names: str, note: Callable[[str], object]) -> list[Tracker]:
    """Trackers for `diptych.train`, of `names` such as `wandb,mlflow`; `note` hears of faults.

    `tensorboard` adds none: every run writes for it. Raises DiptychError where a name is none of
    these, or where the package of one is missing.
    """
    asked = dict.fromkeys(filter(None, (name.strip() for name in names.split(","))))
    unknown = [name for name in asked if name not in {*DASHBOARDS, ALWAYS}]
    if unknown:
        known = ", ".join([*DASHBOARDS, ALWAYS])
        raise DiptychError(f"--track {unknown[0]}: no such tracker; there are {known}")
    return [Reporting(name, DASHBOARDS[name](), note) for name in asked if name != ALWAYS]
