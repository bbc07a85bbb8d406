import time

import pytest
import torch

from diptych.schema import Augment, Data, Derive, Recipe
from diptych.training.waiting import Waiting, advice


class Slow:
    device = torch.device("cpu")

    def at(self, step):
        time.sleep(0.02)
        return step


def test_the_share_is_of_each_interval_and_much_is_said_once_but_not_of_the_first():
    notes: list[str] = []
    waiting = Waiting(Slow(), Recipe(), notes.append)
    shares, said = [], []
    for seconds in (0.1, 10, 0.1, 0.1):
        assert waiting.batch(3) == 3
        shares.append(waiting.share(seconds))
        said.append(len(notes))
    assert said == [0, 0, 1, 1]
    assert min(shares[0], *shares[2:]) >= 0.2
    assert 0.002 <= shares[1] < 0.1
    assert "goes into waiting for pairs: a smaller data.load_size" in notes[0]


@pytest.mark.parametrize(
    ("recipe", "says"),
    [
        (Recipe(), "data.load_size"),
        (Recipe(data=Data(fit="patches")), "fast disk"),
        (Recipe(augment=Augment(colour=0.2)), "augment.colour"),
        (Recipe(derive=Derive(kind="degrade")), "data derive"),
    ],
)
def test_the_advice_is_about_what_takes_long(recipe, says):
    assert says in advice(recipe)
