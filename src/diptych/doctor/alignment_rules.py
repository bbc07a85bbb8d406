"""Rules on how source and target lie on each other: swapped sides, and shifts."""

from collections.abc import Iterator
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


def typical_shift(survey: Survey) -> TypicalShift | None:
    """Of the pairs with a clear peak; None where too few have one."""
    shifts = _clear_shifts(survey)
    measured = sum(record.shift is not None for record in survey.records)
    if len(shifts) < FEWEST or len(shifts) < _TELLING * measured:
        return None
    right, down = (
        float(np.median([getattr(shift, axis) for shift in shifts.values()]))
        for axis in ("right", "down")
    )
    near = [_apart(shift, right, down) <= _NEAR * shift.pixel for shift in shifts.values()]
    return TypicalShift(right, down, len(shifts) / measured, sum(near) / len(near))


def shifted(survey: Survey) -> Iterator[Finding]:
    """A shift that all pairs share, pairs shifted otherwise, or no register at all."""
    typical = typical_shift(survey)
    if typical is None:
        return
    shifts, headers = _clear_shifts(survey), survey.headers(1)
    source, target = survey.domains
    apart = {n: _apart(shift, typical.right, typical.down) for n, shift in shifts.items()}
    places = {
        n: survey.place(n, 1, f"{in_words(s.right, s.down)}, the peak {s.clear:.1f} times the next")
        for n, s in sorted(shifts.items(), key=lambda item: apart[item[0]], reverse=True)
    }
    if typical.agreeing < _AGREEING:
        # Only where the peaks lie apart by more than a picture's own blur.
        if np.median([apart[n] / shift.pixel for n, shift in shifts.items()]) > _FAR:
            message = (
                f"{source} and {target} do not lie on each other, and by another shift in each "
                f"pair: half of them are more than {np.median(list(apart.values())):.0f} pixels "
                "from the median"
            )
            advice = "register them first: a network learns what is shifted at random as blur"
            yield Finding("shift", "warning", "likely", message, advice, [*places.values()])
        return
    pixel = float(np.median([shift.pixel for shift in shifts.values()]))
    if max(abs(typical.right), abs(typical.down)) >= _TYPICAL * pixel:
        near = [places[n] for n in shifts if apart[n] <= _NEAR][:6]
        message = (
            f"{target} lies off {source}, {in_words(typical.right, typical.down)}, "
            f"in {typical.agreeing:.0%} of the {len(shifts):,} pairs that tell"
        )
        advice = "translated pictures will be shifted as much: move one side back before training"
        yield Finding("shift of all", "warning", "likely", message, advice, near)
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


def _clear_shifts(survey: Survey) -> dict[int, Shift]:
    return {
        number: shift
        for number, record in enumerate(survey.records)
        if (shift := record.shift) is not None and shift.clear >= _CLEAR and shift.strong >= _STRONG
    }


def _apart(shift: Shift, right: float, down: float) -> float:
    return max(abs(shift.right - right), abs(shift.down - down))
