"""`evaluate`: how models are named beside each other."""

from pathlib import Path

import pytest

from diptych.commands.evaluate_command import short_names


@pytest.mark.parametrize(
    ("places", "names"),
    [
        (["runs/a", "runs/b"], ["a", "b"]),
        (["r/a/m.onnx", "r/b/m.onnx"], ["a/m.onnx", "b/m.onnx"]),
        (["x/runs/a", "y/runs/a"], ["x/runs/a", "y/runs/a"]),
        (["a", "a.onnx", "other/b"], ["a", "a.onnx", "b"]),
    ],
)
def test_as_much_of_a_path_as_tells_it_from_the_others(places, names):
    assert short_names([Path(place) for place in places]) == names
