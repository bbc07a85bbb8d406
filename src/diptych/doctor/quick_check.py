"""The part of the check that takes seconds, before every training: headers, nothing decoded."""

import time
from dataclasses import replace

from diptych.data.pairs import PairedData, evenly_spread, sides
from diptych.doctor.checkup_words import where
from diptych.doctor.file_rules import channels, depth, unreadable
from diptych.doctor.findings import in_order
from diptych.doctor.size_rules import sizes, too_small
from diptych.doctor.survey import Record, list_pairs, read_header
from diptych.schema import Recipe

MOST = 2000  # pairs looked at, evenly spread
SECONDS = 3.0  # a slow disk ends it sooner


def quick_notes(data: PairedData, recipe: Recipe) -> list[str]:
    """A line for each thing that is wrong with the files, as far as their headers tell."""
    survey = list_pairs(data)
    until = time.monotonic() + SECONDS
    looked = []
    for number in evenly_spread(range(len(survey.pairs)), MOST):
        if time.monotonic() > until:
            break
        survey.records.append(Record(tuple(map(read_header, sides(survey.pairs[number])))))
        looked.append(number)
    seen = replace(
        survey,
        pairs=[survey.pairs[number] for number in looked],
        splits=[survey.splits[number] for number in looked],
    )
    findings = [*unreadable(seen), *channels(seen), *depth(seen)]
    findings += [*sizes(seen, recipe), *too_small(seen, recipe)]
    some = f"of {len(looked):,} pairs looked at, " if len(looked) < len(survey.pairs) else ""
    notes = [
        f"{some}{finding.message} ({'; '.join(where(finding, 2))}): {finding.advice}"
        for finding in in_order(findings)
        if finding.severity != "note"
    ]
    if notes:
        notes.append(f"`diptych data check {data.root}` looks further")
    return notes
