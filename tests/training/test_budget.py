"""Budgets, rates and what may be done beside training."""

import pytest
from torch import nn

from diptych.training.budget import Budget, Upkeep, rate_factor


def test_progress_in_steps_and_in_minutes():
    assert Budget(200).progress(50, 9999) == 0.25
    assert Budget(200, minutes=2).progress(199, 30) == 0.25
    assert Budget(200, minutes=2).progress(1, 55, reserved=10) == 0.5
    assert Budget(200, minutes=2).progress(1, 1000) == 1
    assert Budget(200, minutes=2).progress(0, 1000) == 0, "there is always a first step"


def test_rate_is_full_for_half_and_ends_at_zero():
    assert [rate_factor(p) for p in (0, 0.5, 0.75, 1)] == [1, 1, 0.5, 0]


@pytest.mark.parametrize(("minutes", "cost"), [(10, 2.0), (3, 0.5), (60, 20.0), (2, 3.0)])
def test_upkeep_stays_under_five_per_cent(minutes, cost):
    """A clock that is moved by hand, validations of a given cost, one every second offered."""
    upkeep = Upkeep(Budget(1, minutes), nn.Linear(1, 1), spent=0.0)
    upkeep.record("validation", cost)
    seconds, last, rounds = cost, 0.0, 0
    while seconds + upkeep.reserve() < 60 * minutes:
        if upkeep.due(seconds, seconds - last):
            seconds += cost
            upkeep.record("validation", cost)
            last, rounds = seconds, rounds + 1
        seconds += 1
    upkeep.record("validation", cost)
    # The first and the last are always made, whatever they cost.
    assert upkeep.spent <= max(0.05 * 60 * minutes, 2 * cost)
    assert rounds <= Upkeep.ROUNDS
    if 2 * cost < 0.02 * 60 * minutes:
        assert rounds > 0
