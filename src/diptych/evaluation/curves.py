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
TAKEN_FOR_REAL = {
    "target": "Targets taken for real",
    "translated": "Translated taken for real",
}


@dataclass(frozen=True)
class Curve:
    """One number logged over the steps of a run."""

    label: str
    steps: Sequence[float]
    values: Sequence[float]


@dataclass(frozen=True)
class Remark:
    """What the referee said of a run, and when."""

    step: int
    words: str


def read_log(path: Path) -> list[dict[str, Any]]:
    """The lines of a run's `log.jsonl`; one that a crash cut short or damaged is left out."""
    lines = path.read_bytes().splitlines() if path.is_file() else ()
    return [entry for entry in map(_entry, lines) if entry is not None]


def _entry(line: bytes) -> dict[str, Any] | None:
    """What a line says; None where it is none of a log."""
    try:
        entry = json.loads(line.decode("utf-8"))
    except (ValueError, RecursionError):
        return None
    if not isinstance(entry, dict) or not all(map(_is_number, _numbers(entry))):
        return None
    words = entry.get("findings", [])
    return entry if isinstance(words, list) and all(isinstance(one, str) for one in words) else None


def _numbers(entry: dict[str, Any]) -> list[Any]:
    """What of an entry has to be numbers."""
    scores = entry.get("scores", {})
    values = [*scores.values()] if isinstance(scores, dict) else [None]
    return [entry.get("step"), *values, *(entry[name] for name in LOSSES if name in entry)]


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def run_curves(log: Path) -> list[Curve]:
    """Scores in validation and losses over steps, as far as the log has them."""
    entries = read_log(log)
    # Untrained, it scores so badly that a chart would show nothing else.
    validations = [entry for entry in entries if "scores" in entry and entry["step"]]
    scores = [{"step": entry["step"], **entry["scores"]} for entry in validations]
    curves = [_curve(f"{m.label} in validation", scores, m.name) for m in METRICS.values()]
    curves += [_curve(label, entries, name) for name, label in LOSSES.items()]
    taken = [
        {"step": entry["step"], **entry["taken_for_real"]}
        for entry in entries
        if "taken_for_real" in entry
    ]
    curves += [_curve(label, taken, name) for name, label in TAKEN_FOR_REAL.items()]
    return [curve for curve in curves if len(curve.steps) > 1]


def remarks(log: Path) -> list[Remark]:
    """What the referee said, in the order of the steps."""
    return [
        Remark(entry["step"], words)
        for entry in read_log(log)
        for words in entry.get("findings", ())
    ]


def _curve(label: str, entries: Sequence[dict[str, Any]], name: str) -> Curve:
    having = [entry for entry in entries if name in entry]
    return Curve(label, [entry["step"] for entry in having], [entry[name] for entry in having])
