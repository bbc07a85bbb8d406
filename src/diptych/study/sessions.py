"""A perceptual study (section 4.1 of the paper): who sits where in it, and what they answered."""

import json
import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from diptych.errors import DiptychError
from diptych.study.study_pictures import Pictures, Trial
from diptych.study.study_results import DESIGN, Answer, write_answers
from diptych.whole_file import write_whole

MOST_AT_ONCE = 500  # sessions that are held; of more, those go that nobody answers in any more
# Seconds without an answer, after which that is so; of those who gave none yet. A stranger can
# begin 500 sessions at once, but not answer in all of them for long.
IDLE, NEW = 600.0, 60.0


class RefusedError(Exception):
    """What a browser asked for is not to be had; a line for the person before it."""


@dataclass(frozen=True)
class Design:
    """The paper's by default."""

    practice: int = 10
    trials: int = 40
    seconds: float = 1.0  # that both pictures are seen
    other_pairs: bool = False  # the photo is of another pair than the translated picture
    seed: int = 0

    @property
    def whole(self) -> int:
        """Trials of a session."""
        return self.practice + self.trials


@dataclass
class Session:
    """One rater on the way; `names` are those of the two pictures of the trial at hand."""

    rater: str
    trials: list[Trial]
    answers: list[Answer] = field(default_factory=list)
    names: tuple[str, str] = ("", "")
    heard: float = field(default_factory=time.monotonic)  # when it was answered in, or began


@dataclass(eq=False, repr=False)
class Study:
    """Takes raters through their trials. `folder` is where their answers go, after each.

    Pictures have random names, anew in every trial, and a name is worth nothing after it. What is
    right is said after an answer, and in practice only. Many may take part at once. `on_finish` is
    told of a rater who has answered all.
    """

    pictures: Pictures
    design: Design
    folder: Path
    on_finish: Callable[[str], object] = lambda _: None
    _sessions: dict[str, Session] = field(default_factory=dict, init=False)
    _visible: dict[str, bytes] = field(default_factory=dict, init=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False)

    def begin(self) -> dict[str, Any]:
        """A new rater, and the first trial.

        Raises RefusedError where too many take part: none of them loses a place to another.
        """
        rater, design = secrets.token_hex(4), self.design
        seed = design.seed, int(rater, 16)
        order = self.pictures.trials(design.whole, design.other_pairs, seed)
        with self._lock:
            if len(self._sessions) >= MOST_AT_ONCE:
                now = time.monotonic()
                for other in list(self._sessions.values()):
                    if other.heard < now - (IDLE if other.answers else NEW):
                        self._forget(other.rater)
            if len(self._sessions) >= MOST_AT_ONCE:
                raise RefusedError("too many take part just now: come back in some minutes")
            session = self._sessions[rater] = Session(rater, order)
            terms = {key: getattr(design, key) for key in ("practice", "trials", "seconds")}
            return {"rater": rater, **terms, **self._show(session)}

    def answer(self, rater: str, number: int, left: bool, seconds: float) -> dict[str, Any]:
        """Take down an answer to trial `number`, from 1, and give the next; in practice, whether
        it was right.

        Raises RefusedError where that is not the trial at hand, and DiptychError where the answer
        cannot be written.
        """
        with self._lock:
            session = self._sessions.get(rater)
            if session is None:
                raise RefusedError("this session is over: load the page again to begin another")
            if number != len(session.answers) + 1:
                raise RefusedError("this trial was answered already")
            practice = number <= self.design.practice
            answer = Answer(session.trials[number - 1], practice, left, seconds)
            write_answers(self.folder, rater, [*session.answers, answer], of=self.design.whole)
            session.answers.append(answer)
            session.heard = time.monotonic()
            verdict = {"correct": answer.correct} if practice else {}
            if number < self.design.whole:
                return {**verdict, **self._show(session)}
            self._forget(rater)
        self.on_finish(rater)
        return {**verdict, "trial": None}

    def picture(self, name: str) -> bytes | None:
        """A PNG of a trial at hand, or None."""
        with self._lock:
            return self._visible.get(name)

    def _show(self, session: Session) -> dict[str, Any]:
        self._hide(session)
        number, design = len(session.answers), self.design
        practice = number < design.practice
        session.names = (secrets.token_hex(16), secrets.token_hex(16))
        sides = self.pictures.of(session.trials[number])
        self._visible.update(zip(session.names, sides, strict=True))
        left, right = session.names
        of = design.practice if practice else design.trials
        at_hand = {"number": number + 1, "practice": practice, "left": left, "right": right}
        return {"trial": {**at_hand, "of": of}}

    def _hide(self, session: Session) -> None:
        for name in session.names:
            self._visible.pop(name, None)

    def _forget(self, rater: str) -> None:
        self._hide(self._sessions.pop(rater))


def keep_design(folder: Path, facts: dict[str, Any], design: Design) -> None:
    """Write what a study is about to `study.json`, so that no other is mixed with it.

    Raises DiptychError where the folder holds answers of another one.
    """
    path = folder / DESIGN
    wanted = {**facts, **asdict(design)}
    if path.exists():
        try:
            kept = json.loads(path.read_text("utf-8"))
            other = next((key for key in wanted if kept.get(key) != wanted[key]), None)
        except (OSError, ValueError, AttributeError):
            raise DiptychError(f"{path}: damaged: give another --out") from None
        if other is not None:
            raise DiptychError(
                f"{folder}: holds a study with {other} {kept.get(other)!r}, not {wanted[other]!r}: "
                "give another --out"
            )
    write_whole(path, json.dumps(wanted, indent=2) + "\n")
