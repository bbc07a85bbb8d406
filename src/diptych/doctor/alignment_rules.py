"""Rules on how source and target lie on each other: swapped sides, and shifts."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from operator import itemgetter

import numpy as np

from diptych.doctor.findings import Finding, count
from diptych.doctor.shift import Shift
from diptych.doctor.survey import Survey

FEWEST = 8  # pairs that say what is usual

# Swapped sides. A feature tells the domains apart where its difference between source and target
# has a median so many times its spread.
_TELLS = 1.5
# Each pair then has a score: 1 where its sides differ as they usually do, -1 where they do so the
# other way round. Lowest of the real sets: facades .6, cityscapes .6, maps .4, edges2shoes .5,
# edges2handbags .2, roadscene .6, CT and MRI .4, noise (polyu) .04; none was below 0. Swapped, all
# of them change sign: of each set at least 97 % would fall below this, of polyu 82 %.
_SWAPPED = -0.4

# Shifts. A peak so many times as high as the next, with so much of the edges in agreement, is one
# to go by. Of 270 pairs shifted at will (facades, edges2handbags) no wrong one was clearer than
# 1.2; of open sea (maps) some are, and agree in .064 at most. Aligned pairs agree in .1 to .3.
_CLEAR, _STRONG = 1.4, 0.07
# Of the pairs so many have to tell, and agree with the median to within so many pixels (of the 512
# that the longer side is reduced to), before a single one is said to be shifted.
_TELLING, _AGREEING, _NEAR = 0.3, 0.7, 2.0
# And it has to differ from the usual by more than so many pixels, and this share of its longer
# side. The largest of facades is 3 of 256, of CT and MRI 4 of 256, of roadscene 3 of 446, of
# maps_original 7 of 600; of maps four are 5 of 286, and look it.
_FAR, _FAR_SHARE = 4.5, 0.015
# What all pairs share is measured better: but edges of labels and photos may well lie 1 apart.
_TYPICAL = 2.0


def swapped(survey: Survey) -> Iterator[Finding]:
    """Pairs with source and target the other way round than in the others."""
    scores = _scores(survey)
    places = [
        survey.place(number, 0, f"{min(1, -score):.0%} like the others, turned round")
        for number, score in sorted(scores.items(), key=itemgetter(1))
        if score < _SWAPPED
    ]
    if places:
        source, target = survey.domains
        message = (
            f"{count(len(places), 'pair')} with {source} and {target} the other way round "
            f"than in the other {len(scores) - len(places):,}"
        )
        advice = "swap the two files or halves back, or leave the pair out"
        yield Finding("swapped", "error", "likely", message, advice, places, leave_out=True)


def _scores(survey: Survey) -> dict[int, float]:
    """How far each pair's sides differ as usual: see `_SWAPPED`; empty where none can tell."""
    features = {
        number: [look.features for look in looks]
        for number, looks in survey.looks_of_pairs().items()
        if len(looks) == 2 and not any(look.blank for look in looks)
    }
    if len(features) < FEWEST:
        return {}
    both = np.array(list(features.values()))
    apart = both[:, 0] - both[:, 1]
    usual = np.median(apart, axis=0)
    spread = 1.4826 * np.median(np.abs(apart - usual), axis=0)
    spread += 0.02 * np.abs(both).mean(axis=(0, 1)) + 0.01  # what is always 0 tells nothing
    telling = np.abs(usual) / spread
    weights = np.where(telling > _TELLS, np.minimum(telling, 5) ** 2, 0)
    if not weights.any():
        return {}
    ratios = (apart / np.where(weights > 0, usual, 1)).clip(-2, 2)
    scores = ratios @ weights / weights.sum()
    # Most pairs have to fall on the one side or the other.
    if np.mean(np.abs(scores) > -_SWAPPED / 2) < 0.9:
        return {}
    return dict(zip(features, scores.tolist(), strict=True))


@dataclass(frozen=True)
class TypicalShift:
    """The median of the pairs that tell, in pixels, their share, and the share that agrees."""

    right: float
    down: float
    telling: float
    agreeing: float


@dataclass(frozen=True)
class Register:
    """How source and target lie on each other, in the pairs that tell.

    `apart`: how far each of `shifts` lies from the typical one, in pixels of the target; `pixel`: a
    pixel of the measurement in these.
    """

    typical: TypicalShift
    shifts: Mapping[int, Shift]
    apart: Mapping[int, float]
    pixel: float

    @property
    def scattered(self) -> bool:
        """Whether each pair is shifted otherwise."""
        return self.typical.agreeing < _AGREEING

    def in_words(self, source: str, target: str) -> tuple[str, str] | None:
        """What is wrong with all of them, and what can be done; None where nothing is."""
        typical = self.typical
        if self.scattered:
            # Only where the peaks lie apart by more than a picture's own blur.
            spread = [self.apart[number] / shift.pixel for number, shift in self.shifts.items()]
            if np.median(spread) <= _FAR:
                return None
            message = (
                f"{source} and {target} do not lie on each other, and by another shift in each "
                f"pair: half of them are more than {np.median([*self.apart.values()]):.0f} pixels "
                "from the median"
            )
            return (
                message,
                "register them first: a network learns what is shifted at random as blur",
            )
        if max(abs(typical.right), abs(typical.down)) < _TYPICAL * self.pixel:
            return None
        message = (
            f"{target} lies off {source}, {in_words(typical.right, typical.down)}, "
            f"in {typical.agreeing:.0%} of the {len(self.shifts):,} pairs that tell"
        )
        advice = "translated pictures will be shifted as much: move one side back before training"
        return message, advice


def register_of(measured: Mapping[int, Shift | None]) -> Register | None:
    """Of the pairs with a clear peak, by their numbers; None where too few have one."""
    shifts = {
        number: shift
        for number, shift in measured.items()
        if shift is not None and shift.clear >= _CLEAR and shift.strong >= _STRONG
    }
    peaks = sum(shift is not None for shift in measured.values())
    if len(shifts) < FEWEST or len(shifts) < _TELLING * peaks:
        return None
    right, down = (
        float(np.median([getattr(shift, axis) for shift in shifts.values()]))
        for axis in ("right", "down")
    )
    apart = {number: _apart(shift, right, down) for number, shift in shifts.items()}
    near = [apart[number] <= _NEAR * shift.pixel for number, shift in shifts.items()]
    typical = TypicalShift(right, down, len(shifts) / peaks, sum(near) / len(near))
    return Register(
        typical, shifts, apart, float(np.median([shift.pixel for shift in shifts.values()]))
    )


def typical_shift(survey: Survey) -> TypicalShift | None:
    """Of the pairs with a clear peak; None where too few have one."""
    register = _register(survey)
    return None if register is None else register.typical


def shifted(survey: Survey) -> Iterator[Finding]:
    """A shift that all pairs share, pairs shifted otherwise, or no register at all."""
    register = _register(survey)
    if register is None:
        return
    shifts, apart, headers = register.shifts, register.apart, survey.headers(1)
    source, target = survey.domains
    places = {
        n: survey.place(n, 1, f"{in_words(s.right, s.down)}, the peak {s.clear:.1f} times the next")
        for n, s in sorted(shifts.items(), key=lambda item: apart[item[0]], reverse=True)
    }
    fault = register.in_words(source, target)
    if register.scattered:
        if fault is not None:
            yield Finding("shift", "warning", "likely", *fault, [*places.values()])
        return
    if fault is not None:
        near = [places[n] for n in shifts if apart[n] <= _NEAR][:6]
        yield Finding("shift of all", "warning", "likely", *fault, near)
    limits = {
        n: max(_FAR * shift.pixel, _FAR_SHARE * max(headers[n].width, headers[n].height))
        for n, shift in shifts.items()
    }
    far = [place for n, place in places.items() if apart[n] > limits[n]]
    if far:
        message = f"{count(len(far), 'pair')} whose {target} does not lie where {source} has it"
        advice = "look at it: shift one side back, or leave the pair out"
        yield Finding("shift", "warning", "likely", message, advice, far)


def in_words(right: float, down: float) -> str:
    """As `3 px right, 1 px below`."""
    across = f"{abs(right):.0f} px {'right' if right > 0 else 'left'}" if round(right) else ""
    along = f"{abs(down):.0f} px {'below' if down > 0 else 'above'}" if round(down) else ""
    return ", ".join(part for part in (across, along) if part) or "none"


def _register(survey: Survey) -> Register | None:
    return register_of({number: record.shift for number, record in enumerate(survey.records)})


def _apart(shift: Shift, right: float, down: float) -> float:
    return max(abs(shift.right - right), abs(shift.down - down))
