"""The two distributions are of one package and of one mind."""

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]


def project(path: str) -> dict:
    return tomllib.loads((ROOT / path).read_text("utf-8"))["project"]


def names(requirements: list[str]) -> dict[str, str]:
    return {re.split(r"[<>=!~;\[ ]", text)[0]: text for text in requirements}


def test_the_light_one_asks_for_nothing_else_and_not_for_torch():
    whole, light = project("pyproject.toml"), project("onnx/pyproject.toml")
    expected = names(whole["dependencies"]) | names(whole["optional-dependencies"]["onnx"])
    asked = names(light["dependencies"])
    assert asked.items() <= expected.items()
    assert not asked.keys() & {"torch", "lightning-fabric", "torchmetrics", "tensorboard"}
    assert light["optional-dependencies"]["video"] == whole["optional-dependencies"]["video"]
    for key in ("license", "requires-python", "scripts"):
        assert light[key] == whole[key]
