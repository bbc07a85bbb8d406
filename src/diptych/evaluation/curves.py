"""The curves of a run, from its log."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from diptych.evaluation.summary import METRICS

LOSSES = {
    "g_l1": "L1 loss of the generator",
    "g_adversarial": "Adversarial loss of the generator",
    "d_real": "Discriminator loss, targets",
    "d_translated": "Discriminator loss, translated",
}


@dataclass(frozen=True)
class Curve:
    """One number logged over the steps of a run."""

    label: str
    steps: Sequence[float]
    values: Sequence[float]


def read_log(path: Path) -> list[dict[str, Any]]:
    """The lines of a run's `log.jsonl`; one that a crash cut short is left out."""
    entries = []
    for line in path.read_bytes().splitlines() if path.is_file() else ():
        try:
            entries.append(json.loads(line))
        except json.JSONDecodeError:
            continue
    return entries


def run_curves(log: Path) -> list[Curve]:
    """Scores in validation and losses over steps, as far as the log has them."""
    entries = read_log(log)
    # Untrained, it scores so badly that a chart would show nothing else.
    validations = [entry for entry in entries if "scores" in entry and entry["step"]]
    scores = [{"step": entry["step"], **entry["scores"]} for entry in validations]
    curves = [_curve(f"{m.label} in validation", scores, m.name) for m in METRICS.values()]
    curves += [_curve(label, entries, name) for name, label in LOSSES.items()]
    return [curve for curve in curves if len(curve.steps) > 1]


def _curve(label: str, entries: Sequence[dict[str, Any]], name: str) -> Curve:
    having = [entry for entry in entries if name in entry]
    return Curve(label, [entry["step"] for entry in having], [entry[name] for entry in having])
