"""What raters answered: a table for each, written whole after every answer; and the rate."""

import csv
import io
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import stdev

from diptych.errors import DiptychError
from diptych.evaluation.summary import Interval, interval_of
from diptych.study.study_pictures import Trial
from diptych.whole_file import whole_file

COLUMNS = (
    "rater",
    "trial",  # from 1; those of practice come first
    "practice",
    "pair",  # of the translated picture
    "photo",  # the pair that the photo is of
    "real",  # side that it was on
    "answer",  # side that was taken for it
    "correct",
    "seconds",  # from when the pictures were gone to the answer
    "of",  # trials of a whole session: a rater with fewer has not finished
)

DESIGN = "study.json"  # in every folder of answers: what they are about


@dataclass(frozen=True)
class Answer:
    """A trial, and what a rater said."""

    trial: Trial
    practice: bool
    left: bool  # the left one was taken for the photo
    seconds: float

    @property
    def correct(self) -> bool:
        """Whether it was the photo."""
        return self.left == self.trial.photo_left


@dataclass(frozen=True)
class Rating:
    """The trials of one rater, practice left out: how many, and in how many the model fooled."""

    rater: str
    trials: int
    fooled: int
    finished: bool


@dataclass(frozen=True)
class Outcome:
    """Of those who finished: how often a translated picture was taken for the photo.

    `error` is the standard error over raters, as the paper gives it; None where one rater tells
    nothing about others. The interval, 95 %, is Student's t over raters; where they do not differ,
    as one rater does not, it is Wilson's over trials.
    """

    raters: int
    unfinished: int
    trials: int
    rate: Interval
    error: float | None
    over: str  # raters or trials


def write_answers(folder: Path, rater: str, answers: Sequence[Answer], of: int) -> None:
    """Write all answers of a rater to `rater-ID.csv`."""
    path = folder / f"rater-{rater}.csv"
    with whole_file(path) as aside, aside.open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(COLUMNS)
        for number, answer in enumerate(answers, 1):
            trial, seconds = answer.trial, f"{answer.seconds:.3f}"
            pair = trial.translated, trial.photo
            sides = ["left" if left else "right" for left in (trial.photo_left, answer.left)]
            practice, correct = ("yes" if so else "no" for so in (answer.practice, answer.correct))
            rows.writerow([rater, number, practice, *pair, *sides, correct, seconds, of])


def read_ratings(folder: Path) -> list[Rating]:
    """The ratings in a folder; raises DiptychError where it holds no study, or a damaged table."""
    if not (folder / DESIGN).is_file():
        raise DiptychError(f"{folder}: holds no study; --out names the folder of its answers")
    return [_read(path) for path in sorted(folder.glob("rater-*.csv"))]


def _read(path: Path) -> Rating:
    try:
        rows = list(csv.DictReader(io.StringIO(path.read_text("utf-8"))))
        counted = [row for row in rows if row["practice"] == "no"]
        fooled = sum(row["real"] != row["answer"] for row in counted)
        return Rating(rows[0]["rater"], len(counted), fooled, len(rows) == int(rows[0]["of"]))
    except (OSError, ValueError, KeyError, IndexError, TypeError, csv.Error) as error:
        raise DiptychError(f"{path}: no table of a rater's answers ({error!r})") from None


def outcome(ratings: Sequence[Rating]) -> Outcome:
    """How often the translated pictures were taken for photos, by those who finished."""
    done = [rating for rating in ratings if rating.finished and rating.trials]
    rates = [rating.fooled / rating.trials for rating in done]
    trials, fooled = sum(r.trials for r in done), sum(r.fooled for r in done)
    if len(set(rates)) > 1:
        over, rate = "raters", interval_of(rates, 0, 1)
    else:
        over, rate = "trials", wilson(fooled, trials)
    error = stdev(rates) / math.sqrt(len(rates)) if len(rates) > 1 else None
    return Outcome(len(done), len(ratings) - len(done), trials, rate, error, over)


def wilson(count: int, total: int) -> Interval:
    """Wilson's 95 % interval of a share; from 0 to 1 where there is nothing to count."""
    if total == 0:
        return Interval(math.nan, 0.0, 1.0, 0)
    share, z = count / total, 1.959964
    centre = (share + z**2 / (2 * total)) / (1 + z**2 / total)
    half = z * math.sqrt(share * (1 - share) / total + z**2 / (4 * total**2)) / (1 + z**2 / total)
    return Interval(share, max(0.0, centre - half), min(1.0, centre + half), total)
