"""A run without a budget: when its phases end, and what follows."""

import pytest

from diptych.config import load_recipe
from diptych.training.growth import LEAST, Growth, growth_of


def steps_until(growth: Growth, score, every: int = 100) -> dict[str, int]:
    """Validate at every so many steps by `score`, until its end; where what began."""
    began, step = {}, 0
    while growth.end is None or step < growth.end:
        step += every
        growth.learned(step, score(step))
        if not growth.waiting:
            began.setdefault("judging", step)
        if growth.decay_from is not None:
            began.setdefault("falling", step)
    return began | {"end": step}


def test_a_phase_ends_when_nothing_became_better_for_long():
    began = steps_until(Growth(decay=0.25, waiting=True), lambda step: max(1.0, 3 - step / 1000))
    assert began["judging"] == 2000 + LEAST, "the best score was that of step 2,000"
    assert began["falling"] == began["judging"] + 100 + LEAST
    assert began["end"] == pytest.approx(began["falling"] / 0.75, abs=100)


def test_patience_grows_with_the_run():
    began = steps_until(Growth(decay=0.5, waiting=False), lambda step: max(1.0, 30 - step / 1000))
    assert began["falling"] == pytest.approx(29_000 / 0.75, abs=200)


def test_what_is_hardly_better_is_not_better():
    began = steps_until(Growth(decay=0.5, waiting=False), lambda step: 1 - step / 1e7)
    assert began["falling"] == 100 + LEAST


def test_the_rate_falls_from_what_is_left():
    growth = Growth(decay=0.25, waiting=False, decay_from=3000)
    assert growth.end == 4000
    assert [growth.progress(step) for step in (3000, 3500, 4000)] == [0.75, 0.875, 1.0]


def test_scores_in_the_decay_change_nothing_and_a_checkpoint_keeps_all():
    growth = Growth(decay=0.25, waiting=True)
    for step in range(100, 2000, 100):
        growth.learned(step, 1.0)
    again = Growth(decay=0.25, waiting=True)
    again.load_state_dict(growth.state_dict())
    assert again == growth
    assert not again.waiting
    falling = Growth(decay=0.25, waiting=False, decay_from=3000)
    falling.learned(3100, 0.0)
    assert falling == Growth(decay=0.25, waiting=False, decay_from=3000)


def test_a_discriminator_waits_where_the_recipe_says_so():
    assert growth_of(load_recipe("diptych")).waiting
    assert not growth_of(load_recipe("diptych", {"loss.adversarial": "none"})).waiting
    assert not growth_of(load_recipe("diptych", {"loss.adversarial_from": 0})).waiting
    assert growth_of(load_recipe("diptych")).shortest > 2 * LEAST
