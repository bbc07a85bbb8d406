"""A checkup as lines for the terminal and as JSON."""

import json
from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from diptych.doctor.check import Checkup
from diptych.doctor.class_rules import class_balance
from diptych.doctor.facts import value_range, value_sample
from diptych.doctor.findings import SEVERITIES, Finding, count
from diptych.whole_file import write_whole

BINS = 51  # of a histogram of values: 5 levels of 255 each


def verdict(checkup: Checkup) -> str:
    """The outcome in a sentence."""
    severities = Counter(finding.severity for finding in checkup.findings)
    counts = ", ".join(count(severities[name], name) for name in SEVERITIES if severities[name])
    pairs = count(len(checkup.survey.pairs), "pair")
    if checkup.harmful:
        return f"Training would be harmed: {counts} in {pairs}."
    if counts:
        return f"Fit to train on, with {counts} in {pairs}."
    return f"Nothing found in {pairs}."


def notes(checkup: Checkup) -> list[str]:
    """What was noted when the pairs were found, but for the files that a finding names."""
    return [note for note in checkup.survey.data.notes if "no partner" not in note]


def where(finding: Finding, most: int | None = None) -> list[str]:
    """The files of a finding with what was seen there, a line each; `most` of them, and the rest
    counted.
    """
    places = finding.places[:most]
    lines = [f"{place.file}: {place.detail}" if place.detail else place.file for place in places]
    more = len(finding.places) - len(places)
    return [*lines, f"and {more:,} more"] if more else lines


def histogram(checkup: Checkup, side: int) -> tuple[np.ndarray, np.ndarray]:
    """Shares of the values in BINS equal steps, and the BINS + 1 ends of these."""
    sample, ends = value_sample(checkup.survey, side), value_range(checkup.survey, side)
    low, high = ends or (0.0, 0.0)
    counts, edges = np.histogram(sample, BINS, (low, high if high > low else low + 1))
    return counts / max(1, counts.sum()), edges


def write_json(path: Path, checkup: Checkup) -> None:
    """Everything: facts, values and labels of both sides, and all files of all findings."""
    survey = checkup.survey
    content = {
        "verdict": verdict(checkup),
        "harmful": checkup.harmful,
        "pairs": {split: len(pairs) for split, pairs in survey.data.splits.items()},
        "facts": checkup.facts,
        "sides": [_side(checkup, side) for side in range(len(survey.domains))],
        "findings": [_finding(checkup, finding) for finding in checkup.findings],
    }
    write_whole(path, json.dumps(content, indent=1) + "\n")


def _side(checkup: Checkup, side: int) -> dict[str, Any]:
    survey = checkup.survey
    shares, edges = histogram(checkup, side)
    return {
        "domain": survey.domains[side],
        "values": value_range(survey, side),
        "histogram": {"edges": edges.tolist(), "shares": shares.tolist()},
        "labels": {label.name: label.share for label in class_balance(survey, side)},
    }


def _finding(checkup: Checkup, finding: Finding) -> dict[str, Any]:
    pairs = checkup.survey.pairs
    content = asdict(finding)
    for place in content["places"]:
        for key in ("pair", "twin"):
            place[key] = None if place[key] is None else pairs[place[key]].name
    return content
