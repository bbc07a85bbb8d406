import threading

import numpy as np
import pytest
import torch

from diptych.data.ahead import Ahead
from diptych.data.batches import Batches
from diptych.data.crops import Rectangles
from diptych.data.pairs import COLOURS
from diptych.errors import DiptychError
from diptych.schema import Recipe


class Watched(Batches):
    """Notes which steps were made, and lets a test wait for one."""

    def __init__(self) -> None:
        pictures = np.random.default_rng(0).integers(0, 256, (7, 12, 12, 3), np.uint8)
        crops = Rectangles(pictures, pictures.copy(), (8, 8))
        super().__init__(crops, (COLOURS, COLOURS), Recipe(), 3)
        self.made: dict[int, threading.Event] = {step: threading.Event() for step in range(20)}

    def at(self, step):
        if step == 13:
            raise DiptychError("no luck")
        batch = super().at(step)
        self.made[step].set()
        return batch


def test_batches_are_the_same_in_turn_and_out_of_turn():
    plain, ahead = Watched(), Ahead(Watched())
    for step in (0, 1, 2, 3, 9, 10, 2, 0):
        assert all(map(torch.equal, ahead.at(step)[:2], plain.at(step)[:2]))


def test_the_one_that_follows_is_made_meanwhile():
    watched = Watched()
    ahead = Ahead(watched)
    ahead.at(4)
    assert watched.made[5].wait(timeout=60), "nobody has asked for it yet"
    assert not watched.made[6].is_set()


def test_what_goes_wrong_is_raised_when_it_is_asked_for():
    ahead = Ahead(Watched())
    ahead.at(12)
    with pytest.raises(DiptychError, match="no luck"):
        ahead.at(13)
