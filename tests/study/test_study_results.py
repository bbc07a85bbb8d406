"""What is made of raters' answers."""

import math

import pytest

from diptych.errors import DiptychError
from diptych.study.study_pictures import Trial
from diptych.study.study_results import (
    DESIGN,
    Answer,
    Rating,
    outcome,
    read_ratings,
    wilson,
    write_answers,
)


def ratings(*fooled: int) -> list[Rating]:
    return [Rating(str(i), 40, count, finished=True) for i, count in enumerate(fooled)]


def test_one_rater_gets_the_interval_over_trials():
    found = outcome(ratings(10))
    assert (found.over, found.error) == ("trials", None)
    # Wilson's of 10 in 40, from a table
    assert (found.rate.low, found.rate.high) == pytest.approx((0.1419, 0.4019), abs=1e-4)


def test_several_get_the_papers_standard_error_and_an_interval_over_raters():
    found = outcome([*ratings(4, 8, 12), Rating("left", 20, 20, finished=False)])
    assert (found.raters, found.unfinished, found.over) == (3, 1, "raters")
    assert found.rate.mean == pytest.approx(0.2)
    assert found.error == pytest.approx(0.1 / math.sqrt(3))
    assert found.rate.high - found.rate.mean == pytest.approx(4.3027 * 0.1 / math.sqrt(3))
    assert found.rate.low == 0  # cut where a share ends


def test_raters_who_do_not_differ_leave_room_for_doubt():
    found = outcome(ratings(0, 0, 0))
    assert (found.over, found.error, found.rate.low) == ("trials", 0, 0)
    assert found.rate.high == pytest.approx(wilson(0, 120).high) == pytest.approx(0.031, abs=1e-3)


def test_nobody_tells_nothing():
    found = outcome([Rating("left", 3, 1, finished=False)])
    assert (found.raters, found.trials, found.rate.low, found.rate.high) == (0, 0, 0, 1)


def test_answers_are_read_as_they_were_written(tmp_path):
    trials = [Trial("b", "a, with a comma", photo_left=i % 2 == 0) for i in range(4)]
    answers = [Answer(trial, i == 0, left=True, seconds=0.25) for i, trial in enumerate(trials)]
    (tmp_path / DESIGN).write_text("{}")
    write_answers(tmp_path, "ab", answers, of=4)
    write_answers(tmp_path, "cd", answers[:2], of=4)
    assert read_ratings(tmp_path) == [Rating("ab", 3, 2, True), Rating("cd", 1, 1, False)]
    lines = (tmp_path / "rater-ab.csv").read_text().splitlines()
    assert lines[0] == "rater,trial,practice,pair,photo,real,answer,correct,seconds,of"
    assert lines[2] == 'ab,2,no,"a, with a comma",b,right,left,no,0.250,4'


@pytest.mark.parametrize("content", [b"", b"rater,trial\nx,1\n", b"\xff\xfe", b"<html>"])
def test_a_damaged_table_is_one_line(tmp_path, content):
    (tmp_path / DESIGN).write_text("{}")
    (tmp_path / "rater-x.csv").write_bytes(content)
    with pytest.raises(DiptychError, match=r"rater-x\.csv: no table of a rater's answers"):
        read_ratings(tmp_path)


def test_a_folder_without_a_study_is_one_line(tmp_path):
    with pytest.raises(DiptychError, match="holds no study"):
        read_ratings(tmp_path)
