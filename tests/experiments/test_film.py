"""Moments of a training, and the film that is made of them."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from diptych.experiments.film import HEIGHT, LAST_SHOWN, MOMENTS, SHOWN, Moments, frame, write_film
from diptych.schema import Recipe
from diptych.training.trackers import Beginning

STEPS = 200


def watch(folder: Path, steps: range) -> Moments:
    moments = Moments(folder)
    folder.mkdir(exist_ok=True)
    moments.begin(Beginning(folder, Recipe(), "CPU", ("a", "b"), {}, 0, STEPS, 0, 1, Path.touch))
    for step in steps:
        moments.stepped(step, (step - 1) / STEPS, 0.0)
    return moments


def steps_of(moments: Moments) -> list[int]:
    return [int(path.stem.removeprefix("step_")) for path in moments.models()]


def test_a_model_is_kept_at_each_moment(tmp_path):
    moments = watch(tmp_path / "moments", range(1, STEPS + 1))
    assert steps_of(moments) == [1 + round(share * STEPS) for share in MOMENTS]


def test_a_training_that_goes_on_adds_its_own(tmp_path):
    whole = steps_of(watch(tmp_path / "whole", range(1, STEPS + 1)))
    watch(tmp_path / "moments", range(1, 51))
    gone_on = steps_of(watch(tmp_path / "moments", range(51, STEPS + 1)))
    assert gone_on == sorted({*whole, 51})


@pytest.mark.parametrize("size", [(70, 44), (600, 1000)])
def test_frames_become_a_film(size, tmp_path):
    pictures = [np.full((*size, 3), shade, np.uint8) for shade in (0, 80, 160)]
    frames = [frame([("before", pictures[0]), ("after", each)]) for each in pictures]
    write_film(iter(frames), tmp_path / "film.webp")
    with Image.open(tmp_path / "film.webp") as film:
        assert (film.n_frames, film.size) == (3, frames[0].size)
        assert HEIGHT < film.height < HEIGHT + 50
        durations = []
        for number in range(3):
            film.seek(number)
            film.load()
            durations.append(film.info["duration"])
    assert durations == [SHOWN, SHOWN, LAST_SHOWN]
