from pathlib import Path

import numpy as np
import pytest
from tests.translation.jobs.of_function import OfFunction
from tests.translation.jobs.test_pipeline import read, write

from diptych.groups import GROUP
from diptych.translation.jobs.file_plan import Plan, plan_files
from diptych.translation.jobs.pipeline import Outcome, translate_files
from diptych.translation.jobs.shares import shares_of


@pytest.mark.parametrize("count", [1, 2, 3, 7])
def test_shares_hold_every_picture_and_video_once_in_groups_of_the_plan(count, tmp_path):
    jobs = [(Path(f"{i}.png"), tmp_path / f"{i}.png") for i in range(150)]
    videos = [(Path(f"{i}.mp4"), tmp_path / f"{i}.mp4") for i in range(5)]
    for i in (*range(32, 64), 70):  # a whole group, and one of another
        (tmp_path / f"{i}.png").touch()
    (tmp_path / "2.mp4").touch()
    shares, kept = shares_of(Plan(jobs, videos), count)
    assert kept == GROUP + 1
    assert sorted(job for share in shares for job in share.jobs) == sorted(jobs[:32] + jobs[64:])
    assert sorted(job for share in shares for job in share.videos) == videos[:2] + videos[3:]
    for share in shares:
        for begin in range(0, len(share.jobs), GROUP):
            group = share.jobs[begin : begin + GROUP]
            first = jobs.index(group[0])
            assert first % GROUP == 0
            assert group == jobs[first : first + GROUP]
    assert shares_of(Plan(jobs, videos), count, overwrite=True)[1] == 0


def test_what_is_missing_is_translated_in_the_company_that_it_had(tmp_path):
    """Whatever was there already: a result may depend on that by a level."""
    folder = write(tmp_path / "in", 40)
    (folder / "003.png").write_text("no picture")
    given = []

    def invert(sources: np.ndarray) -> np.ndarray:
        given.append([int(source[0, 0, 0]) for source in sources])
        return ~sources

    plan = plan_files([str(folder)], tmp_path / "out")
    translate_files(OfFunction(invert, at_once=6), plan)
    batches = list(given)
    assert batches[:2] == [[0, 1, 2], [4, 5, 6, 7, 8, 9]], "what says no size has no company"
    assert batches[5:7] == [[28, 29, 30, 31], [32, 33, 34, 35, 36, 37]]
    for i in (5, 7, 39):
        (tmp_path / "out" / f"{i:03}.png").unlink()
    kept = read(tmp_path / "out" / "006.png")
    (tmp_path / "out" / "006.png").write_bytes(b"mine")
    given.clear()
    outcome = translate_files(OfFunction(invert, at_once=6), plan)
    assert (outcome.translated, outcome.kept, len(outcome.failures)) == (3, 36, 1)
    assert given == [batches[1], batches[-1]]
    assert (tmp_path / "out" / "006.png").read_bytes() == b"mine"
    assert np.array_equal(kept, ~read(folder / "006.png"))


def test_outcomes_are_told_of_as_one():
    both = Outcome(translated=2, kept=1, failures=["a"], far=["a is far"])
    both.add(Outcome(translated=3, failures=["b"], far=["b is far"], about_videos=["c"]))
    assert (both.translated, both.kept, both.failures) == (5, 1, ["a", "b"])
    assert both.notes == ["a is far (and 1 more)", "c"]
