"""The part of the check that takes seconds, before every training: headers, and a few pictures."""

import time
from dataclasses import replace

from diptych.data.domains import Domains
from diptych.data.pairs import PairedData, evenly_spread, sides
from diptych.doctor.checkup_words import where
from diptych.doctor.file_rules import channels, depth, not_read, unreadable
from diptych.doctor.findings import Finding, in_order
from diptych.doctor.size_rules import panel_shape, sizes, too_small
from diptych.doctor.survey import Record, Survey, examine, list_pairs, read_header
from diptych.doctor.value_rules import far_off, few_levels, no_data, refused
from diptych.schema import Recipe

MOST = 2000  # pairs looked at, evenly spread
SECONDS = 3.0  # a slow disk ends it sooner
READ = 8  # pairs that are read, within the same time


def quick_notes(data: PairedData, recipe: Recipe, domains: Domains) -> list[str]:
    """A line for each thing that is wrong with the files, as far as their headers tell.

    A few of them are read, for what their values say; `domains` are what training takes them as.
    """
    survey = list_pairs(data)
    survey.taken_as = domains
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
    findings = [*unreadable(seen), *channels(seen), *depth(seen), *not_read(seen)]
    findings += [*sizes(seen, recipe), *panel_shape(seen), *too_small(seen, recipe)]
    few = _read(survey, until)
    findings += [*refused(few), *no_data(few), *far_off(few), *few_levels(few)]
    some = f"of {len(looked):,} pairs looked at, " if len(looked) < len(survey.pairs) else ""
    notes = [
        f"{some}{finding.message}{_where(finding)}: {finding.advice}"
        for finding in in_order(findings)
        if finding.severity != "note"
    ]
    if notes:
        fix = any(finding.leave_out for finding in findings)
        further = (
            " --fix FOLDER` looks further, and leaves such pairs out" if fix else "` looks further"
        )
        notes.append(f"`diptych data check {data.root}{further}")
    return notes


def _read(survey: Survey, until: float) -> Survey:
    """Some of the pairs, read whole."""
    few = replace(survey, pairs=[], splits=[], records=[])
    for number in evenly_spread(range(len(survey.pairs)), READ):
        if time.monotonic() > until:
            break
        few.pairs.append(survey.pairs[number])
        few.splits.append(survey.splits[number])
        few.records.append(examine((survey.pairs[number], False), survey.labels, survey.taken_as))
    return few


def _where(finding: Finding) -> str:
    return f" ({'; '.join(where(finding, 2))})" if finding.places else ""
