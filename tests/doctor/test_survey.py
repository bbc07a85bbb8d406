import os
import signal
import subprocess
import sys

import numpy as np
import pytest

from diptych.data.layouts import find_pairs, look_for_pairs
from diptych.doctor import survey as surveys
from diptych.doctor.processes import in_processes
from diptych.doctor.survey import list_pairs, read_all
from diptych.errors import DiptychError


def test_other_processes_measure_the_same(made_pairs, recipe):
    """Spawned ones, which read what this one would, in the same order."""
    told, records = [], []
    for processes in (1, 2):
        survey = list_pairs(look_for_pairs(made_pairs, recipe))
        read_all(survey, lambda *at: told.append(at), processes)
        records.append(survey.records)
    assert told == [(number, 12) for number in range(1, 13)] * 2
    for one, other in zip(*records, strict=True):
        assert one.shift == other.shift
        for mine, theirs in zip(one.sides, other.sides, strict=True):
            assert mine.header == theirs.header
            assert mine.look.hash == theirs.look.hash
            assert np.array_equal(mine.look.features, theirs.look.features)
            assert np.array_equal(mine.values, theirs.values)


def test_reading_needs_no_torch():
    code = "import sys, diptych.doctor.survey; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_file_with_both_sides_is_decoded_once(made_pairs, recipe, monkeypatch):
    read, real = [], surveys.read_shown
    monkeypatch.setattr(surveys, "read_shown", lambda *at: (read.append(at[0]), real(*at))[1])
    read_all(list_pairs(look_for_pairs(made_pairs, recipe)), processes=1)
    assert len(read) == len(set(read)) == 12


def test_a_pair_that_stands_in_for_other_splits_is_one(made_pairs, recipe):
    for path in sorted((made_pairs / "train").iterdir())[3:]:
        path.unlink()
    survey = list_pairs(find_pairs(made_pairs, recipe))
    assert survey.splits == [("train", "val", "test")] * 3


@pytest.mark.slow
def test_a_process_that_is_killed_is_one_line():
    with pytest.raises(DiptychError, match="want of memory"):
        list(in_processes(_die, range(8), processes=2))


def _die(number: int) -> None:
    os.kill(os.getpid(), signal.SIGKILL)
