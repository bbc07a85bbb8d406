"""Budgets, rates, what is due and what may be done beside training."""

import pytest
from torch import nn

from diptych.schema import Recipe, Train
from diptych.training.schedule import Schedule


class Clock:
    """Moved by hand."""

    def __init__(self):
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def begun(clock=None, steps=200, **settings) -> Schedule:
    schedule = Schedule(
        Recipe(train=Train(**settings)), steps, 10, nn.Linear(1, 1), clock=clock or Clock()
    )
    schedule.costs["checkpoint"] = 0.0
    schedule.begin()
    return schedule


def progress(step: int, seconds: float, reserved: float = 0.0, **settings) -> float:
    clock = Clock()
    schedule = begun(clock, **settings)
    schedule.costs["validation"] = reserved
    clock.now = seconds
    assert schedule.goes_on(step) == (schedule.progress < 1)
    return schedule.progress


def test_progress_in_steps_and_in_minutes():
    assert progress(50, 9999) == 0.25
    assert progress(199, 30, minutes=2) == 0.25
    assert progress(1, 55, reserved=10, minutes=2) == 0.5
    assert progress(1, 1000, minutes=2) == 1
    assert progress(0, 1000, minutes=2) == 0, "there is always a first step"


def test_rate_is_full_for_half_and_ends_at_zero():
    schedule, rates = begun(learning_rate=1.0), []
    for step in (0, 100, 150, 200):
        schedule.goes_on(step)
        rates.append(schedule.rate)
    assert rates == [1, 1, 0.5, 0]


def test_the_rate_does_not_rise_where_the_last_validation_turns_out_cheap():
    clock = Clock()
    schedule = begun(clock, minutes=1, learning_rate=1.0)
    schedule.costs["validation"] = 20.0
    clock.now = 30.0
    assert schedule.goes_on(1)
    assert schedule.rate == pytest.approx(0.5)
    schedule.costs["validation"] = 1.0
    assert schedule.goes_on(2)
    assert schedule.rate == pytest.approx(0.5)


def test_in_steps_what_is_due_follows_from_the_step():
    clock = Clock()
    schedule = begun(clock, steps=45, validate_epochs=2, checkpoint_steps=15)
    assert [s for s in range(1, 46) if schedule.validation_due(s)] == [20, 40, 45]
    assert [s for s in range(1, 46) if schedule.checkpoint_due(s)] == [15, 30, 45]
    clock.now = 60 * 5.0
    assert schedule.checkpoint_due(1), "minutes are over since the last one"
    with schedule.timed("checkpoint"):
        clock.now += 100
    assert not schedule.checkpoint_due(2)
    assert (schedule.costs["checkpoint"], schedule.upkeep) == (100, 100)
    assert schedule.tick() - schedule.stepping == 100, "what went into no steps"


@pytest.mark.parametrize("steps", [60, 1000, 3200, 80_000, 519_000])
def test_a_budget_of_steps_has_some_thirty_validations(steps):
    """Not by its epochs: few pairs have short ones, many pairs hardly a handful."""
    for steps_per_epoch in (1, 2, 400, 34_600):
        recipe = Recipe()
        schedule = Schedule(recipe, steps, steps_per_epoch, nn.Linear(1, 1), validated=0.1)
        due = [step for step in range(1, steps + 1) if schedule.validation_due(step)]
        assert 20 <= len(due) <= 40
        assert due[-1] == steps


def test_without_a_budget_there_are_some_thirty_too():
    for steps, least, most in ((3000, 18, 22), (6000, 24, 29), (20_000, 37, 41)):
        schedule = begun(steps=0)
        schedule.growth.best = -1.0
        count = 0
        for step in range(1, steps):
            if schedule.validation_due(step):
                schedule.learned(step, 1.0 / step)
                count += 1
        assert least <= count <= most


@pytest.mark.parametrize("steps", [0, 1000])
def test_where_validations_would_take_long_there_are_fewer(steps):
    """32 pictures, which count as 32 steps of one."""
    schedule = Schedule(Recipe(train=Train(epochs=0)), steps, 10, nn.Linear(1, 1), validated=32)
    due = []
    for step in range(1, 1001):
        if schedule.validation_due(step):
            due.append(step)
            schedule.learned(step, 1.0 / step)
    assert due == ([320, 640, 960, 1000] if steps else [320, 640, 960])


def test_what_a_checkpoint_keeps_goes_on():
    clock = Clock()
    schedule = begun(clock, minutes=1)
    clock.now = 40.0
    with schedule.timed("validation"):
        clock.now += 5
    schedule.tick()
    again = begun(clock, minutes=1)
    again.load_state_dict({"step": 7, **schedule.state_dict()})
    again.begin()
    assert (again.seconds, again.upkeep) == (45, 5)
    assert again.progress == 0.75
    assert not again.finished(7)
    schedule.finish()
    again.load_state_dict({"step": 7, **schedule.state_dict()})
    assert again.finished(7)
    assert begun(steps=7).finished(7)
    assert not begun(steps=8).finished(7)


@pytest.mark.parametrize(("minutes", "cost"), [(10, 2.0), (3, 0.5), (60, 20.0), (2, 3.0)])
def test_upkeep_stays_under_five_per_cent(minutes, cost):
    """A clock that is moved by hand, validations of a given cost, one every second offered."""
    clock, rounds = Clock(), 0
    schedule = begun(clock, minutes=minutes)

    def validate() -> None:
        with schedule.timed("validation"):
            clock.now += cost

    validate()
    while schedule.goes_on(1):
        if schedule.validation_due(1):
            validate()
            rounds += 1
        clock.now += 1
    validate()
    # The first and the last are always made, whatever they cost.
    assert schedule.upkeep <= max(0.05 * 60 * minutes, 2 * cost)
    assert rounds <= Schedule.ROUNDS
    if 2 * cost < 0.02 * 60 * minutes:
        assert rounds > 0


def test_without_a_budget_validations_are_spaced_by_the_steps_and_the_scores_end_it():
    schedule = begun(steps=0, learning_rate=1.0, decay=0.25)
    validated, rates, step = [], [], 0
    while schedule.goes_on(step):
        rates.append(schedule.rate)
        step += 1
        if schedule.validation_due(step):
            validated.append(step)
            schedule.learned(step, 1.0)
    assert validated[:3] == [120, 240, 360]
    assert validated[10:14] == [1320, 1452, 1597, 1757]
    assert schedule.growth.decay_from == 1757, "1,500 steps after the first score"
    assert (step, validated[-1]) == (2343, 2343), "a quarter more, validated at its end"
    assert rates[:1758] == [1.0] * 1758
    assert rates[1758:] == sorted(rates[1758:], reverse=True)
    assert 0 < rates[-1] < 0.01
    assert schedule.finished(step)


def test_without_a_budget_a_checkpoint_goes_on():
    schedule = begun(steps=0, decay=0.25)
    for step in range(1, 1900):
        schedule.goes_on(step)
        if schedule.validation_due(step):
            schedule.learned(step, 1.0)
    again = begun(steps=0, decay=0.25)
    again.load_state_dict({"step": 1899, **schedule.state_dict()})
    assert again.growth == schedule.growth
    assert again.progress == schedule.progress > 0.75
    assert not again.validation_due(1900)
    assert again.validation_due(1933)


def test_a_larger_budget_outgrows_what_was_done():
    schedule = begun(steps=100)
    schedule.goes_on(80)
    schedule.begins_to_fall(80)
    state = {"step": 80, **schedule.state_dict()}
    for steps, outgrown in ((100, False), (90, False), (200, True), (0, True)):
        again = begun(steps=steps)
        again.load_state_dict(state)
        assert again.outgrows(state) == outgrown
    early = begun(steps=100)
    early.goes_on(30)
    early.begins_to_fall(30)
    state = {"step": 30, **early.state_dict()}
    longer = begun(steps=200)
    longer.load_state_dict(state)
    assert not longer.outgrows(state), "its rate had not fallen"


def test_the_discriminator_waits_for_its_share():
    recipe = Recipe.model_validate({"loss": {"adversarial_from": 0.5}})
    schedule = Schedule(recipe, 10, 10, nn.Linear(1, 1), clock=Clock())
    judging = []
    for step in range(10):
        schedule.goes_on(step)
        judging.append(schedule.judging)
    assert judging == [False] * 5 + [True] * 5
    assert schedule.judged_from == 5
    again = Schedule(recipe, 10, 10, nn.Linear(1, 1), clock=Clock())
    again.load_state_dict({"step": 9, **schedule.state_dict()})
    assert again.judged_from == 5
    assert begun().judged_from is None


def test_where_there_is_no_discriminator_nothing_waits_for_one():
    tables = {"loss": {"adversarial_from": 0.5, "adversarial": "none"}}
    schedule = Schedule(Recipe.model_validate(tables), 10, 10, nn.Linear(1, 1), clock=Clock())
    schedule.goes_on(0)
    assert schedule.judged_from == 0, "no model is discarded half-way for one that comes"


def test_minutes_that_were_used_up_are_no_larger_budget():
    """What is set aside for the last validation is known to the run that made one alone."""
    clock = Clock()
    schedule = begun(clock, minutes=0.1)
    schedule.costs["validation"] = 1.5
    clock.now = 5.0
    assert not schedule.goes_on(38)
    schedule.finish()
    state = {**schedule.state_dict(), "step": 38}
    again = begun(minutes=0.1)
    again.load_state_dict(state)
    assert not again.outgrows(state)
    assert again.finished(38)
    longer = begun(minutes=0.2)
    longer.load_state_dict(state)
    assert longer.outgrows(state)
