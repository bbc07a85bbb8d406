"""What the doctor says: findings, each with what it is, where, how sure, and what to do."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

# error: training would stop, or learn what is wrong. warning: it would learn less, or the scores
# would flatter. note: worth knowing.
Severity = Literal["error", "warning", "note"]
# certain: the files say so. likely: far outside of what sound pairs have. possible: look at it.
Sureness = Literal["certain", "likely", "possible"]
SEVERITIES: tuple[Severity, ...] = ("error", "warning", "note")


@dataclass(frozen=True)
class Place:
    """A file or a pair that a finding is about.

    `pair` and `twin`: numbers in the survey, of the pair and of one that it repeats.
    """

    file: str
    detail: str = ""
    pair: int | None = None
    twin: int | None = None


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong. `leave_out`: a cleaned table does without the pairs of `places`."""

    kind: str
    severity: Severity
    sure: Sureness
    message: str
    advice: str
    places: Sequence[Place] = ()
    leave_out: bool = False


def in_order(findings: Sequence[Finding]) -> list[Finding]:
    """The worst first."""
    return sorted(findings, key=lambda finding: SEVERITIES.index(finding.severity))


def count(number: int, one: str, more: str = "") -> str:
    """As `1 file` or `1,200 files`."""
    return f"{number:,} {one if number == 1 else more or one + 's'}"
