"""What training imports before its first step, and what never: each costs seconds."""

import json
import subprocess
import sys

import pytest

PROGRAM = """
import json, sys
from diptych.training.trackers import Tracker
from diptych.training.train import train

NEVER = ["torch._dynamo", "sympy", "lightning_fabric", "torchmetrics", "scipy"]
LATER = ["jinja2", "diptych.evaluation.report"]

class Watching(Tracker):
    at_first = None

    def stepped(self, step, progress, seconds):
        if self.at_first is None:
            self.at_first = [name for name in NEVER + LATER if name in sys.modules]

overrides = {
    "data.load_size": 36, "data.crop_size": 32, "train.steps": 2, "train.ema": 0.9,
    "generator.base_channels": 4, "discriminator.base_channels": 4,
}
watching = Watching()
recipe, data, out = sys.argv[1:]
train(recipe, data=data, out=out, overrides=overrides, device="cpu", trackers=[watching])
print(json.dumps([watching.at_first, [name for name in NEVER if name in sys.modules]]))
"""


@pytest.mark.slow
@pytest.mark.parametrize("recipe", ["pix2pix", "diptych"])
def test_training_imports_no_compiler_and_no_report_before_it_is_written(
    recipe, made_pairs, tmp_path
):
    words = [sys.executable, "-c", PROGRAM, recipe, str(made_pairs), str(tmp_path / "run")]
    written = subprocess.run(words, check=True, capture_output=True, text=True).stdout
    assert json.loads(written.splitlines()[-1]) == [[], []]
    assert (tmp_path / "run" / "report.html").is_file()
